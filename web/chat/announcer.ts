/**
 * What a screen reader hears of new messages: one polite sentence every two seconds at most. A single
 * message is read out, a burst is counted.
 */
import { signal } from "@preact/signals";

export const announceEvery = 2000;

export class Announcer {
  readonly text = signal("");
  #waiting: string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  add(sentence: string): void {
    this.#waiting.push(sentence);
    this.#timer ??= setTimeout(() => this.#speak(), this.text.peek() ? announceEvery : 150);
  }

  #speak(): void {
    this.#timer = undefined;
    const [first = ""] = this.#waiting;
    this.text.value = this.#waiting.length === 1 ? first : `${this.#waiting.length} new messages`;
    this.#waiting = [];
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#waiting.length) this.#speak();
      else this.text.value = "";
    }, announceEvery);
  }
}
