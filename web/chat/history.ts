/**
 * Moving the window through the room's history: older pages come at its top, newer ones at its foot, and
 * the other end lets go of as many.
 */
import type { Message, Rest, ServerFrame } from "../sdk/src";
import { lastSeq, pageOf, type Reading, rowsMax } from "./reading";
import { applyFrames, type Line, messageLines } from "./transcript";

/** The page before the window: from the tail when it reaches back far enough, else from the server. */
export async function older(reading: Reading, rest: Rest): Promise<void> {
  const first = reading.view.value[0];
  if (!first || reading.begun.value || reading.loading.value) return;
  const show = (lines: readonly Line[]) => { reading.view.value = [...lines, ...reading.view.value].slice(0, rowsMax); };
  const kept = reading.tail.value.filter((line) => line.seq < first.seq).slice(-pageOf);
  if (kept.length) return show(kept);
  await load(reading, rest, { before: first.seq }, (lines, more) => {
    if (!more) reading.start.value = lines[0]?.seq ?? first.seq;
    show(lines);
  });
}

/** The page after the window. */
export async function newer(reading: Reading, rest: Rest): Promise<void> {
  const last = lastSeq(reading.view.value);
  if (!reading.view.value.length || reading.atEnd.value || reading.loading.value) return;
  const show = (lines: readonly Line[]) => { reading.view.value = [...reading.view.value, ...lines].slice(-rowsMax); };
  const after = (seq: number) => reading.tail.value.filter((line) => line.seq > seq).slice(0, pageOf);
  if ((reading.tail.value[0]?.seq ?? 0) <= last) return show(after(last));
  await load(reading, rest, { after: last }, (lines, more) => show(more ? lines : [...lines, ...after(lastSeq(lines) || last)]));
}

/** Brings a message into view, wherever in the room's history it stands. */
export async function show(reading: Reading, rest: Rest, message: Pick<Message, "id" | "seq">): Promise<void> {
  reading.hold("scroll");
  const here = (lines: readonly Line[]) => lines.findIndex((line) => line.kind === "message" && line.message.id === message.id);
  // What was on its way to the window as it stood must not come into the one that is shown now.
  reading.turnTo(reading.view.value);
  if (here(reading.view.value) < 0) {
    const at = here(reading.tail.value);
    if (at >= 0) reading.turnTo(reading.tail.value.slice(Math.max(0, at - pageOf), at + pageOf));
    else if (!await load(reading, rest, { before: message.seq + 1 }, (lines) => reading.turnTo(lines))) return;
  }
  if (here(reading.view.value) >= 0) reading.reveal.value = { id: message.id };
}

/** Loads a page for the view as it is now; false when there is another by the time it comes, or none came. */
async function load(
  reading: Reading, rest: Rest, query: { before?: number; after?: number }, take: (lines: Line[], more: boolean) => void,
): Promise<boolean> {
  const { room, turn } = reading;
  const removals: ServerFrame[] = [];
  reading.loading.value = true;
  reading.removals = removals;
  const page = await rest.messages(room, { ...query, limit: pageOf }).catch(() => null); // Unreachable: the next scroll asks again.
  if (turn !== reading.turn) return false;
  reading.loading.value = false;
  reading.removals = null;
  if (page) take([...applyFrames(messageLines(page.messages), removals, room)], page.next !== null);
  return page !== null;
}
