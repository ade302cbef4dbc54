/** The box to write in: one line that grows, Enter sends, Shift-Enter breaks the line, and it says why it must wait. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ChatStore } from "../store";
import { spanText, useSecondsUntil } from "./clock";

export const longest = 500;
const countFrom = 400;

export function Composer({ store }: { store: ChatStore }) {
  const box = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState("");
  const slow = useSecondsUntil(store.moderates.value ? 0 : store.slowUntil.value);
  const muted = useSecondsUntil(store.mutedUntil.value);
  const length = [...text.trim()].length;
  const waits = muted > 0 || slow > 0;
  const ready = length > 0 && length <= longest && !waits && store.me.value !== null;

  useLayoutEffect(() => {
    const area = box.current!;
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight + 2}px`;
  }, [text]);

  const send = () => {
    if (!ready) return;
    store.send(text.trim());
    store.follow(true);
    setText("");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // While an input method composes a word, Enter takes the word (229: older Safari).
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    send();
  };

  const status =
    muted > 0 ? (Number.isFinite(muted) ? `You are timed out for ${spanText(muted)}.` : "You are timed out.")
    : slow > 0 ? `Slow mode: ${spanText(slow)}`
    : length > longest ? `${length - longest} too many`
    : length >= countFrom ? `${longest - length} left`
    : "";
  return (
    <form class="composer" onSubmit={(event) => { event.preventDefault(); send(); box.current?.focus(); }}>
      <label class="sr-only" for="text">Message</label>
      <textarea
        ref={box} id="text" class="input" rows={1} value={text} placeholder="Say something" enterkeyhint="send"
        autocomplete="off" aria-describedby="status" aria-invalid={length > longest}
        onInput={(event) => setText(event.currentTarget.value)} onKeyDown={onKeyDown}
      />
      <button class="button primary" disabled={!ready}>Send</button>
      <p id="status" class={length > longest ? "status problem" : "status quiet"}>{status}</p>
    </form>
  );
}
