/** In place of the box while nobody is signed in: one click as a guest, a window of our own, or a name and a password. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Rest, Session } from "../../sdk/src";
import { t } from "../i18n";
import { openLogin } from "../login";
import type { ChatOptions } from "../options";
import type { ChatStore } from "../store";

type Way = "choose" | "login" | "register";

export function SignIn({ store, options, onClose }: { store: ChatStore; options: ChatOptions; onClose: (() => void) | null }) {
  const [way, setWay] = useState<Way>("choose");
  const [busy, setBusy] = useState(false);
  const [said, say] = useState("");
  const forget = useRef<(() => void) | null>(null);
  useEffect(() => () => forget.current?.(), []);
  const go = (ask: (rest: Rest) => Promise<Session>) => {
    setBusy(true);
    store.session.signIn(ask).then(() => requestAnimationFrame(focusBox), () => {}).finally(() => setBusy(false));
  };
  const turn = (to: Way) => {
    store.session.problem.value = null;
    say("");
    setWay(to);
  };
  const inWindow = () => {
    forget.current?.();
    forget.current = openLogin(options.session, (token) => store.session.keepToken(token));
    say(t(forget.current ? "windowOpen" : "windowBlocked"));
  };

  if (way === "choose") {
    return (
      <section class="sign-in" aria-label={t("joinChat")}>
        {!onClose && store.room.refused.value?.status !== 401 && (
          <button class="button primary" disabled={busy} onClick={() => go((rest) => rest.loginAsGuest())}>{t("asGuest")}</button>
        )}
        <button class="button" onClick={() => (options.hostLogin ? store.session.onLoginRequested() : turn("login"))}>{t("logIn")}</button>
        {!options.hostLogin && <button class="button" onClick={() => turn("register")}>{t("register")}</button>}
        {onClose && <button class="button bare" onClick={onClose}>{t("cancel")}</button>}
      </section>
    );
  }
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const who = { username: String(data.get("username")).trim(), password: String(data.get("password")) };
    go((rest) => (way === "login" ? rest.login(who) : rest.register(who)));
  };
  const field = store.session.problem.value?.field;
  const title = t(way === "login" ? "logIn" : "register");
  return (
    <form class="sign-in form" aria-label={title} onSubmit={submit} onKeyDown={(event) => event.key === "Escape" && turn("choose")}>
      {parent !== window && way === "login" && (
        <div class="in-window">
          <button class="button" type="button" onClick={inWindow}>{t("inWindow")}</button>
          <p class="quiet" role="status">{said || t("inWindowWhy")}</p>
        </div>
      )}
      <label class="field">
        <span>{t("name")}</span>
        <input class="input" name="username" autocomplete="username" autocapitalize="none" required aria-invalid={field === "username"} ref={focusFirst} />
      </label>
      <label class="field">
        <span>{t("password")}</span>
        <input
          class="input" name="password" type="password" required minLength={way === "register" ? 8 : undefined}
          autocomplete={way === "login" ? "current-password" : "new-password"} aria-invalid={field === "password"}
        />
      </label>
      <div class="row">
        <button class="button primary" disabled={busy}>{title}</button>
        <button class="button bare" type="button" onClick={() => turn("choose")}>{t("back")}</button>
      </div>
    </form>
  );
}

/** Whoever signed in by hand wants to write next. */
function focusBox(): void {
  document.querySelector("textarea")?.focus({ preventScroll: true });
}

function focusFirst(input: HTMLInputElement | null): void {
  input?.focus({ preventScroll: true });
}
