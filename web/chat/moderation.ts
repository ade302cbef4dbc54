/** What the reader may do here beyond writing, and the message they are about to act on. */
import { computed, effect, signal } from "@preact/signals";
import type { Capability, Message } from "../sdk/src";
import { isModerator } from "../sdk/src/room";
import type { RoomStore } from "./room";
import type { SessionStore } from "./session";

export class ModerationStore {
  readonly moderates;
  /** What the server lets us do here; it is asked when our rank says that there is something. */
  readonly capabilities = signal<ReadonlySet<Capability>>(new Set());
  /** The message whose menu is open. */
  readonly acting = signal<Message | null>(null);

  constructor(session: SessionStore, room: RoomStore) {
    this.moderates = computed(() => isModerator(room.me.value));
    /** Changes when what we may do can have changed; null while that is nothing. */
    const rank = computed(() => (room.joined.value && this.moderates.value ? `${room.me.value?.uid} ${room.me.value?.roles.join()}` : null));
    const load = async (present: string | null) => {
      const uid = room.uid.peek();
      await session.ready;
      const answer = present && uid ? await session.rest.capabilities(uid).catch(() => null) : null;
      if (present === rank.peek() && (!present || answer)) this.capabilities.value = new Set(answer?.capabilities);
    };
    effect(() => void load(rank.value));
  }
}
