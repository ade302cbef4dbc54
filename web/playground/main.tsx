/** The playground (/): two chats side by side and, beside them, every call with its exact request and response. */
import "../shared/tokens.css";
import "./playground.css";
import { render } from "preact";
import { problemOf } from "../sdk/src";
import { httpAddress } from "../shared/server";
import { applyTheme } from "../shared/theme";
import { ConfirmButton } from "../shared/ui";
import { Chats, sessions, storeToken, tell } from "./chats";
import { Steps } from "./steps";
import { attempt, client, forgetAll, keep, saved, server } from "./state";

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
  if (named && named !== url.origin) url.searchParams.set("server", named);
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

function Playground() {
  return (
    <>
      <header class="page-top">
        <div class="page-row">
          <p class="brand">Banter</p>
          <nav class="row" aria-label="Pages">
            <a href="/docs/">API</a>
            <a href="/lofi.html">Stream page</a>
            <a href="/admin/">Admin</a>
          </nav>
        </div>
      </header>
      <main class="page">
        <div class="intro">
          <div>
            <h1>Playground</h1>
            <p class="quiet">Two chat windows with a login of their own, and every call that makes them work. Try each step, see what went over the wire, and copy it.</p>
          </div>
          <div class="tools">
            <Backend />
            <ConfirmButton question="Forget everything here?" onConfirm={reset}>Reset playground</ConfirmButton>
          </div>
        </div>
        <Chats onQuickStart={() => void attempt(quickStart)} />
        <Steps />
      </main>
    </>
  );
}

render(<Playground />, document.getElementById("page")!);
