/** Somebody as this room knows them: who they are, what they said last, what was done about them, and what I may do. */
import { useEffect, useState } from "preact/hooks";
import type { LogEntry, User, UserCard } from "../../sdk/src";
import { show } from "../history";
import { clockTime, dateText, moment, shortMoment, t } from "../i18n";
import type { Key } from "../lang/catalogue";
import { enDeferred } from "../lang/en-deferred";
import type { ChatStore } from "../store";
import { Icon } from "./icons";
import { Name } from "./line";
import { type Asking, TimeOuts } from "./sanctions";

export interface CardState { card: UserCard | null; failed: boolean; may: ReadonlySet<string> }

/** What the server tells about somebody, and what we may do to them; the second value asks again. */
export function useCard(store: ChatStore, user: string): [CardState, () => void] {
  const [state, set] = useState<CardState>({ card: null, failed: false, may: new Set() });
  const load = () => {
    const room = store.room.uid.value;
    if (room) {
      store.session.rest.card(room, user).then(
        (card) => set({ card, failed: false, may: new Set(card.may) }),
        () => set({ card: null, failed: true, may: new Set() }),
      );
    }
  };
  useEffect(load, [user]);
  return [state, load];
}

interface Props {
  store: ChatStore;
  user: User;
  card: CardState;
  onBack: () => void;
  onAsk: (asking: Asking) => void;
  onChange: () => void;
  /** A message of theirs is shown in the chat. */
  onShow: () => void;
}

export function Card({ store, user, card: { card, failed, may }, onBack, onAsk, onChange, onShow }: Props) {
  const known = card?.user ?? user;
  const then = (request: Promise<unknown>) => void store.session.run(request).then((done) => { if (done) onChange(); });
  const room = store.room.uid.value ?? "";
  const command = (name: string) => then(store.session.rest.postMessage({ room, message: `/${name} "${known.displayName}"` }));
  const has = (role: User["roles"][number]) => known.roles.includes(role);
  return (
    <div class="card">
      <header>
        <h2><Name user={known} /></h2>
        <button class="tool" aria-label={t("back")} onClick={onBack}><Icon name="close" /></button>
      </header>
      {!card ? <p class="quiet">{t(failed ? "failed" : "loading")}</p> : (
        <>
          <p class="quiet">{t(has("guest") ? "guest" : "registered")} · {t("since", { date: dateText(card.createdAt) })}</p>
          {(card.sanctions?.length ?? 0) > 0 && (
            <section>
              <h3>{t("inForce")}</h3>
              {card.sanctions!.map((sanction) => (
                <p key={sanction.id} class="entry">
                  <span>
                    {t(sanction.kind === "ban" ? "act_ban" : "act_timeout")}, {sanction.until ? t("until", { time: shortMoment(sanction.until) }) : t("forEver")}
                    {sanction.reason ? ` – ${sanction.reason}` : ""}
                  </span>
                  {may.has("lift") && <button class="button small" onClick={() => then(store.session.rest.lift({ user: known.uid, room }))}>{t("lift")}</button>}
                </p>
              ))}
            </section>
          )}
          {may.has("timeout") && <TimeOuts store={store} user={known} onDone={onChange} />}
          {(may.has("ban") || may.has("purge") || may.has("appoint")) && (
            <div class="row">
              {may.has("ban") && <button class="button small danger" onClick={() => onAsk("ban")}>{t("banDots")}</button>}
              {may.has("purge") && <button class="button small danger" onClick={() => onAsk("purge")}>{t("purgeDots")}</button>}
              {may.has("appoint") && <button class="button small" onClick={() => command(has("mod") ? "unmod" : "mod")}>{t(has("mod") ? "unMod" : "makeMod")}</button>}
              {may.has("appoint") && <button class="button small" onClick={() => command(has("vip") ? "unvip" : "vip")}>{t(has("vip") ? "unVip" : "makeVip")}</button>}
            </div>
          )}
          <section>
            <h3>{t("recent")}</h3>
            {card.messages.length === 0 && <p class="quiet">{t("nothingSaid")}</p>}
            {[...card.messages].reverse().map((message) => (
              <button key={message.id} class="said" title={moment(message.timestamp)} onClick={() => { onShow(); void show(store.room.viewport, store.session.rest, message); }}>
                <time>{clockTime(message.timestamp)}</time> {message.message}
              </button>
            ))}
          </section>
          {card.log && (
            <section>
              <h3>{t("history")}</h3>
              {card.log.length === 0 && <p class="quiet">{t("nothingBefore")}</p>}
              {card.log.map((entry) => <p key={entry.seq} class="quiet past">{pastText(entry)}</p>)}
            </section>
          )}
        </>
      )}
    </div>
  );
}

function pastText({ action, actor, timestamp, until, reason }: LogEntry): string {
  const key = `act_${action}`;
  const what = key in enDeferred ? t(key as Key) : action;
  const parts = [shortMoment(timestamp), what, t("by", { name: actor.displayName }), until && t("until", { time: shortMoment(until) }), reason];
  return parts.filter(Boolean).join(" · ");
}
