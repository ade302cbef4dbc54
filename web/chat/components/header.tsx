/** The room's name and how many watch; beside it what comes with the foot: who I am here, and the window of its own. */
import type { ComponentChildren } from "preact";
import { t } from "../i18n";
import type { ChatOptions } from "../options";
import type { ChatStore } from "../store";
import { Icon } from "./icons";

export function Header({ store, options, children }: { store: ChatStore; options: ChatOptions; children: ComponentChildren }) {
  const room = store.room.settings.value;
  const viewers = store.room.viewers.value;
  return (
    <header class="top">
      <div class="room">
        <h1 title={room?.description ?? undefined}>{room?.name ?? t("chat")}</h1>
        {viewers !== null && !options.hideUsers && (
          <span class="quiet count" title={t("here", { n: viewers })}>
            <Icon name="people" size={14} /> <span aria-hidden="true">{viewers}</span><span class="sr-only">{t("here", { n: viewers })}</span>
          </span>
        )}
      </div>
      {children}
    </header>
  );
}
