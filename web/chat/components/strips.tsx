/** What stands between the reader and the chat, said in place: connection, refusals, closed doors. */
import type { ChatStore } from "../store";
import { spanText, useSecondsUntil } from "./clock";

/** A thin line while the connection is being made or made again. */
export function ConnectionStrip({ store }: { store: ChatStore }) {
  const state = store.state.value;
  const seconds = useSecondsUntil(state.name === "waiting" ? state.until : 0);
  if (state.name === "waiting" || (state.name === "connecting" && state.attempt > 1)) {
    return (
      <div class="strip warn" role="status">
        <span>
          Connection lost.{" "}
          <span aria-hidden="true">{seconds > 0 ? `Next try in ${spanText(seconds)}.` : "Trying again …"}</span>
        </span>
        <button class="button small bare" onClick={() => store.retry()}>Try now</button>
      </div>
    );
  }
  if (state.name === "connecting") return <div class="strip quiet" role="status">Connecting …</div>;
  return null;
}

/** Why the last thing asked for was refused. */
export function ProblemStrip({ store }: { store: ChatStore }) {
  const problem = store.problem.value;
  if (!problem) return null;
  return (
    <div class="strip danger" role="alert">
      <span>{problem.detail}</span>
      <button class="button small bare" aria-label="Dismiss" onClick={() => { store.problem.value = null; }}>✕</button>
    </div>
  );
}

/** In place of the log: there is nothing to read here, and why. */
export function Barred({ store }: { store: ChatStore }) {
  const state = store.state.value;
  const ended = state.name === "ended" ? state : null;
  const barred = store.barred.value;
  const code = ended?.reason ?? barred?.code;
  const heading =
    store.roomUid.value === null ? "No room chosen"
    : code === "banned" ? "You are banned here"
    : code === "too_many" ? "Too many connections"
    : code === "room_deleted" ? "This room is gone"
    : barred?.status === 404 ? "There is no such room"
    : "This room is closed to you";
  const detail =
    store.roomUid.value === null ? "The address of this page names no room: add ?room= and the room's id."
    : barred?.status === 404 ? "It may have been deleted, or the address is incomplete."
    : (ended?.detail ?? barred?.detail);
  return (
    <main class="barred">
      <div role="alert">
        <h2>{heading}</h2>
        <p class="quiet">{detail}</p>
      </div>
      {store.roomUid.value !== null && code !== "room_deleted" && (
        <button class="button" onClick={() => store.retry()}>Try again</button>
      )}
    </main>
  );
}
