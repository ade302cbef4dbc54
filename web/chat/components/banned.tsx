/** In place of the log: there is nothing to read here, and why. */
import { t } from "../i18n";
import type { ChatStore } from "../store";

export function Banned({ store }: { store: ChatStore }) {
  const state = store.room.connection.value;
  const ended = state.name === "ended" ? state : null;
  const refused = store.room.refused.value;
  const code = ended?.reason ?? refused?.code;
  const [heading, detail] =
    store.room.uid.value === null ? [t("noRoomChosen"), t("noRoomChosenWhy")]
    : code === "banned" ? [t("bannedHere"), ended?.detail ?? refused?.detail]
    : code === "too_many" ? [t("tooMany"), ended?.detail]
    : code === "room_deleted" ? [t("roomGone"), refused?.detail]
    : refused?.status === 401 || code === "forbidden" ? [t("membersOnly"), t("membersOnlyWhy")]
    : refused?.status === 404 ? [t("noSuchRoom"), t("noSuchRoomWhy")]
    : [t("closedToYou"), ended?.detail ?? refused?.detail];
  return (
    <main class="banned">
      <div role="alert">
        <h2>{heading}</h2>
        <p class="quiet">{detail}</p>
      </div>
      {store.room.uid.value !== null && code !== "room_deleted" && (
        <button class="button" onClick={() => store.room.retry()}>{t("tryAgain")}</button>
      )}
    </main>
  );
}
