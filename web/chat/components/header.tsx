/** The room's name, how many watch, and who I am here – with the one click that changes it. */
import { useState } from "preact/hooks";
import { badge, badgeText } from "../ranks";
import type { ChatStore } from "../store";

export function Header({ store, readonly, onSignIn }: { store: ChatStore; readonly: boolean; onSignIn: () => void }) {
  const room = store.room.value;
  const viewers = store.viewers.value;
  return (
    <header class="top">
      <div class="room">
        <h1 title={room?.description ?? undefined}>{room?.name ?? "Chat"}</h1>
        {viewers !== null && <span class="quiet count">{viewers === 1 ? "1 here" : `${viewers} here`}</span>}
      </div>
      {!readonly && <Account store={store} onSignIn={onSignIn} />}
    </header>
  );
}

function Account({ store, onSignIn }: { store: ChatStore; onSignIn: () => void }) {
  const [open, setOpen] = useState(false);
  const me = store.me.value;
  if (!me) return null;
  const guest = me.roles.includes("guest");
  const role = badge(me);
  const close = (act: () => void) => () => { setOpen(false); act(); };
  return (
    <div class="account" onKeyDown={(event) => event.key === "Escape" && setOpen(false)}>
      <button class="button small bare who" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span class="sr-only">Signed in as </span>
        <span class="who-name">{me.displayName}</span>
        <span class="quiet who-role">{role ? badgeText[role] : guest ? "Guest" : "Member"}</span>
        <svg class="chevron" viewBox="0 0 12 12" aria-hidden="true"><path d="M2.5 4.5 6 8l3.5-3.5" /></svg>
      </button>
      {open && (
        <div class="sheet" role="group" aria-label="Your account">
          <button class="button small bare" onClick={close(onSignIn)}>
            {guest ? "Log in with a name" : "Use another account"}
          </button>
          <button class="button small bare" onClick={close(() => store.signOut())}>Log out</button>
        </div>
      )}
    </div>
  );
}
