/** My own texts that are not in the room yet: on their way, or refused with the reason and a way on. */
import type { Pending, Problem } from "../../sdk/src";
import { discarded } from "../../sdk/src/pending";
import { t } from "../i18n";
import type { Key } from "../lang/catalogue";
import { enDeferred } from "../lang/en-deferred";
import { sendAgain } from "../sending";
import type { ChatStore } from "../store";
import { spanText, useSecondsUntil } from "./clock";
import { Name } from "./line";

export function PendingLines({ store }: { store: ChatStore }) {
  const me = store.room.me.value;
  return (
    <>
      {store.room.pending.value.map((entry) => (
        <div key={entry.nonce} class={entry.problem ? "line head own failed" : "line head own pending"} tabIndex={-1}>
          {me && <Name user={me} />}
          <span class="text">{entry.text}</span>
          {entry.problem ? <Refused store={store} entry={entry} problem={entry.problem} /> : <span class="sr-only">, {t("beingSent")}</span>}
        </div>
      ))}
    </>
  );
}

function Refused({ store, entry, problem }: { store: ChatStore; entry: Pending; problem: Problem }) {
  const discard = () => store.room.update((state) => discarded(state, entry.nonce));
  // A moderator may end what makes us wait before its time.
  const until = problem.code === "timed_out" ? store.room.mutedUntil.value : problem.code === "slow_mode" ? store.room.slowUntil.value : (entry.retryAt ?? 0);
  const seconds = useSecondsUntil(until);
  return (
    <div class="why">
      <span role="alert" class="problem">{t("notSent", { why: why(problem) })}</span>
      {seconds > 0 && Number.isFinite(seconds) && <span class="quiet">{t("againIn", { time: spanText(seconds) })}</span>}
      <span class="row">
        <button class="button small" disabled={seconds > 0} onClick={() => sendAgain(store, entry)}>{t("sendAgain")}</button>
        <button class="button small bare" onClick={() => { discard(); store.outgoing.rewrite.value = entry.text; }}>{t("edit")}</button>
        <button class="button small bare" onClick={discard}>{t("discard")}</button>
      </span>
    </div>
  );
}

/** A refusal in the reader's words where we have some, else in the server's. */
export function why({ code, detail }: Problem): string {
  const key = `why_${code}`;
  return key in enDeferred ? t(key as Key) : detail;
}
