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
  "allow-same-origin": "it cannot speak to its own server, nor remember who is logged in",
  "allow-forms": "nobody can log in",
  "allow-popups": "links and the sign-in window do not open",
  "allow-popups-to-escape-sandbox": "links open as crippled pages",
};

/** May the site frame the room, and if not, who says so: the room's list, or something in front of the server. */
export function framingFinding(headers: FramingHeaders, room: Room, site: string, self: string): Finding {
  const { allowed, ...decided } = framing(headers, site, self);
  const sites = room.allowedSites;
  if (allowed) {
    return sites.length
      ? good(`${site} may frame this room`, `The room lets ${sites.length === 1 ? "one site" : `${sites.length} sites`} frame it, and this is one of them.`)
      : good(`${site} may frame this room`, "The room has no list of sites: every site may.");
  }
  if (decided.by === "policy" && sites.length) {
    return blocked(`The room does not let ${site} frame it`,
      `Its list has ${sites.join(", ")}. The room's owner can add the site, for example so:`,
      `curl -X PATCH ${self}/rooms/${room.uid} \\\n  -H 'Authorization: Bearer TOKEN' -H 'Content-Type: application/json' \\\n  --data '${JSON.stringify({ allowed_sites: [...sites, site] })}'`);
  }
  return blocked("A header forbids the frame",
    `The answer has “${"header" in decided ? decided.header : ""}”, which the room did not ask for: something between Banter and its visitors adds it, `
    + "such as a reverse proxy or a CDN. Take it out there for /embed.html.");
}

export function mixedFinding(site: string, server: string): Finding | null {
  const isLocal = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(server).hostname);
  if (!site.startsWith("https:") || server.startsWith("https:") || isLocal) return null;
  return blocked("http inside https", `Browsers load nothing by http into a page that came by https, and ${server} is http. Serve Banter by https, for example behind a reverse proxy.`);
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
    return blocked("The named site is not the one that frames it",
      `This frame stands in ${parent}, but ${site} is named. The chat listens to the named one only, so words of the page (a login, a theme) go nowhere. Put this into the address:`,
      `host=${parent}`);
  }
  return good("Page and chat know each other", `Words between them are addressed to ${parent} alone.`);
}

export interface StorageFacts { framed: boolean; storage: boolean; shared: boolean }

export function storageFindings({ framed, storage, shared }: StorageFacts): Finding[] {
  const cookies = good("No cookies needed", "Banter sets none, so a browser that blocks those of third parties changes nothing.");
  if (!storage) {
    return [note("Storage is blocked here", "The chat works all the same. A visitor who signs in stays so until the page is left; a login handed over by your page (postMessage) works as ever."), cookies];
  }
  if (framed && !shared) {
    return [note("Storage is kept apart for each site", "A visitor who is logged in on the chat's own site is a stranger in this frame, and signs in here once. That is how browsers protect people; nothing is wrong."), cookies];
  }
  return [good("Storage works", framed ? "" : "Inside a frame on another site browsers keep it apart: visitors log in there once. Put this page into the frame to see."), cookies];
}

export function sandboxAttribute(): string {
  return `sandbox="${Object.keys(sandboxWords).join(" ")} allow-storage-access-by-user-activation"`;
}

/** What a strict policy of the site itself must contain; nobody but its owner can see that one. */
export function hostPolicyNote(server: string): Finding {
  return note("Does your site send a Content-Security-Policy?", "It cannot be seen from here. If it does, it has to allow the chat's server:", `script-src 'self' ${server}; frame-src ${server}`);
}

/** Reads the code that somebody pasted into their page: an iframe, a script tag, or the element. */
export function codeFindings(pasted: Document, server: string, site: string | null): Finding[] {
  const frames = [...pasted.querySelectorAll("iframe")];
  const tags = [...pasted.querySelectorAll<HTMLScriptElement>("script[src*='embed.js']")];
  const elements = [...pasted.querySelectorAll("banter-chat")];
  if (!frames.length && !tags.length) {
    return [elements.length
      ? blocked("The script is missing", "The element is there, but nothing makes it known. Add this to the page:", `<script src="${server}/embed.js" async></script>`)
      : blocked("No chat in this code", "Neither an iframe, nor a script tag of embed.js, nor the element banter-chat is in it.")];
  }
  const findings = [...frames.flatMap((frame) => frameFindings(frame, server, site)), ...tags.flatMap((tag) => tagFindings(tag, elements.length > 0, server))];
  return findings.length ? findings : [good("The code is right", "Nothing in it keeps the chat from showing.")];
}

function frameFindings(frame: HTMLIFrameElement, server: string, site: string | null): Finding[] {
  const findings: Finding[] = [];
  const source = frame.getAttribute("src") ?? "";
  const url = URL.canParse(source) ? new URL(source) : null;
  if (!url) findings.push(blocked("The frame's address is not complete", `src is “${source}”. It must begin with http and name the server:`, `${server}/embed.html?room=UID`));
  else {
    if (url.origin !== new URL(server).origin) findings.push(blocked("The frame's address is another server", `It leads to ${url.origin}; this server is ${server}.`));
    if (!/\/embed\.html$/.test(url.pathname)) findings.push(blocked("The frame shows another page", `The chat is /embed.html, and the address leads to ${url.pathname}. No other page of the server can be framed.`));
    else if (!url.searchParams.get("room")) findings.push(blocked("No room is named", "Add it to the address:", "?room=UID"));
    const host = url.searchParams.get("host");
    if (host && site && host !== site) findings.push(blocked("Another host is named", `The address says host=${host}, and the site is ${site}: the chat would not listen to it.`, `host=${site}`));
  }
  const sandbox = frame.getAttribute("sandbox")?.toLowerCase().split(/\s+/);
  const missing = sandbox ? Object.keys(sandboxWords).filter((word) => !sandbox.includes(word)) : [];
  if (missing.length) {
    findings.push(blocked("The sandbox takes too much away", missing.map((word) => `Without ${word} ${sandboxWords[word]!}.`).join(" "), sandboxAttribute()));
  }
  if (!frame.title) findings.push(note("The frame has no title", "Screen readers announce a frame by its title.", 'title="Chat"'));
  return findings;
}

function tagFindings(tag: HTMLScriptElement, element: boolean, server: string): Finding[] {
  const source = tag.getAttribute("src") ?? "";
  const url = URL.canParse(source) ? new URL(source) : null;
  const findings: Finding[] = [];
  if (!url) findings.push(blocked("The script's address is not complete", `src is “${source}”. It must begin with http and name the server:`, `${server}/embed.js`));
  else if (url.origin !== new URL(server).origin) findings.push(blocked("The script is another server's", `It comes from ${url.origin}; this server is ${server}.`));
  if (tag.type === "module") findings.push(blocked("The script is loaded as a module", "It is a classic script: take type=\"module\" away.", `<script src="${server}/embed.js" data-room="UID" async></script>`));
  if (!tag.dataset.room && !element) findings.push(blocked("No room is named", "Add it to the script tag:", 'data-room="UID"'));
  return findings;
}
