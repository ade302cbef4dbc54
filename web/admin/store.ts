/** Who is signed in on the admin page, and the one place where its refusals end up. Kept for this tab alone. */
import { signal } from "@preact/signals";
import { type Problem, problemOf, Rest, type User } from "../sdk/src";
import { keptFor, serverAddress } from "../shared/server";

const key = `banter_admin${keptFor()}`;

export const token = signal<string | null>(stored());
export const me = signal<User | null>(null);
export const problem = signal<Problem | null>(null);
export const rest = new Rest({ base: serverAddress(), token: () => token.value });

export function hold(next: string | null, user: User | null): void {
  token.value = next;
  me.value = user;
  try {
    if (next) sessionStorage.setItem(key, next);
    else sessionStorage.removeItem(key);
  } catch {
    // Storage is blocked: signed in until the page is left.
  }
}

/** Does a piece of work; what goes wrong is shown at the top of the page. An ended session leads back to the login. */
export async function attempt(work: () => Promise<void>): Promise<void> {
  try {
    await work();
    problem.value = null;
  } catch (error) {
    problem.value = problemOf(error);
    if (problem.value.status === 401) hold(null, null);
  }
}

export function mayAdminister(user: User): boolean {
  return user.roles.includes("admin") || user.roles.includes("root");
}

function stored(): string | null {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}
