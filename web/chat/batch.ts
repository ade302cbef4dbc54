/**
 * Collects values and hands them over once per animation frame, or twice a second where no frames are
 * drawn (a hidden tab, a frame out of view): a hundred messages a second cost sixty updates at most.
 */
export class Batch<T> {
  #waiting: T[] = [];
  #frame = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #handle: (values: T[]) => void;

  constructor(handle: (values: T[]) => void) {
    this.#handle = handle;
  }

  add(value: T): void {
    if (this.#waiting.push(value) > 1) return;
    this.#frame = requestAnimationFrame(() => this.flush());
    this.#timer = setTimeout(() => this.flush(), 500);
  }

  flush(): void {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    const values = this.#waiting;
    this.#waiting = [];
    if (values.length) this.#handle(values);
  }
}
