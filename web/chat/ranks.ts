/**
 * Ranks as the window needs them: which badge to show, and who may be offered the tools of a moderator at
 * all. What may be done to whom is asked of the server.
 */
import type { Message, Role, User } from "../sdk/src";
import { isModerator } from "../sdk/src/room";

/** A role that ranks: `site` only says where somebody comes from. */
export type Rank = Exclude<Role, "site">;

const order: readonly Rank[] = ["guest", "registered", "vip", "mod", "owner", "super_mod", "admin", "root"];

/** The place of a user's highest rank; -1 for nobody. */
export function rank(user: User | null): number {
  return user ? Math.max(-1, ...user.roles.map((role) => (order as readonly Role[]).indexOf(role))) : -1;
}

/** The highest rank worth showing beside a name. */
export function badge(user: User): Rank | null {
  return rank(user) >= order.indexOf("vip") ? order[rank(user)]! : null;
}

/** Acting on someone takes a moderator with a higher rank than theirs. */
export function mayModerate(me: User | null, other: User): boolean {
  return isModerator(me) && me?.uid !== other.uid && rank(me) > rank(other);
}

export function mayDelete(me: User | null, message: Message): boolean {
  return me !== null && (me.uid === message.user.uid || mayModerate(me, message.user));
}
