/** The embed doctor (/embed-doctor.html?room=&site=): what keeps the chat from showing on a site, in plain words. */
import "../shared/tokens.css";
import "./doctor.css";
import { signal } from "@preact/signals";
import { render } from "preact";
import { problemOf, Rest } from "../sdk/src";
import { pagesAddress, serverAddress } from "../shared/server";
import { applyTheme } from "../shared/theme";
import { CopyButton } from "../shared/ui";
import { codeFindings, type Finding, framingFinding, hostPolicyNote, mixedFinding, originFinding, storageFindings } from "./findings";
import { frameAnswers, framingHeaders, parentOrigin, socketSpeaks, storageFacts } from "./probes";

applyTheme(null);
const server = serverAddress();
const query = new URLSearchParams(location.search);

const room = signal(query.get("room") ?? "");
const site = signal(originOf(query.get("site")) ?? parentOrigin() ?? "");
const code = signal("");
const findings = signal<readonly Finding[]>([]);
/** What is being looked at; null when all has been seen. */
const looking = signal<string | null>(null);
const shown = signal<string | null>(null);
let frame: HTMLIFrameElement | null = null;
let round = 0;

function originOf(text: string | null): string | null {
  const address = text && !/^https?:\/\//.test(text) ? `https://${text}` : text;
  return address && URL.canParse(address) ? new URL(address).origin : null;
}

async function examine(): Promise<void> {
  const turn = ++round;
  const uid = room.value;
  const of = originOf(site.value);
  findings.value = [];
  shown.value = null;
  const say = (...found: (Finding | null)[]) => {
    if (turn === round) findings.value = [...findings.value, ...found.filter((one) => one !== null)];
  };
  const look = (what: string | null) => {
    if (turn === round) looking.value = what;
  };

  if (code.value.trim()) say(...codeFindings(new DOMParser().parseFromString(code.value, "text/html"), server, of));
  look("the room");
  const found = await new Rest({ base: server }).room(uid).then((answer) => answer.room, (error: unknown) => problemOf(error));
  if ("status" in found) {
    say({ verdict: "blocked", title: found.status === 404 || found.status === 400 ? "There is no such room" : "The server does not answer", text: found.status === 0 ? `${server} cannot be reached from here.` : `The server says: ${found.detail}` });
    return look(null);
  }
  say({ verdict: "good", title: `The room exists: ${found.name}`, text: "" });

  look("who may frame it");
  const headers = await framingHeaders(uid);
  if (!headers) say({ verdict: "blocked", title: "The chat cannot be loaded", text: "/embed.html does not answer: a browser extension, or something between the browser and the server, blocks it." });
  else if (of) say(framingFinding(headers, found, of, location.origin, server), mixedFinding(of, server));
  else say({ verdict: "note", title: "Which site?", text: "Enter your site above to check whether it may frame the room." });
  say(originFinding({ site: originOf(query.get("site")), parent: parentOrigin() }));

  look("whether the chat answers in a frame");
  shown.value = uid;
  await new Promise((drawn) => setTimeout(drawn));
  const answers = frame ? await frameAnswers(frame) : false;
  say(answers
    ? { verdict: "good", title: "The chat answers in a frame", text: "See below." }
    : { verdict: "blocked", title: "The chat does not answer in a frame", text: "The browser refused to load it, or an extension blocks it. The browser's console says which." });

  look("the WebSocket");
  say(await socketSpeaks(server)
    ? { verdict: "good", title: "Live messages work", text: "A WebSocket opened and the server answered." }
    : { verdict: "blocked", title: "The WebSocket is blocked", text: "Pages load, but live messages do not arrive: a proxy in front of Banter must pass WebSockets on. For nginx:", fix: "proxy_http_version 1.1;\nproxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection $connection_upgrade;" });
  say(...storageFindings(await storageFacts()), hostPolicyNote(server));
  look(null);
}

function heading(): string {
  const count = findings.value.filter(({ verdict }) => verdict === "blocked").length;
  if (!room.value && !findings.value.length) return "Which room?";
  if (looking.value !== null) return "Checking …";
  if (count === 0) return findings.value.length ? "No problems found" : "Not checked yet";
  return count === 1 ? "One problem found" : `${count} problems found`;
}

const labels = { good: "OK", blocked: "Problem", note: "Note" };
const order = { blocked: 0, note: 2, good: 1 };

function Result({ verdict, title, text, fix }: Finding) {
  return (
    <li class={`finding ${verdict}`}>
      <h3><span class="verdict">{labels[verdict]}</span> {title}</h3>
      {text && <p>{text}</p>}
      {fix && <div class="fix"><pre tabIndex={0} aria-label="To copy">{fix}</pre><CopyButton text={fix} label={`Copy: ${title}`} /></div>}
    </li>
  );
}

function Doctor() {
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    void examine();
  };
  const sorted = [...findings.value].sort((a, b) => order[a.verdict] - order[b.verdict]);
  return (
    <main class="doctor">
      {parent === window && <p class="back"><a href="./">Banter playground</a></p>}
      <h1>Why is the chat not showing?</h1>
      <p class="quiet">Browsers do not tell a page why they refuse a frame. This page checks from the chat’s side and says what to change.</p>
      <form class="card" onSubmit={onSubmit}>
        <div class="pair">
          <label class="field">
            <span>Room ID</span>
            <input class="input mono" required value={room.value} onInput={(event) => { room.value = event.currentTarget.value.trim(); }} placeholder="12 letters and digits" spellcheck={false} />
          </label>
          <label class="field">
            <span>Your site</span>
            <input class="input mono" value={site.value} onInput={(event) => { site.value = event.currentTarget.value.trim(); }} placeholder="https://www.example.com" spellcheck={false} inputMode="url" />
          </label>
        </div>
        <label class="field">
          <span>The code on your page (optional)</span>
          <textarea class="input mono" rows={3} value={code.value} onInput={(event) => { code.value = event.currentTarget.value; }} placeholder={`<script src="${server}/embed.js" data-room="…" async></script>`} spellcheck={false} />
        </label>
        <div class="row"><button class="button primary">Check</button></div>
      </form>
      <section aria-labelledby="outcome">
        <div role="status"><h2 id="outcome">{heading()}</h2></div>
        {looking.value !== null && <p class="quiet">Checking {looking.value} …</p>}
        <ul class="findings">{sorted.map((finding) => <Result key={finding.title} {...finding} />)}</ul>
      </section>
      {shown.value && (
        <section aria-labelledby="sample">
          <h2 id="sample">The chat in a frame</h2>
          <iframe
            key={round} class="sample" title="Chat" src={chatAddress(shown.value)}
            sandbox="allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox"
            ref={(element) => { frame = element; }}
          />
        </section>
      )}
    </main>
  );
}

function chatAddress(uid: string): string {
  const url = new URL("embed.html", location.href);
  url.search = new URLSearchParams({ room: uid, host: location.origin, session: "doctor", readonly: "1" }).toString();
  if (server !== pagesAddress()) url.searchParams.set("server", server);
  return url.href;
}

const root = document.getElementById("page")!;
root.replaceChildren();
render(<Doctor />, root);
if (room.value) void examine();
