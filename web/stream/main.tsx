/** A stream page (/lofi.html): a quiet night scene where a video would be, drawn here, and the chat beside it. */
import "../shared/tokens.css";
import "./stream.css";
import { render } from "preact";
import { serverAddress } from "../shared/server";
import { read } from "../shared/session";
import { applyTheme } from "../shared/theme";
import { Scene } from "./scene";

applyTheme("dark");

/** The room that the address names, or the one that the playground has open. */
function chosenRoom(): string | null {
  const named = new URLSearchParams(location.search).get("room");
  if (named) return named;
  try {
    const saved = JSON.parse(read("banter_playground") ?? "{}") as { shown?: unknown };
    return typeof saved.shown === "string" && saved.shown ? saved.shown : null;
  } catch {
    return null;
  }
}

function chatUrl(room: string): string {
  const url = new URL("/embed.html", location.href);
  url.search = new URLSearchParams({ room, theme: "dark", host: location.origin }).toString();
  const session = new URLSearchParams(location.search).get("session");
  if (session) url.searchParams.set("session", session);
  const server = serverAddress();
  if (server !== location.origin) url.searchParams.set("server", server);
  return url.href;
}

function StreamPage({ room }: { room: string | null }) {
  return (
    <>
      <main class="show">
        <div class="screen"><Scene /></div>
        <div class="about">
          <h1>Late light</h1>
          <p class="quiet">A stand-in for your stream: slow beats, soft rain, and a chat beside it.</p>
        </div>
      </main>
      <aside class="beside" aria-label="Chat">
        {room ? <iframe title="Chat" src={chatUrl(room)} /> : (
          <div class="vacant">
            <p>No room is open yet.</p>
            <a class="button primary" href="/">Make one in the playground</a>
          </div>
        )}
      </aside>
    </>
  );
}

render(<StreamPage room={chosenRoom()} />, document.getElementById("page")!);
