/** One line of the log. It is drawn again only when the line itself, or what stands around it, changes. */
import { Component, type ComponentType } from "preact";
import type { Message, TimelineItem, User } from "../../sdk/src";
import { nameColour } from "../colour";
import { clockTime, moment, t } from "../i18n";
import { useLazy } from "../lazy";
import { badge } from "../ranks";
import { isEmojiOnly, parts } from "../rich";
import type { ChatStore } from "../store";

export type Tools = ComponentType<{ store: ChatStore; message: Message; head: boolean }>;

interface Props {
  line: TimelineItem;
  /** False where the line before is of the same author: the name is not said again. */
  head: boolean;
  me: string | null;
  names: RegExp | null;
  emotes: ReadonlyMap<string, string> | null;
  /** There when the line is pointed at or walked to. */
  tools: Tools | null;
  /** Its menu is open. */
  acting: boolean;
  store: ChatStore;
}

export class LineView extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    const now = this.props;
    return now.line !== next.line || now.head !== next.head || now.me !== next.me || now.names !== next.names || now.emotes !== next.emotes
      || now.tools !== next.tools || now.acting !== next.acting;
  }

  override render({ line, head, me, names, emotes, tools: Tools, acting, store }: Props) {
    if (line.kind !== "message") return <p class="line notice" tabIndex={-1}>{noticeText(line)}</p>;
    const { message } = line;
    const { user } = message;
    const own = me === user.uid;
    const mine = !own && (names?.test(message.message) ?? false);
    const role = badge(user);
    const classes = ["line", head && "head", own && "own", mine && "mine", acting && "acting", message.kind === "action" && "action"];
    return (
      <div
        class={classes.filter(Boolean).join(" ")} data-id={message.id} tabIndex={-1} role="article" aria-describedby={`text-${message.id}`}
        aria-label={[user.displayName, role && t(role), clockTime(message.timestamp)].filter(Boolean).join(", ")}
      >
        {message.replyTo ? <QuoteLine store={store} id={message.replyTo} /> : null}
        {head && <Time at={message.timestamp} />}
        {head && <Name user={user} />}
        <Text id={`text-${message.id}`} text={message.message} names={names} emotes={emotes} />
        {Tools && <Tools store={store} message={message} head={head} />}
      </div>
    );
  }
}

/** Whether a text may be taller than twelve lines at 360 px. */
const mayBeTall = (text: string) => text.length > 200 || text.split("\n").length > 12;

function Text({ id, text, names, emotes }: { id: string; text: string; names: Props["names"]; emotes: Props["emotes"] }) {
  const drawn = renderText(text, names, emotes);
  const tall = mayBeTall(text);
  const part = useLazy(() => import("./fold"), tall);
  if (tall && part) return <part.Fold id={id}>{drawn}</part.Fold>;
  return <span id={id} class={isEmojiOnly(text) ? "text jumbo" : tall ? "text long" : "text"}>{drawn}</span>;
}

function noticeText(item: Exclude<TimelineItem, { kind: "message" }>): string {
  return item.kind === "system" ? item.text : t(`did_${item.action}`, { name: item.name ?? t("somebody") });
}

function Time({ at }: { at: number }) {
  return <time dateTime={new Date(at).toISOString()} title={moment(at)}>{clockTime(at)}</time>;
}

export function Name({ user }: { user: User }) {
  const { light, dark } = nameColour(user.uid);
  const role = badge(user);
  return (
    <>
      <bdi class="name" style={{ "--light": light, "--dark": dark }}>{user.displayName}</bdi>
      {role && <span class={`badge ${role}`}>{t(role)}</span>}
    </>
  );
}

/** The parts of a text, drawn as text and never as markup. */
export function renderText(text: string, names: RegExp | null, emotes: ReadonlyMap<string, string> | null) {
  return parts(text, names, emotes ? (word) => emotes.get(word) : null).map((part) => {
    if (part.kind === "link") return <a href={part.href} target="_blank" rel="noopener noreferrer nofollow ugc">{part.text}</a>;
    if (part.kind === "mention") return <span class={part.me ? "mention me" : "mention"}>{part.text}</span>;
    if (part.kind === "emote") return <img class="emote" src={part.src} alt={part.text} title={part.text} loading="lazy" decoding="async" />;
    return part.text;
  });
}

function QuoteLine({ store, id }: { store: ChatStore; id: number }) {
  const part = useLazy(() => import("./quote"));
  return part ? <part.Quote store={store} id={id} /> : <span class="quote">…</span>;
}
