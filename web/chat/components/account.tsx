/** Who I am here and as what, with the one click that changes it; and the way into a window of its own. */
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import { openPopOut } from "../popout";
import { badge } from "../ranks";
import type { ChatStore } from "../store";
import { Icon } from "./icons";

export function PopOut({ store }: { store: ChatStore }) {
  return <button class="tool" aria-label={t("popOut")} title={t("popOut")} onClick={() => openPopOut(store)}><Icon name="out" /></button>;
}

/** Who is signed in, as what; opened, what can be done about it. */
export function Account({ store, onSignIn, upward }: { store: ChatStore; onSignIn: () => void; upward?: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => { if (!box.current?.contains(event.target as Node)) setOpen(false); };
    addEventListener("pointerdown", outside);
    addEventListener("focusin", outside);
    return () => { removeEventListener("pointerdown", outside); removeEventListener("focusin", outside); };
  }, [open]);
  const me = store.room.me.value;
  if (!me) return null;
  const guest = me.roles.includes("guest");
  const close = (act: () => void) => () => { setOpen(false); act(); };
  const closeOnEscape = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !open) return;
    event.stopPropagation();
    setOpen(false);
    box.current?.querySelector("button")?.focus();
  };
  return (
    <div ref={box} class={upward ? "account up" : "account"} onKeyDown={closeOnEscape}>
      <button class="button small bare who" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span class="sr-only">{t("signedInAs")} </span>
        <span class="who-name">{me.displayName}</span>
        <span class="quiet who-role">{t(badge(me) ?? (guest ? "guest" : "registered"))}</span>
        <Icon name="down" size={12} />
      </button>
      {open && (
        <div class="sheet" role="group" aria-label={t("yourAccount")}>
          <button class="button small bare" onClick={close(onSignIn)}>{t(guest ? "logInWithName" : "anotherAccount")}</button>
          <button class="button small bare" onClick={close(() => store.session.signOut())}>{t("logOut")}</button>
        </div>
      )}
    </div>
  );
}
