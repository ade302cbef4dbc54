/**
 * The loader (/embed.js), a classic script for other people's pages: it knows the element `<banter-chat>`, and a
 * script tag with `data-room` puts one beside itself. It frames the chat, passes words on in both directions, and
 * hears nobody but the frame that it made, from the origin that it loaded. Touches nothing else of the page.
 */

/** What the chat takes from the address; attributes are written with hyphens (`font-size` is `fontSize` there). */
const options = [
  "room", "theme", "accent", "font-size", "density", "readonly", "noheader", "lang", "hide-users", "guest", "overlay", "fade", "login", "session", "server",
];
/** What the chat says, and the event that tells the page: the detail is what was said. */
const events: Record<string, string> = { ready: "ready", message: "message", unread: "unread", error: "error", loginRequested: "login" };

const script = (document.currentScript ?? document.querySelector('script[src$="/embed.js"]')) as HTMLScriptElement | null;
const home = new URL(".", script?.src || location.href).href;

/**
 * The ground is there before the chat is, in its colour, and the frame is shown once it has drawn: nothing flashes.
 * A frame lets the page through only while both have one colour scheme, and a transparent chat is of the light one.
 */
const look = ":host{display:block;height:600px;max-width:100%;overflow:hidden;background:#fff;color-scheme:light dark}:host([hidden]){display:none}"
  + "@media(prefers-color-scheme:dark){:host{background:#16191f}}"
  + ":host([theme=light]){background:#fff;color-scheme:light}:host([theme=dark]){background:#16191f;color-scheme:dark}"
  + ":host([theme=transparent]),:host([overlay]){background:none;color-scheme:light}"
  + "iframe{display:block;width:100%;height:100%;border:0;opacity:0}.shown{opacity:1}";

class BanterChat extends HTMLElement {
  static readonly observedAttributes = options;
  /** What the page said last, to say it again to a frame that was loaded anew. */
  #queued: Record<string, unknown> = {};
  #frame: HTMLIFrameElement | undefined;
  #ready = false;
  #waiting: ReturnType<typeof setTimeout> | undefined;

  connectedCallback(): void {
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    for (const side of ["width", "height"] as const) {
      const size = this.getAttribute(side);
      if (size) this.style[side] = /^\d+$/.test(size) ? `${size}px` : size;
    }
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(look);
    root.adoptedStyleSheets = [sheet];

    const frame = (this.#frame = document.createElement("iframe"));
    frame.title = this.title || "Chat";
    frame.loading = this.hasAttribute("eager") ? "eager" : "lazy";
    frame.allow = "clipboard-write";
    frame.referrerPolicy = "strict-origin-when-cross-origin";
    frame.setAttribute("sandbox", "allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox allow-storage-access-by-user-activation");
    frame.onload = () => {
      frame.className = "shown";
      clearTimeout(this.#waiting);
      if (!this.#ready) this.#waiting = setTimeout(() => this.#complain(), 20_000);
    };
    this.#load();
    root.replaceChildren(frame);
    addEventListener("message", this.#hear);
  }

  disconnectedCallback(): void {
    removeEventListener("message", this.#hear);
    clearTimeout(this.#waiting);
    this.#frame = undefined;
  }

  attributeChangedCallback(name: string, before: string | null, value: string | null): void {
    if (!this.#frame || before === value) return;
    if (name === "theme") this.#send({ theme: value || "auto" });
    else if (name === "room" && value && this.#ready) {
      // The chat loads that room's page itself, or is refused it: it has to say again that it is there.
      this.#post({ room: value });
      this.#ready = false;
    } else this.#load();
  }

  /** Signs the visitor in with a token of the chat's server; it is kept for this frame alone. */
  login(token: string): void {
    delete this.#queued.logout;
    this.#send({ login: token });
  }

  logout(): void {
    delete this.#queued.login;
    this.#send({ logout: true });
    if (this.#ready) delete this.#queued.logout;
  }

  /** Styles of the page's own for the chat; another text takes the place of the first. */
  css(text: string): void {
    this.#send({ css: text });
  }

  /** Words and the pictures that stand for them: `{"wave": "https://…/wave.png"}`. */
  emotes(table: Record<string, string>): void {
    this.#send({ emotes: table });
  }

  get room(): string | null { return this.getAttribute("room"); }
  set room(uid: string) { this.setAttribute("room", uid); }
  get theme(): string | null { return this.getAttribute("theme"); }
  set theme(word: string) { this.setAttribute("theme", word); }

  #load(): void {
    const url = new URL("embed.html", (this.getAttribute("src") || home).replace(/\/*$/, "/"));
    for (const name of options) {
      const value = this.getAttribute(name);
      if (value !== null) url.searchParams.set(name.replace(/-./g, (pair) => pair[1]!.toUpperCase()), value || "1");
    }
    url.searchParams.set("host", location.origin);
    this.#ready = false;
    this.#frame!.src = url.href;
  }

  #send(message: Record<string, unknown>): void {
    Object.assign(this.#queued, message);
    if (this.#ready) this.#post(message);
  }

  #post(message: object): void {
    this.#frame?.contentWindow?.postMessage(message, new URL(this.#frame.src).origin);
  }

  readonly #hear = ({ source, origin, data }: MessageEvent<unknown>): void => {
    const frame = this.#frame;
    if (!frame || source !== frame.contentWindow || origin !== new URL(frame.src).origin || typeof data !== "object" || !data) return;
    if ("ready" in data) {
      this.#ready = true;
      clearTimeout(this.#waiting);
      this.#post(this.#queued);
      delete this.#queued.logout;
    }
    for (const [word, detail] of Object.entries(data)) {
      if (events[word]) this.#tell(events[word], detail);
    }
  };

  #tell(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(`banter:${name}`, { detail, bubbles: true, composed: true }));
  }

  /** A browser does not say why it refuses a frame; a page on the chat's server can find out. */
  #complain(): void {
    const doctor = new URL("embed-doctor.html", this.#frame!.src);
    doctor.search = new URLSearchParams({ room: this.room ?? "", site: location.origin }).toString();
    const detail = `The chat does not answer. To find out why, open ${doctor.href}`;
    console.warn(detail);
    this.#tell("error", { status: 0, code: "no_answer", detail, doctor: doctor.href });
  }
}

if (!customElements.get("banter-chat")) customElements.define("banter-chat", BanterChat);

/** One chat for each room, however often the tag is there. */
function place(tag: HTMLScriptElement, room: string): void {
  if (document.querySelector(`banter-chat[room="${CSS.escape(room)}"]`)) return;
  const chat = document.createElement("banter-chat");
  chat.setAttribute("src", home);
  for (const name of [...options, "title", "width", "height", "eager"]) {
    const value = tag.getAttribute(`data-${name}`);
    if (value !== null) chat.setAttribute(name, value);
  }
  const { target } = tag.dataset;
  if (target) document.querySelector(target)?.append(chat);
  else if (document.body.contains(tag)) tag.after(chat);
  else document.body.append(chat);
}

const room = script?.dataset.room;
if (script && room) {
  // A tag in the head, or one with a target below it, waits for the page.
  if (document.readyState === "loading" && (script.dataset.target || !document.body?.contains(script))) {
    addEventListener("DOMContentLoaded", () => place(script, room));
  } else place(script, room);
}
