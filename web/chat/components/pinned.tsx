/** The pinned message, above the log. */
import { useState } from "preact/hooks";
import { show } from "../history";
import { t } from "../i18n";
import type { ChatStore } from "../store";
import { Icon } from "./icons";
import { Name, renderText } from "./line";

/** The message that stands above the others; a click opens it, another one hides it until there is a new one. */
export function PinnedBanner({ store }: { store: ChatStore }) {
  const pinned = store.room.settings.value?.pinned;
  const [open, setOpen] = useState(false);
  const [hidden, hide] = useState(0);
  if (!pinned || hidden === pinned.id) return null;
  return (
    <section class={open ? "pinned open" : "pinned"} aria-label={t("pinned")}>
      <button class="pin-text" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name="pin" />
        <span class="pin-words"><Name user={pinned.user} /> {open ? null : <bdi>{pinned.message}</bdi>}</span>
      </button>
      <button class="tool" aria-label={t("hidePinned")} title={t("hidePinned")} onClick={() => hide(pinned.id)}><Icon name="close" /></button>
      {open && (
        <div class="pin-more">
          <p class="text">{renderText(pinned.message, null, store.emotes.value)}</p>
          <div class="row">
            <button class="button small" onClick={() => void show(store.room.viewport, store.session.rest, pinned)}>{t("showInChat")}</button>
            {store.moderation.capabilities.value.has("pin") && (
              <button class="button small" onClick={() => void store.session.run(store.session.rest.unpin(pinned.id))}>{t("unpin")}</button>
            )}
          </div>
        </div>
      )}
    </section>
  );
}
