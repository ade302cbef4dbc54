/** The two chat windows, each with its own login, and who is in them. */
import { effect, signal } from "@preact/signals";
import { Rest, type User } from "../sdk/src";
import { pagesAddress } from "../shared/server";
import { read, tokenKey, write } from "../shared/session";
import { CopyButton } from "../shared/ui";
import { PartTitle } from "./embed";
import { busy, failure, saved, server } from "./state";

export const sessions = [null, "2"] as const;
export type Session = (typeof sessions)[number];

const frames = new Map<Session, HTMLIFrameElement>();
const people = signal<Record<string, User | null>>({});
const keyOf = tokenKey;

/** Where a chat is found; the host's origin is named so that both sides can pin it. */
function embedUrl(room: string, session: Session): string {
  const url = new URL("embed.html", location.href);
  url.searchParams.set("room", room);
  url.searchParams.set("host", location.origin);
  if (session) url.searchParams.set("session", session);
  if (server !== pagesAddress()) url.searchParams.set("server", server);
  return url.href;
}

/** Puts a token where a chat looks, or takes it away; the chat hears of it by the storage event. */
export function storeToken(session: Session, token: string | null): void {
  write(keyOf(session), token);
  void look();
}

/** Hands a token (or nothing) over by postMessage, to this origin's chat and no other. */
export function tell(session: Session, message: { login: string } | { logout: true }): void {
  frames.get(session)?.contentWindow?.postMessage(message, location.origin);
}

/** Asks the server who is signed in in each chat. */
async function look(): Promise<void> {
  const found: Record<string, User | null> = {};
  for (const session of sessions) {
    const token = read(keyOf(session));
    const answer = token ? await new Rest({ base: server, token: () => token }).me().catch(() => null) : null;
    found[keyOf(session)] = answer?.user ?? null;
  }
  people.value = found;
}

addEventListener("storage", (event) => {
  if (event.key === null || event.key.startsWith("chat_token")) void look();
});
effect(() => { if (saved.value.shown) void look(); });

export function Chats({ onQuickStart }: { onQuickStart: () => void }) {
  const room = saved.value.shown;
  const [one, two] = sessions.map((session) => people.value[keyOf(session)] ?? null);
  const sameGuest = one && two && one.uid === two.uid && one.roles.includes("guest") && read(keyOf(null)) !== read(keyOf("2"));
  return (
    <section class="part" aria-labelledby="chats-title" id="try">
      <PartTitle number={1} id="chats-title" title="Try it">
        {room ? "Two visitors in one room. Write in one window and read in the other. Chat 1 owns the room and can delete messages, time out and ban."
          : "One click creates a room and opens it in two windows, as two visitors would see it."}
      </PartTitle>
      {sameGuest && (
        <p class="note warn" role="status">
          Both windows are the same guest, because this server tells guests apart by their network address. Register in one of
          them to chat as two users.
        </p>
      )}
      {room ? (
        <>
          <div class="frames">
            {sessions.map((session, index) => (
              <figure key={index} class="card frame">
                <figcaption>
                  <strong>Chat {index + 1}</strong>
                  <span class="quiet">login stored as <span class="mono">{keyOf(session)}</span></span>
                </figcaption>
                <iframe
                  title={`Chat ${index + 1}`} src={embedUrl(room, session)}
                  ref={(frame) => { if (frame) frames.set(session, frame); else frames.delete(session); }}
                />
              </figure>
            ))}
          </div>
          <p class="room-line">
            <span class="quiet">Room</span> <code>{room}</code> <CopyButton text={room} label="Copy: room" />
            <a href={`embed.html?room=${encodeURIComponent(room)}`} target="_blank" rel="noopener">Open in a new window</a>
            <a href={`lofi.html?room=${encodeURIComponent(room)}`}>See it next to a stream</a>
          </p>
        </>
      ) : (
        <div class="card start">
          <p class="start-title">No room yet.</p>
          <button class="button primary large" onClick={onQuickStart} disabled={busy.value}>Create and open a room</button>
          {failure.value ? <p class="problem" role="alert">{failure.value.detail}</p>
            : <p class="quiet" role="status">{busy.value ? "Opening …" : "You join as a guest and own the room. No account needed."}</p>}
        </div>
      )}
    </section>
  );
}
