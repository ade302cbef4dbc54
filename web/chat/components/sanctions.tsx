/** Timeouts at one click, and what asks once more: bans and purges. */
import { useState } from "preact/hooks";
import type { User } from "../../sdk/src";
import { t, unitText } from "../i18n";
import type { ChatStore } from "../store";

export type Asking = "ban" | "purge";

const lengths = [
  ["10s", 10, "second"], ["1m", 1, "minute"], ["10m", 10, "minute"], ["1h", 1, "hour"], ["1d", 1, "day"], ["1w", 1, "week"], ["2w", 2, "week"],
] as const;

/** From ten seconds to two weeks; one click does it, and a wrong one is lifted as easily. */
export function TimeOuts({ store, user, onDone }: { store: ChatStore; user: User; onDone: () => void }) {
  const name = user.displayName;
  const timeOut = (duration: string) => {
    const room = store.room.uid.value;
    if (room) void store.session.run(store.session.rest.sanction({ user: user.uid, room, kind: "timeout", duration })).then((done) => { if (done) onDone(); });
  };
  return (
    <div class="lengths" role="group" aria-label={t("timeOut")}>
      <span class="quiet label">{t("timeOut")}</span>
      {lengths.map(([duration, count, unit]) => (
        <button
          key={duration} class="button small" aria-label={t("timeOutFor", { name, time: unitText(count, unit) })} onClick={() => timeOut(duration)}
        >{unitText(count, unit)}</button>
      ))}
    </div>
  );
}

/** What cannot be undone, or is hard on somebody, is said once more in words before it is done. */
export function Confirm({ store, user, asking, onDone, onKeep }: { store: ChatStore; user: User; asking: Asking; onDone: () => void; onKeep: () => void }) {
  const [duration, setDuration] = useState("");
  const [reason, setReason] = useState("");
  const name = user.displayName;
  const act = (event: SubmitEvent) => {
    event.preventDefault();
    const room = store.room.uid.value;
    if (!room) return;
    const request = asking === "purge" ? store.session.rest.purge(room, user.uid) : store.session.rest.sanction({
      user: user.uid, room, ...(duration ? { duration } : {}), ...(reason.trim() ? { reason: reason.trim() } : {}),
    });
    void store.session.run(request).then((done) => { if (done) onDone(); });
  };
  return (
    <form class="confirm" onSubmit={act}>
      <p><strong>{t(asking === "ban" ? "askBan" : "askPurge", { name })}</strong></p>
      {asking === "ban" && (
        <>
          <label class="field">
            <span>{t("howLong")}</span>
            <select class="input" value={duration} onChange={(event) => setDuration(event.currentTarget.value)}>
              <option value="">{t("forEver")}</option>
              {lengths.slice(2).map(([value, count, unit]) => <option key={value} value={value}>{unitText(count, unit, "long")}</option>)}
            </select>
          </label>
          <label class="field">
            <span>{t("reason")}</span>
            <input class="input" value={reason} maxLength={500} onInput={(event) => setReason(event.currentTarget.value)} />
          </label>
        </>
      )}
      <div class="row">
        <button class="button small danger" data-first>{asking === "ban" ? t("ban", { name }) : t("purge")}</button>
        <button class="button small" type="button" onClick={onKeep}>{t("keep")}</button>
      </div>
    </form>
  );
}
