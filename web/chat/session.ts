/** Who is logged in at this window, the way to the server for them, and why the last thing asked for was refused. */
import { signal } from "@preact/signals";
import { type Problem, problemOf, type Realtime, type Rest, type Session, type User } from "../sdk/src";
import type { TokenStore } from "../shared/session";

export class SessionStore {
  /** There as soon as `ready` is: it is not needed to read the first line. */
  rest!: Rest;
  readonly ready: Promise<void>;
  readonly signedIn = signal(false);
  readonly problem = signal<Problem | null>(null);
  /** Called when the reader asks to be logged in. */
  onLoginRequested: () => void = () => {};
  /** Called when somebody else is logged in, or nobody; `user` is absent while it is not known who. */
  onChange: (token: string | null, user?: User | null) => void = () => {};
  readonly #tokens: TokenStore;

  constructor(rest: Rest | Promise<Rest>, realtime: Realtime, tokens: TokenStore) {
    this.#tokens = tokens;
    this.ready = Promise.resolve(rest).then((client) => { this.rest = client; });
    this.signedIn.value = tokens.token !== null;
    tokens.watch((token) => this.#change(token));
    realtime.listen((event) => {
      if (event.type === "token") this.#onTokenEvent(event.token, event.reason);
    });
  }

  /** Logs in by whatever `request` asks of the server; a refusal is shown and thrown. */
  async signIn(request: (rest: Rest) => Promise<Session>): Promise<void> {
    try {
      await this.ready;
      const { user, token } = await request(this.rest);
      this.#tokens.keep(token);
      this.problem.value = null;
      this.#change(token, user);
    } catch (error) {
      this.problem.value = problemOf(error);
      throw error;
    }
  }

  /** Keeps a token that a window of our own got for us. */
  keepToken(token: string): void {
    this.#tokens.keep(token);
    this.#change(token);
  }

  /** The token of whoever is logged in, to be handed to another window of our own. */
  get token(): string | null {
    return this.#tokens.token;
  }

  /** Ends the session everywhere. */
  signOut(): void {
    this.rest.logout().catch(() => {});
    this.forgetToken();
  }

  /** Forgets the token here and leaves the session alone. */
  forgetToken(): void {
    this.#tokens.update(null);
    this.#change(null);
  }

  /** Takes the token that the host page hands over, for this window alone. */
  useHostToken(token: string): void {
    this.#tokens.borrow(token);
    this.#change(token);
  }

  /** Waits for a request; its refusal is shown, and what was gone already counts as done. */
  async run(request: Promise<unknown>): Promise<boolean> {
    try {
      await request;
      this.problem.value = null;
      return true;
    } catch (error) {
      const problem = problemOf(error);
      if (problem.status === 404) return true;
      this.problem.value = problem;
      return false;
    }
  }

  #onTokenEvent(token: string | null, reason: Problem | null): void {
    // A typed `/logout` is of this window alone.
    if (token === null && !reason) this.#tokens.borrow(null);
    else this.#tokens.update(token);
    if (token === null) {
      this.problem.value = reason;
      this.#change(null);
    } else this.signedIn.value = true;
  }

  #change(token: string | null, user?: User): void {
    this.signedIn.value = token !== null;
    this.onChange(token, token === null ? null : user);
  }
}
