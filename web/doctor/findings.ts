/**
 * What the doctor says about what it saw: facts go in, findings in plain words come out. Pure; main.tsx gathers
 * the facts and draws. `blocked` keeps the chat from working, `note` is good to know.
 */
import type { Room } from "../sdk/src";
import { framing, type FramingHeaders } from "./ancestors";

export interface Finding {
  verdict: "good" | "blocked" | "note";
  title: string;
  text: string;
  /** What to write where, to be copied. */
  fix?: string;
}

const good = (title: string, text = ""): Finding => ({ verdict: "good", title, text });
const note = (title: string, text: string, fix?: string): Finding => ({ verdict: "note", title, text, ...(fix ? { fix } : {}) });
const blocked = (title: string, text: string, fix?: string): Finding => ({ verdict: "blocked", title, text, ...(fix ? { fix } : {}) });

/** The attributes that the chat needs in a sandbox, and what is lost without each. */
export const sandboxWords: Record<string, string> = {
  "allow-scripts": "nothing runs at all",
  "allow-same-origin": "it cannot reach its own server or remember who is logged in",
  "allow-forms": "nobody can log in",
  "allow-popups": "links and the login window do not open",
  "allow-popups-to-escape-sandbox": "links open as pages with restrictions",
};

/** May the site frame the room, and if not, who says so: the room's list, or something in front of the server. */
export function framingFinding(headers: FramingHeaders, room: Room, site: string, self: string, server: string): Finding {
  const { allowed, ...decided } = framing(headers, site, self);
  const sites = room.allowedSites;
  if (allowed) {
    return sites.length
      ? good(`${site} may frame this room`, `The room allows ${sites.length === 1 ? "only this site" : `${sites.length} sites, and this is one of them`}.`)
      : good(`${site} may frame this room`, "The room has no list of sites, so every site may frame it.");
  }
  if (decided.by === "policy" && sites.length) {
    return blocked(`The room does not let ${site} frame it`,
      `The room allows only ${sites.join(", ")}. The room's owner can add the site, for example with this call:`,
      `curl -X PATCH ${server}/rooms/${room.uid} \\\n  -H 'Authorization: Bearer TOKEN' -H 'Content-Type: application/json' \\\n  --data '${JSON.stringify({ allowed_sites: [...sites, site] })}'`);
  }
  return blocked("A header forbids the frame",
    `The response has the header “${"header" in decided ? decided.header : ""}”, which does not come from the room's settings: something between Banter and its visitors `
    + "adds it, such as a reverse proxy or a CDN. Remove it there for /embed.html.");
}

export function mixedFinding(site: string, server: string): Finding | null {
  const isLocal = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(server).hostname);
  if (!site.startsWith("https:") || server.startsWith("https:") || isLocal) return null;
  return blocked("http inside https", `Browsers do not load http content into an https page, and ${server} uses http. Serve Banter over https, for example behind a reverse proxy.`);
}

export interface OriginFacts {
  /** What the site says it is (`?site=`). */
  site: string | null;
  /** Who frames this page as far as the browser tells. */
  parent: string | null;
}

/** The page that is named must be the page that frames us: it is the one that the chat listens to. */
export function originFinding({ site, parent }: OriginFacts): Finding | null {
  if (parent === null) return null;
  if (site !== null && site !== parent) {
    return blocked("The address names another site",
      `This frame is on ${parent}, but the address names ${site}. The chat listens only to the site that is named, so messages from the page (a login, a theme) are ignored. Put this into the address:`,
      `host=${parent}`);
  }
  return good("The page and the chat can communicate", `They exchange messages with ${parent} only.`);
}

export interface StorageFacts { framed: boolean; storage: boolean; shared: boolean }

export function storageFindings({ framed, storage, shared }: StorageFacts): Finding[] {
  const cookies = good("No cookies needed", "Banter sets no cookies, so it does not matter whether the browser blocks third-party cookies.");
  if (!storage) {
    return [note("Storage is blocked here", "The chat still works. Visitors who log in stay logged in until they leave the page. A login from your page (postMessage) still works."), cookies];
  }
  if (framed && !shared) {
    return [note("Storage is separate for each site", "A visitor who is logged in on the chat's own site is not logged in in this frame, and has to log in here once. Browsers do this to protect privacy; nothing is wrong."), cookies];
  }
  return [good("Storage works", framed ? "" : "In a frame on another site, browsers keep storage separate, so visitors log in there once. To check, open this page in the frame."), cookies];
}

