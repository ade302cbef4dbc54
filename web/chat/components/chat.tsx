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


export function Chat({ store, options }: { store: ChatStore; options: ChatOptions }) {
  const signedIn = store.session.signedIn.value;
  const [asking, setAsking] = useState(false);
  useEffect(() => setAsking(false), [signedIn]);

  const room = store.room.settings.value?.name;
  useEffect(() => { document.title = room ? `${room} – ${t("chat")}` : t("chat"); }, [room]);

  const ended = store.room.connection.value.name === "ended";
  const refused = store.room.refused.value;
  const stopped = ended || refused !== null || store.room.uid.value === null;
  /** Somebody else might be let in here; nobody is let into a room that is not there. */
  const noWayIn = ended || store.room.uid.value === null || refused?.status === 404 || refused?.code === "room_deleted";
  const { readonly, overlay } = options;
  const footer = useLazy(() => Promise.all([import("./footer"), store.session.ready]).then(([part]) => part), !overlay || stopped);
  const ask = () => setAsking(!asking);
  return (
    <>
      {options.noheader ? <header class="sr-only"><h1>{room ?? t("chat")}</h1></header> : (
        <Header store={store} options={options}>
          {footer && !readonly && <footer.Account store={store} onSignIn={ask} />}
          {footer && parent !== window && <footer.PopOut store={store} />}
        </Header>
      )}
      {footer && !overlay && !stopped && <footer.PinnedBanner store={store} />}
      <div class="middle">
        {footer && !overlay && <footer.ConnectionBanner store={store} />}
        {stopped ? footer && <footer.Banned store={store} /> : <Log store={store} options={options} footer={footer} />}
      </div>
      {footer && !overlay && <footer.ProblemBanner store={store} />}
      {!readonly && !noWayIn && (footer ? (
        <footer.Footer
          store={store} options={options} stopped={stopped} asking={!signedIn || asking}
          onAsk={ask} onClose={asking && signedIn ? () => setAsking(false) : null}
        />
      ) : <div class="footer-space" />)}
      <div class="sr-only" aria-live="polite" aria-atomic="true">{store.room.announcer.text}</div>
      <div class="sr-only" role="alert">{store.room.announcer.alert}</div>
    </>
  );
}
