/** In place of the box while nobody is signed in: one click as a guest, or a name and a password. */
import { useState } from "preact/hooks";
import type { Rest, Session } from "../../sdk/src";
import type { ChatStore } from "../store";

type Way = "choose" | "login" | "register";

export function SignIn({ store, onClose }: { store: ChatStore; onClose: (() => void) | null }) {
  const [way, setWay] = useState<Way>("choose");
  const [busy, setBusy] = useState(false);
  const go = (ask: (rest: Rest) => Promise<Session>) => {
    setBusy(true);
    store.signIn(ask).then(() => requestAnimationFrame(focusBox), () => {}).finally(() => setBusy(false));
  };
  const turn = (to: Way) => {
    store.problem.value = null;
    setWay(to);
  };

  if (way === "choose") {
    return (
      <section class="sign-in" aria-label="Join the chat">
        {!onClose && (
          <button class="button primary" disabled={busy} onClick={() => go((rest) => rest.loginAsGuest())}>Chat as a guest</button>
        )}
        <button class="button" onClick={() => turn("login")}>Log in</button>
        <button class="button" onClick={() => turn("register")}>Register</button>
        {onClose && <button class="button bare" onClick={onClose}>Cancel</button>}
      </section>
    );
  }
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const who = { username: String(data.get("username")).trim(), password: String(data.get("password")) };
    go((rest) => (way === "login" ? rest.login(who) : rest.register(who)));
  };
  const field = store.problem.value?.field;
  return (
    <form class="sign-in form" aria-label={way === "login" ? "Log in" : "Register"} onSubmit={submit}>
      <label class="field">
        <span>Name</span>
        <input class="input" name="username" autocomplete="username" autocapitalize="none" required aria-invalid={field === "username"} ref={focusFirst} />
      </label>
      <label class="field">
        <span>Password</span>
        <input
          class="input" name="password" type="password" required minLength={way === "register" ? 8 : undefined}
          autocomplete={way === "login" ? "current-password" : "new-password"} aria-invalid={field === "password"}
        />
      </label>
      <div class="row">
        <button class="button primary" disabled={busy}>{way === "login" ? "Log in" : "Register"}</button>
        <button class="button bare" type="button" onClick={() => turn("choose")}>Back</button>
      </div>
    </form>
  );
}

/** Whoever signed in by hand wants to write next. */
function focusBox(): void {
  document.querySelector("textarea")?.focus({ preventScroll: true });
}

function focusFirst(input: HTMLInputElement | null): void {
  input?.focus();
}
