/**
 * Collects values and hands them over once per animation frame, or twice a second where no frames are
 * drawn (a hidden tab, a frame out of view): a hundred messages a second cost sixty updates at most.
 */
export class Batch<T> {
  #waiting: T[] = [];
  #frame = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #handle: (values: readonly T[], mayWait: boolean) => boolean;

  /** `handle` may answer false, unless it must not wait: then it gets the same values, and what came since, in the next frame. */
  constructor(handle: (values: readonly T[], mayWait: boolean) => boolean) {
    this.#handle = handle;
  }

  add(value: T): void {
    if (this.#waiting.push(value) === 1) this.#schedule();
  }

  /** Hands over what waits, now. */
  flush(): void {
    this.#hand(false);
  }

  #schedule(): void {
    this.#frame = requestAnimationFrame(() => this.#hand(true));
    this.#timer = setTimeout(() => this.#hand(!document.hidden), 500);
  }

  #hand(mayWait: boolean): void {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    const values = this.#waiting;
    if (!values.length) return;
    this.#waiting = [];
    if (this.#handle(values, mayWait)) return;
    this.#waiting = [...values, ...this.#waiting];
    this.#schedule();
  }
}
