/** A stream page (/lofi.html): a quiet night scene where a video would be, drawn here, the chat beside it, and how that is done. */
import "../shared/tokens.css";
import "./stream.css";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Rest, type Room } from "../sdk/src";
import { keptFor, pagesAddress, serverAddress } from "../shared/server";
import { read } from "../shared/session";
import { applyTheme, isTheme } from "../shared/theme";
import { CopyButton } from "../shared/ui";
import { Scene } from "./scene";

const query = new URLSearchParams(location.search);
const theme = query.get("theme");
applyTheme(isTheme(theme) ? theme : null);
const server = serverAddress();

/** The room that the address names, or the one that the playground has open. */
function chosenRoom(): string | null {
  const named = query.get("room");
  if (named) return named;
  try {
    const saved = JSON.parse(read(`banter_playground${keptFor()}`) ?? "{}") as { shown?: unknown };
    return typeof saved.shown === "string" && saved.shown ? saved.shown : null;
  } catch {
    return null;
  }
}

function chatUrl(room: string): string {
  const url = new URL("embed.html", location.href);
  url.search = new URLSearchParams({ room, theme: isTheme(theme) ? theme : "auto", host: location.origin }).toString();
  const session = query.get("session");
  if (session) url.searchParams.set("session", session);
  if (server !== pagesAddress()) url.searchParams.set("server", server);
  return url.href;
}

function StreamPage({ uid }: { uid: string | null }) {
  const [room, setRoom] = useState<Room | null>(null);
  useEffect(() => {
    // Without an answer the page keeps its own title; the chat beside it says what is wrong.
    if (uid) new Rest({ base: server }).room(uid).then((answer) => setRoom(answer.room), () => {});
  }, []);
  return (
    <>
      <main class="show">
        <div class="screen"><Scene /></div>
        <div class="about">
          <div class="title">
            <h1>{room?.name ?? "Stream page"}</h1>
            <p class="quiet">{room?.description || "A placeholder for your stream, with the chat beside it."}</p>
          </div>
          <Recipe room={uid ?? "UID"} />
        </div>
      </main>
      <aside class="beside" aria-label="Chat">
        {uid ? <iframe title="Chat" src={chatUrl(uid)} /> : (
          <div class="vacant">
            <p class="vacant-title">No room is open yet.</p>
            <p class="quiet">The chat of a room appears here, beside your video.</p>
            <a class="button primary" href="./">Create a room in the playground</a>
          </div>
        )}
      </aside>
    </>
  );
}

/** The whole page again, as small as it can be: somebody who likes it takes it along. */
function Recipe({ room }: { room: string }) {
  const code = `<body style="display: flex; height: 100vh; margin: 0">
  <video src="stream.mp4" controls style="flex: 1; min-width: 0"></video>
  <aside style="width: 360px">
    <script src="${pagesAddress()}/embed.js"
      data-room="${room}" data-height="100%" async></script>
  </aside>
</body>`;
  return (
    <details class="recipe" open>
      <summary>This page on your site</summary>
      <div class="code">
        <pre tabIndex={0} aria-label="Code">{code}</pre>
        <CopyButton text={code} label="Copy: this page" />
      </div>
    </details>
  );
}

render(<StreamPage uid={chosenRoom()} />, document.getElementById("page")!);