export function sandboxAttribute(): string {
  return `sandbox="${Object.keys(sandboxWords).join(" ")} allow-storage-access-by-user-activation"`;
}

/** What a strict policy of the site itself must contain; nobody but its owner can see that one. */
export function hostPolicyNote(server: string): Finding {
  // A path in a policy stands for one file, unless a slash follows it.
  const { origin } = new URL(server);
  return note("Does your site send a Content-Security-Policy?", "This page cannot see it. If your site sends one, it must allow the chat's server:", `script-src 'self' ${origin}; frame-src ${origin}`);
}

/** Reads the code that somebody pasted into their page: an iframe, a script tag, or the element. */
export function codeFindings(pasted: Document, server: string, site: string | null): Finding[] {
  const frames = [...pasted.querySelectorAll("iframe")];
  const tags = [...pasted.querySelectorAll<HTMLScriptElement>("script[src*='embed.js']")];
  const elements = [...pasted.querySelectorAll("banter-chat")];
  if (!frames.length && !tags.length) {
    return [elements.length
      ? blocked("The script is missing", "The element is there, but no script defines it. Add this to the page:", `<script src="${server}/embed.js" async></script>`)
      : blocked("No chat in this code", "It has no iframe, no script tag for embed.js and no banter-chat element.")];
  }
  const findings = [...frames.flatMap((frame) => frameFindings(frame, server, site)), ...tags.flatMap((tag) => tagFindings(tag, elements.length > 0, server))];
  return findings.length ? findings : [good("The code is correct", "Nothing in it stops the chat from showing.")];
}

function frameFindings(frame: HTMLIFrameElement, server: string, site: string | null): Finding[] {
  const findings: Finding[] = [];
  const source = frame.getAttribute("src") ?? "";
  const url = URL.canParse(source) ? new URL(source) : null;
  if (!url) findings.push(blocked("The frame's address is incomplete", `src is “${source}”. It must start with http and include the server:`, `${server}/embed.html?room=UID`));
  else {
    const here = new URL(`${server}/embed.html`);
    if (url.origin !== here.origin) findings.push(blocked("The frame is from another server", `It points to ${url.origin}; this server is ${server}.`));
    if (url.pathname !== here.pathname) findings.push(blocked("The frame shows another page", `The chat is at ${here.pathname}, but the address points to ${url.pathname}. Other pages cannot be framed.`));
    else if (!url.searchParams.get("room")) findings.push(blocked("The room ID is missing", "Add it to the address:", "?room=UID"));
    const host = url.searchParams.get("host");
    if (host && site && host !== site) findings.push(blocked("The host is another site", `The address says host=${host}, but the site is ${site}. The chat would ignore its messages.`, `host=${site}`));
  }
  const sandbox = frame.getAttribute("sandbox")?.toLowerCase().split(/\s+/);
  const missing = sandbox ? Object.keys(sandboxWords).filter((word) => !sandbox.includes(word)) : [];
  if (missing.length) {
    findings.push(blocked("The sandbox is too strict", missing.map((word) => `Without ${word}, ${sandboxWords[word]!}.`).join(" "), sandboxAttribute()));
  }
  if (!frame.title) findings.push(note("The frame has no title", "Screen readers announce a frame by its title.", 'title="Chat"'));
  return findings;
}

function tagFindings(tag: HTMLScriptElement, element: boolean, server: string): Finding[] {
  const source = tag.getAttribute("src") ?? "";
  const url = URL.canParse(source) ? new URL(source) : null;
  const findings: Finding[] = [];
  if (!url) findings.push(blocked("The script's address is incomplete", `src is “${source}”. It must start with http and include the server:`, `${server}/embed.js`));
  else if (url.origin !== new URL(server).origin) findings.push(blocked("The script is from another server", `It comes from ${url.origin}; this server is ${server}.`));
  else if (url.pathname !== new URL(`${server}/embed.js`).pathname) findings.push(blocked("There is no script at this address", `src points to ${url.pathname}. The script is at:`, `${server}/embed.js`));
  if (tag.type === "module") findings.push(blocked("The script is loaded as a module", "It is a classic script: remove type=\"module\".", `<script src="${server}/embed.js" data-room="UID" async></script>`));
  if (!tag.dataset.room && !element) findings.push(blocked("The room ID is missing", "Add it to the script tag:", 'data-room="UID"'));
  return findings;
}
