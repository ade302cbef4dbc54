/**
 * What a screen reader hears. Polite: one sentence every two seconds at most; a single message is read
 * out, a burst is counted. At once, and only: what concerns the reader in person.
 */
import { signal } from "@preact/signals";
import { t } from "./i18n";

export const announceEvery = 2000;

export class Announcer {
  readonly text = signal("");
  readonly alert = signal("");
  #waiting: string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #alertTimer: ReturnType<typeof setTimeout> | undefined;

  add(sentence: string): void {
    this.#waiting.push(sentence);
    this.#timer ??= setTimeout(() => this.#speak(), this.text.peek() ? announceEvery : 150);
  }

  /** Interrupts: a mention, a timeout. What was said is taken away soon: the same words are heard again only as new ones. */
  interrupt(sentence: string): void {
    this.alert.value = sentence;
    clearTimeout(this.#alertTimer);
    this.#alertTimer = setTimeout(() => { this.alert.value = ""; }, announceEvery);
  }

  #speak(): void {
    this.#timer = undefined;
    const [first = ""] = this.#waiting;
    this.text.value = this.#waiting.length === 1 ? first : t("waiting", { n: this.#waiting.length });
    this.#waiting = [];
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#waiting.length) this.#speak();
      else this.text.value = "";
    }, announceEvery);
  }
}
