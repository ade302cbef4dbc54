/** What is said above and below the log, in place: the connection, a refusal. */
import { t } from "../i18n";
import type { ChatStore } from "../store";
import { spanText, useSecondsUntil } from "./clock";
import { Icon } from "./icons";

/** A thin line while the connection is being made or made again. It lies over the log, so that nothing moves. */
export function ConnectionBanner({ store }: { store: ChatStore }) {
  const state = store.room.connection.value;
  const seconds = useSecondsUntil(state.name === "waiting" ? state.until : 0);
  if (state.name === "waiting" || (state.name === "connecting" && state.attempt > 1)) {
    return (
      <div class="banner warn" role="status">
        <span>
          {t("lost")}{" "}
          <span aria-hidden="true">{seconds > 0 ? t("retryIn", { time: spanText(seconds) }) : t("retrying")}</span>
        </span>
        <button class="button small bare" onClick={() => store.room.retry()}>{t("tryNow")}</button>
      </div>
    );
  }
  if (state.name === "connecting" && !store.room.joined.value) return <div class="banner soft" role="status">{t("connecting")}</div>;
  return null;
}

/** Why the last thing asked for was refused. */
export function ProblemBanner({ store }: { store: ChatStore }) {
  const problem = store.session.problem.value;
  if (!problem) return null;
  return (
    <div class="banner danger" role="alert">
      <span>{problem.detail}</span>
      <button class="tool" aria-label={t("dismiss")} onClick={() => { store.session.problem.value = null; }}><Icon name="close" /></button>
    </div>
  );
}
