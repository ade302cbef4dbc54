/** The lines in view with what stands between them: days, and the line where the reader stopped. Keeps what the reader looks at in its place. */
import { Component, type ComponentChildren, type RefObject } from "preact";
import type { TimelineItem } from "../../sdk/src";
import { dayName, midnight, t } from "../i18n";
import type { ChatStore } from "../store";
import { LineView, type Tools } from "./line";

interface Props {
  store: ChatStore;
  box: RefObject<HTMLDivElement | null>;
  lines: readonly TimelineItem[];
  mark: number | null;
  following: boolean;
  /** False where every line says its name. */
  grouped: boolean;
  Tools: Tools | null;
}

type Anchors = [row: HTMLElement, offset: number][];
const together = 3 * 60_000;
const bucket = 10 * 60_000;

export class Rows extends Component<Props> {
  #lines: HTMLDivElement | null = null;

  /** Where the rows in view stand, before anything changes. */
  override getSnapshotBeforeUpdate(before: Props): Anchors | null {
    const log = this.props.box.current;
    if (!log || !this.#lines || (before.following && this.props.following)) return null;
    const [top, foot] = [log.scrollTop, log.scrollTop + log.clientHeight];
    const found: Anchors = [];
    for (const row of this.#lines.children as HTMLCollectionOf<HTMLElement>) {
      if (row.offsetTop >= foot) break;
      if (footOf(row) > top) found.push([row, footOf(row) - top]);
    }
    return found;
  }

  override componentDidUpdate(_: Props, __: unknown, anchors: Anchors | null): void {
    const [row, offset] = anchors?.find(([candidate]) => candidate.isConnected) ?? [];
    if (row && offset !== undefined && !this.props.following) this.props.box.current!.scrollTop = footOf(row) - offset;
  }

  override render({ lines, mark, store, grouped, Tools }: Props) {
    const [active, acting] = [store.active.value, store.moderation.acting.value && String(store.moderation.acting.value.id)];
    const [me, names, emotes] = [store.room.me.value?.uid ?? null, store.room.myName.value, store.emotes.value];
    const rows: ComponentChildren[] = [];
    const today = midnight(Date.now());
    let before: TimelineItem | undefined;
    let earlier: number | null = null;
    let marked = mark === null || (lines[0]?.seq ?? 0) > mark;
    for (const line of lines) {
      let broken = !before;
      if (line.kind === "message") {
        const at = line.message.timestamp;
        if (earlier === null ? midnight(at) !== today : midnight(at) !== midnight(earlier)) {
          rows.push(<div key={`d${line.key}`} class="between day" role="separator" aria-label={dayName(at)}>{dayName(at)}</div>);
          broken = true;
        }
        earlier = at;
      }
      if (!marked && line.seq > mark!) {
        marked = broken = true;
        rows.push(<div key="new" class="between new" role="separator" aria-label={t("newLine")}>{t("newLine")}</div>);
      }
      rows.push(
        <LineView
          key={line.key} line={line} head={broken || !grouped || !goesOn(before, line)} me={me} names={names} emotes={emotes} store={store}
          tools={active === line.key || acting === line.key ? Tools : null} acting={acting === line.key}
        />,
      );
      before = line;
    }
    return <div class="lines" ref={(node) => { this.#lines = node; }}>{rows}</div>;
  }
}

/** Lines are held by their feet: a name may come or go above the text of a line. */
function footOf(row: HTMLElement): number {
  return row.offsetTop + row.offsetHeight;
}

/** Whether a line stands under the name of the line before: the same author, soon after, and no answer to anybody. */
function goesOn(before: TimelineItem | undefined, line: TimelineItem): boolean {
  if (before?.kind !== "message" || line.kind !== "message") return false;
  const [one, two] = [before.message, line.message];
  return one.user.uid === two.user.uid && !two.replyTo && one.kind !== "action" && two.kind !== "action"
    && two.timestamp - one.timestamp < together && Math.floor(one.timestamp / bucket) === Math.floor(two.timestamp / bucket);
}
