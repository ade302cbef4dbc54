/** The playground (/): two chats side by side and, beside them, every call with its exact request and response. */
import "../shared/tokens.css";
import "./playground.css";
import { render } from "preact";
import { problemOf } from "../sdk/src";
import { httpAddress, pagesAddress } from "../shared/server";
import { applyTheme } from "../shared/theme";
import { ConfirmButton } from "../shared/ui";
import { Chats, sessions, storeToken, tell } from "./chats";
import { Embed } from "./embed";
import { Steps } from "./steps";
import { about, attempt, client, forgetAll, connect, keep, saved, server } from "./state";

applyTheme(null);

/** From nothing to an open room: a guest, a room, and chat 1 signed in as its owner. */
async function quickStart(): Promise<void> {
  const create = () => client("room").createRoom({ name: saved.value.roomName || "Lounge" });
  const createAsNewGuest = async () => {
    const { user, token } = await client("login").loginAsGuest();
    keep({ user, token });
    return create();
  };
  const { room } = saved.value.token
    ? await create().catch((error: unknown) => {
        if (problemOf(error).status === 401) return createAsNewGuest();
        throw error;
      })
    : await createAsNewGuest();
  storeToken(sessions[0], saved.value.token);
  keep({ room: room.uid, shown: room.uid });
}

function reset(): void {
  for (const session of sessions) {
    tell(session, { logout: true });
    storeToken(session, null);
  }
  forgetAll();
}

function moveTo(address: string): void {
  const url = new URL(location.href);
  const named = httpAddress(address.trim());
  if (named && named !== pagesAddress()) url.searchParams.set("server", named);
  else url.searchParams.delete("server");
  location.assign(url);
}

function Backend() {
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    moveTo(String(new FormData(event.currentTarget as HTMLFormElement).get("server")));
  };
  return (
    <form class="backend" onSubmit={onSubmit}>
      <label class="field">
        <span>Server</span>
        <input class="input mono" name="server" type="url" value={server} spellcheck={false} />
      </label>
      <button class="button">Use</button>
    </form>
  );
}

/** A server that does not answer is said at once, not at the first click. */
function Silence() {
  const said = about.value;
  if (said === null || "version" in said) return null;
  return (
    <p class="note danger" role="alert">
      {server} does not answer. Is it running, and does it allow this page?
      <button class="button small" onClick={() => void connect()}>Try again</button>
    </p>
  );
}

function Playground() {
  const said = about.value;
  return (
    <>
      <header class="page-top">
        <div class="page-row">
          <p class="brand"><Mark />Banter</p>
          <nav aria-label="Pages">
            <a href="docs/">API</a>
            <a href="lofi.html">Stream page</a>
            <a href="admin/">Admin</a>
          </nav>
        </div>
      </header>
      <main class="page">
        <div class="intro">
          <h1>A chat of your own, on any page</h1>
          <p class="lead">
            Rooms, guests, moderators and an API, on your own server. Try it here, then copy the code.
          </p>
          <nav class="ways" aria-label="On this page">
            <a href="#try"><span class="number" aria-hidden="true">1</span>Try it</a>
            <a href="#embed"><span class="number" aria-hidden="true">2</span>Put it on your page</a>
            <a href="#api"><span class="number" aria-hidden="true">3</span>Use the API</a>
          </nav>
        </div>
        <Silence />
        <Chats onQuickStart={() => void attempt(quickStart)} />
        <Embed />
        <Steps />
      </main>
      <footer class="page-end">
        <div class="page-row">
          <Backend />
          <div class="end-tools">
            {said && "version" in said && <span class="quiet">{said.name} {said.version}</span>}
            <a href="embed-doctor.html">Embed doctor</a>
            <ConfirmButton question="Reset the playground?" onConfirm={reset}>Reset playground</ConfirmButton>
          </div>
        </div>
      </footer>
    </>
  );
}

/** Two speech bubbles, the sign of the product. */
function Mark() {
  return (
    <svg width="22" height="22" viewBox="0 0 24 24" aria-hidden="true" fill="currentColor">
      <path d="M4 3h10a3 3 0 0 1 3 3v4a3 3 0 0 1-3 3H8l-4 3v-3.2A3 3 0 0 1 1 10V6a3 3 0 0 1 3-3z" />
      <path d="M19 9.2a3 3 0 0 1 4 2.8v4a3 3 0 0 1-3 3v3l-4-3h-5a3 3 0 0 1-2.8-2H14a5 5 0 0 0 5-5z" opacity=".55" />
    </svg>
  );
}

void connect();
addEventListener("online", () => void connect());
render(<Playground />, document.getElementById("page")!);
