/** What a reply answers, on one line above it; a click goes there. */
import "../deferred-messages";
import { show } from "../history";
import { t } from "../i18n";
import { quotesOf } from "../quotes";
import type { ChatStore } from "../store";
import { Icon } from "./icons";

export function Quote({ store, id }: { store: ChatStore; id: number }) {
  const quoted = quotesOf(store).of(id).value;
  if (!quoted) return <span class="quote">{quoted === null ? t("quoteGone") : "…"}</span>;
  const said = { name: quoted.user.displayName, text: quoted.message };
  return (
    <button class="quote" aria-label={t("inReplyTo", said)} onClick={() => void show(store.room.viewport, store.session.rest, quoted)}>
      <Icon name="reply" size={12} /> <bdi>{said.name}</bdi>: <bdi>{said.text}</bdi>
    </button>
  );
}
