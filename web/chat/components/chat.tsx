/** The whole window: header, log, and at the foot whatever fits the moment. */
import { useEffect, useState } from "preact/hooks";
import type { ChatStore } from "../store";
import { Composer } from "./composer";
import { Header } from "./header";
import { Log } from "./log";
import { SignIn } from "./sign-in";
import { Barred, ConnectionStrip, ProblemStrip } from "./strips";

export function Chat({ store, readonly }: { store: ChatStore; readonly: boolean }) {
  const signedIn = store.signedIn.value;
  const [asking, setAsking] = useState(false);
  useEffect(() => setAsking(false), [signedIn]);

  const room = store.room.value?.name;
  useEffect(() => { document.title = room ? `${room} – chat` : "Chat"; }, [room]);

  const ended = store.state.value.name === "ended";
  const barred = store.barred.value;
  const stopped = ended || barred !== null || store.roomUid.value === null;
  /** Somebody else might be let in here; nobody is let into a room that is not there. */
  const noWayIn = ended || store.roomUid.value === null || barred?.status === 404 || barred?.code === "room_deleted";
  return (
    <>
      <Header store={store} readonly={readonly} onSignIn={() => setAsking(!asking)} />
      <ConnectionStrip store={store} />
      {stopped ? <Barred store={store} /> : <Log store={store} />}
      <ProblemStrip store={store} />
      {!readonly && !noWayIn && (!signedIn || asking) && (
        <SignIn store={store} onClose={asking ? () => setAsking(false) : null} />
      )}
      {!readonly && !stopped && signedIn && !asking && <Composer store={store} />}
      <div class="sr-only" aria-live="polite" aria-atomic="true">{store.announcer.text}</div>
    </>
  );
}
