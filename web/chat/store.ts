/**
 * The state of one chat window and all that may be done to it, in three parts: who is logged in, the room, and what
 * the reader may do to others. Components read signals and call methods. Knows the SDK, never the page.
 */
import { signal } from "@preact/signals";
import type { Realtime, Rest } from "../sdk/src";
import type { TokenStore } from "../shared/session";
import { ModerationStore } from "./moderation";
import { Outgoing } from "./outgoing";
import { RoomStore } from "./room";
import { SessionStore } from "./session";

/** The REST client is not needed to read the first line: it may come later. */
export interface ChatParts { rest: Rest | Promise<Rest>; realtime: Realtime; tokens: TokenStore }

export class ChatStore {
  readonly session: SessionStore;
  readonly room: RoomStore;
  readonly moderation: ModerationStore;
  readonly outgoing = new Outgoing();
  /** Pictures for words, by the host page's wish. */
  readonly emotes = signal<ReadonlyMap<string, string> | null>(null);
  /** The line that is pointed at or walked to, by its key. */
  readonly active = signal<string | null>(null);

  constructor({ rest, realtime, tokens }: ChatParts) {
    this.session = new SessionStore(rest, realtime, tokens);
    this.room = new RoomStore(realtime);
    this.moderation = new ModerationStore(this.session, this.room);
    this.session.onChange = (token, user) => this.room.setIdentity(token, user);
    this.room.onProblem = (problem) => { this.session.problem.value = problem; };
    this.room.onClear = () => { this.active.value = this.moderation.acting.value = null; };
  }

  /** Enters the room; a window stays in one room for its life. */
  async start(room: string | null, asGuest: boolean): Promise<void> {
    this.room.enter(room);
    if (asGuest && !this.session.signedIn.value) await this.session.signIn((rest) => rest.loginAsGuest()).catch(() => {});
  }
}
