/**
 * The token of whoever is signed in, shared by all pages of this origin through localStorage. Where
 * storage is blocked or partitioned away it lives in memory, and everything else works the same.
 */
import { keptFor } from "./server";

/** `chat_token`, or `chat_token:NAME` for a page that keeps a login of its own (`?session=NAME`); apart for other servers. */
export function tokenKey(session: string | null): string {
  return `chat_token${session ? `:${session}` : ""}${keptFor()}`;
}

export class TokenStore {
  readonly key: string;
  #token: string | null;
  /** The token is not the stored one: what other windows store does not concern us. */
  #borrowed = false;

  constructor(key: string) {
    this.key = key;
    this.#token = read(key);
  }

  get token(): string | null {
    return this.#token;
  }

  /** Keeps a token and tells the other windows of this origin. */
  keep(token: string | null): void {
    this.#token = token;
    this.#borrowed = false;
    write(this.key, token);
  }

  /** Takes a token for this window alone: what a host page hands over is the host's to keep. */
  borrow(token: string | null): void {
    this.#token = token;
    this.#borrowed = true;
  }

  /** The server ended or renewed the token: what is stored changes only when it is the same one. */
  update(token: string | null): void {
    if (read(this.key) === this.#token) this.keep(token);
    else this.#token = token;
  }

  /** Hears of a token that another window stored or removed. */
  watch(changed: (token: string | null) => void): () => void {
    const listener = (event: StorageEvent) => {
      if (this.#borrowed || (event.key !== this.key && event.key !== null)) return;
      const token = event.key === null ? null : event.newValue || null;
      if (token === this.#token) return;
      this.#token = token;
      changed(token);
    };
    addEventListener("storage", listener);
    return () => removeEventListener("storage", listener);
  }
}

/** What is stored under a key; null also when storage is blocked. */
export function read(key: string): string | null {
  try {
    return localStorage.getItem(key) || null;
  } catch {
    return null;
  }
}

/** Stores a value or, with null, removes it; a blocked storage is no error. */
export function write(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Storage is blocked: the value lives as long as the page.
  }
}
