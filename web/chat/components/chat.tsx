/**
 * The whole window: header, log, and at the foot whatever fits the moment. The foot, and what stands in
 * place of the log, are a part of their own that comes right after the first view.
 */
import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n";
import { useLazy } from "../lazy";
import type { ChatOptions } from "../options";
import type { ChatStore } from "../store";
import { Header } from "./header";
import { Log } from "./log";

export type Foot = typeof import("./foot");

export function Chat({ store, options }: { store: ChatStore; options: ChatOptions }) {
  const signedIn = store.signedIn.value;
  const [asking, setAsking] = useState(false);
  useEffect(() => setAsking(false), [signedIn]);

  const room = store.room.value?.name;
  useEffect(() => { document.title = room ? `${room} – ${t("chat")}` : t("chat"); }, [room]);

  const ended = store.state.value.name === "ended";
  const barred = store.barred.value;
  const stopped = ended || barred !== null || store.roomUid.value === null;
  /** Somebody else might be let in here; nobody is let into a room that is not there. */
  const noWayIn = ended || store.roomUid.value === null || barred?.status === 404 || barred?.code === "room_deleted";
  const { readonly, overlay } = options;
  const foot = useLazy(() => Promise.all([import("./foot"), store.ready]).then(([part]) => part), !overlay || stopped);
  const ask = () => setAsking(!asking);
  return (
    <>
      {options.noheader ? <header class="sr-only"><h1>{room ?? t("chat")}</h1></header> : (
        <Header store={store} options={options}>
          {foot && !readonly && <foot.Account store={store} onSignIn={ask} />}
          {foot && parent !== window && <foot.PopOut store={store} />}
        </Header>
      )}
      {foot && !overlay && !stopped && <foot.PinnedStrip store={store} />}
      <div class="middle">
        {foot && !overlay && <foot.ConnectionStrip store={store} />}
        {stopped ? foot && <foot.Barred store={store} /> : <Log store={store} options={options} foot={foot} />}
      </div>
      {foot && !overlay && <foot.ProblemStrip store={store} />}
      {!readonly && !noWayIn && (foot ? (
        <foot.Foot
          store={store} options={options} stopped={stopped} asking={!signedIn || asking}
          onAsk={ask} onClose={asking && signedIn ? () => setAsking(false) : null}
        />
      ) : <div class="foot-space" />)}
      <div class="sr-only" aria-live="polite" aria-atomic="true">{store.announcer.text}</div>
      <div class="sr-only" role="alert">{store.announcer.alert}</div>
    </>
  );
}
