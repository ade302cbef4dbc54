/** One line of the log. It is drawn again only when the line itself, or what may be done with it, changes. */
import { Component } from "preact";
import type { Message, User } from "../../sdk/src";
import { nameColour } from "../colour";
import { badge, badgeText, mayDelete } from "../ranks";
import type { ChatStore } from "../store";
import type { Line } from "../transcript";
import { Actions } from "./actions";

interface Props {
  line: Line;
  me: User | null;
  moderates: boolean;
  store: ChatStore;
  acting: boolean;
  onAct: (key: string | null) => void;
}

export class LineView extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    const { line, me, moderates, acting } = this.props;
    return line !== next.line || me !== next.me || moderates !== next.moderates || acting !== next.acting;
  }

  override render({ line, me, store, acting, onAct }: Props) {
    if (line.kind === "notice") return <p class="line notice" tabIndex={-1}>{line.text}</p>;
    const { message } = line;
    const own = me?.uid === message.user.uid;
    return (
      <div class={acting ? "line acting" : "line"} data-id={message.id} tabIndex={-1}>
        <Time at={message.timestamp} />
        <Name user={message.user} colon={message.kind !== "action"} />
        <span class={message.kind === "action" ? "text action" : "text"}>{message.message}</span>
        {mayDelete(me, message) && (
          <button
            class="more" aria-expanded={acting} tabIndex={acting ? 0 : -1}
            aria-label={own ? "Actions on your message" : `Actions on the message of ${message.user.displayName}`}
            onClick={() => onAct(acting ? null : line.key)}
          >⋯</button>
        )}
        {acting && me && <Actions store={store} me={me} message={message} onClose={() => onAct(null)} />}
      </div>
    );
  }
}

export function Name({ user, colon = true }: { user: User; colon?: boolean }) {
  const { light, dark } = nameColour(user.uid);
  const role = badge(user);
  return (
    <>
      {role && <span class={`badge ${role}`}>{badgeText[role]}</span>}
      <span class="name" style={{ "--light": light, "--dark": dark }}>{user.displayName}</span>
      <span class="colon">{colon ? ": " : " "}</span>
    </>
  );
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "medium" });

function Time({ at }: { at: Message["timestamp"] }) {
  const date = new Date(at);
  return <time dateTime={date.toISOString()} title={moment.format(date)}>{clock.format(date)}</time>;
}
