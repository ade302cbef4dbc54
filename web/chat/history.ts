/**
 * Moving the window through the room's history: older pages come at its top, newer ones at its foot, and
 * the other end lets go of as many.
 */
import type { Message, Rest, ServerFrame, TimelineItem } from "../sdk/src";
import { applyToTimeline, messageItems } from "../sdk/src/timeline";
import { lastSeq, pageOf, type Viewport, rowsMax } from "./viewport";

/** The page before the window: from the tail when it reaches back far enough, else from the server. */
export async function older(viewport: Viewport, rest: Rest): Promise<void> {
  const first = viewport.view.value[0];
  if (!first || viewport.begun.value || viewport.loading.value) return;
  const show = (lines: readonly TimelineItem[]) => { viewport.view.value = [...lines, ...viewport.view.value].slice(0, rowsMax); };
  const kept = viewport.tail.value.filter((line) => line.seq < first.seq).slice(-pageOf);
  if (kept.length) return show(kept);
  await load(viewport, rest, { before: first.seq }, (lines, more) => {
    if (!more) viewport.start.value = lines[0]?.seq ?? first.seq;
    show(lines);
  });
}

/** The page after the window. */
export async function newer(viewport: Viewport, rest: Rest): Promise<void> {
  const last = lastSeq(viewport.view.value);
  if (!viewport.view.value.length || viewport.atEnd.value || viewport.loading.value) return;
  const show = (lines: readonly TimelineItem[]) => { viewport.view.value = [...viewport.view.value, ...lines].slice(-rowsMax); };
  const after = (seq: number) => viewport.tail.value.filter((line) => line.seq > seq).slice(0, pageOf);
  if ((viewport.tail.value[0]?.seq ?? 0) <= last) return show(after(last));
  await load(viewport, rest, { after: last }, (lines, more) => show(more ? lines : [...lines, ...after(lastSeq(lines) || last)]));
}

/** Brings a message into view, wherever in the room's history it stands. */
export async function show(viewport: Viewport, rest: Rest, message: Pick<Message, "id" | "seq">): Promise<void> {
  viewport.hold("scroll");
  const here = (lines: readonly TimelineItem[]) => lines.findIndex((line) => line.kind === "message" && line.message.id === message.id);
  // What was on its way to the window as it stood must not come into the one that is shown now.
  viewport.turnTo(viewport.view.value);
  if (here(viewport.view.value) < 0) {
    const at = here(viewport.tail.value);
    if (at >= 0) viewport.turnTo(viewport.tail.value.slice(Math.max(0, at - pageOf), at + pageOf));
    else if (!await load(viewport, rest, { before: message.seq + 1 }, (lines) => viewport.turnTo(lines))) return;
  }
  if (here(viewport.view.value) >= 0) viewport.reveal.value = { id: message.id };
}

/** Loads a page for the view as it is now; false when there is another by the time it comes, or none came. */
async function load(
  viewport: Viewport, rest: Rest, query: { before?: number; after?: number }, take: (lines: TimelineItem[], more: boolean) => void,
): Promise<boolean> {
  const { room, turn } = viewport;
  const removals: ServerFrame[] = [];
  viewport.loading.value = true;
  viewport.removals = removals;
  const page = await rest.messages(room, { ...query, limit: pageOf }).catch(() => null); // Unreachable: the next scroll asks again.
  if (turn !== viewport.turn) return false;
  viewport.loading.value = false;
  viewport.removals = null;
  if (page) take([...applyToTimeline(messageItems(page.messages), removals, room)], page.next !== null);
  return page !== null;
}
