/** The code that puts the room on a page, in each of the ways, with the chosen options in it. Pure. */

export type Way = "script" | "element" | "iframe" | "sdk" | "curl" | "obs";

export interface Appearance {
  theme: "auto" | "light" | "dark" | "transparent";
  accent: string;
  compact: boolean;
  guest: boolean;
  readonly: boolean;
}

export interface Place {
  /** Where the pages are. */
  pages: string;
  /** Where the API is. */
  server: string;
  room: string;
}

export const defaultAppearance: Appearance = { theme: "auto", accent: "", compact: false, guest: false, readonly: false };

export const ways: Record<Way, { title: string; text: string }> = {
  script: { title: "Script tag", text: "The chat appears where you put the tag." },
  element: { title: "Element", text: "For pages built from components: the chat updates when an attribute changes." },
  iframe: { title: "Iframe", text: "No script needed. Replace www.example.com with your site, or remove the host parameter." },
  sdk: { title: "JavaScript", text: "For your own chat window or a bot: the SDK in web/sdk, for browsers and Node." },
  curl: { title: "HTTP", text: "Any HTTP client can read and write messages. This call reads them; more calls are below." },
  obs: { title: "OBS overlay", text: "A browser source: transparent and read-only; messages fade out." },
};

/** The options that differ from what the chat does by itself, by the names of its attributes. */
function attributes(appearance: Appearance, { pages, server }: Place): [string, string][] {
  const all: [string, string | null][] = [
    ["theme", appearance.theme === "auto" ? null : appearance.theme],
    ["accent", appearance.accent || null],
    ["density", appearance.compact ? "compact" : null],
    ["guest", appearance.guest ? "" : null],
    ["readonly", appearance.readonly ? "" : null],
    ["server", server === pages ? null : server],
  ];
  return all.filter((pair): pair is [string, string] => pair[1] !== null);
}

/** The address of the chat with these options. */
export function chatUrl(appearance: Appearance, place: Place, more: Record<string, string> = {}): string {
  const url = new URL(`${place.pages}/embed.html`);
  url.searchParams.set("room", place.room);
  for (const [name, value] of [...attributes(appearance, place), ...Object.entries(more)]) url.searchParams.set(name, value || "1");
  return url.href.replaceAll("%3A", ":").replaceAll("%2F", "/");
}

export function snippet(way: Way, appearance: Appearance, place: Place): string {
  const { pages, server, room } = place;
  const written = (prefix: string) => attributes(appearance, place).map(([name, value]) => ` ${prefix}${name}${value ? `="${value}"` : ""}`).join("");
  switch (way) {
    case "script":
      return `<script src="${pages}/embed.js" data-room="${room}"${written("data-")} async></script>`;
    case "element":
      return `<script src="${pages}/embed.js" async></script>\n\n<banter-chat room="${room}"${written("")}></banter-chat>`;
    case "iframe":
      return `<iframe\n  src="${chatUrl(appearance, place, { host: "https://www.example.com" }).replaceAll("&", "&amp;")}"\n  title="Chat" width="360" height="600" loading="lazy"\n></iframe>`;
    case "sdk":
      return [
        'import { Realtime, Rest } from "@banter/sdk";', "",
        `const server = ${JSON.stringify(server)};`,
        "const { token } = await new Rest({ base: server }).loginAsGuest();",
        "const chat = new Realtime({ url: server, token });",
        'chat.on("message", ({ user, message }) => console.log(user.displayName, message));',
        `chat.join(${JSON.stringify(room)});`,
        "chat.connect();",
        `await chat.send(${JSON.stringify(room)}, "Hello from code");`,
      ].join("\n");
    case "curl":
      return `curl ${server}/rooms/${room}/messages`;
    case "obs":
      return chatUrl({ ...defaultAppearance, accent: appearance.accent }, place, { overlay: "1" });
  }
}
