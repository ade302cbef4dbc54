/** The two chat windows, each with its own login, and who is in them. */
import { effect, signal } from "@preact/signals";
import { Rest, type User } from "../sdk/src";
import { read, tokenKey, write } from "../shared/session";
import { failure, saved, server } from "./state";

export const sessions = [null, "2"] as const;
export type Session = (typeof sessions)[number];

const frames = new Map<Session, HTMLIFrameElement>();
const people = signal<Record<string, User | null>>({});
const keyOf = (session: Session) => tokenKey(session);

/** Where a chat is found; the host's origin is named so that both sides can pin it. */
export function embedUrl(room: string, session: Session): string {
  const url = new URL("/embed.html", location.href);
  url.searchParams.set("room", room);
  url.searchParams.set("host", location.origin);
  if (session) url.searchParams.set("session", session);
  if (server !== location.origin) url.searchParams.set("server", server);
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
    <section class="chats" aria-labelledby="chats-title">
      <h2 id="chats-title" class="sr-only">Two chat windows</h2>
      {!room && failure.value && <p class="note danger" role="alert">{failure.value.detail}</p>}
      {sameGuest && (
        <p class="note warn" role="status">
          Both windows are the same guest, because this server tells guests apart by their network address. Register in one of
          them to talk as two people.
        </p>
      )}
      <div class="frames">
        {sessions.map((session, index) => (
          <figure key={index} class={room ? "card frame" : "card frame empty"}>
            <figcaption>
              <strong>Chat {index + 1}</strong>
              <span class="quiet mono">{keyOf(session)}</span>
            </figcaption>
            {room ? (
              <iframe
                title={`Chat ${index + 1}`} src={embedUrl(room, session)}
                ref={(frame) => { if (frame) frames.set(session, frame); else frames.delete(session); }}
              />
            ) : (
              <div class="vacant quiet">
                <p>No room yet.</p>
                {index === 0 && <button class="button primary" onClick={onQuickStart}>Make one and open it</button>}
              </div>
            )}
          </figure>
        ))}
      </div>
    </section>
  );
}
