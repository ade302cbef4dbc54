/**
 * The login of a framed chat, in a window of its own. This is a first-party page: who is signed in on the
 * chat's own site goes on with one click, whatever the browser does to the storage of frames; anybody else
 * logs in or registers here, where the address can be seen.
 */
import "../chat/deferred-messages";
import { setLanguage, t } from "../chat/i18n";
import { problemOf, Rest, type Session } from "../sdk/src";
import { serverAddress } from "../shared/server";

/** Draws the login; `finish` gets the token. */
export async function signIn(page: HTMLElement, known: string | null, finish: (token: string) => void): Promise<void> {
  const base = serverAddress();
  const me = known ? new Rest({ base, token: () => known }).me().catch(() => null) : null;
  await setLanguage(new URLSearchParams(location.search).get("lang"), navigator.languages);
  document.title = t("logIn");
  const user = (await me)?.user;

  const heading = make("h1", t("logIn"));
  const form = make("form");
  const problem = make("p", "", "problem");
  problem.setAttribute("role", "alert");
  const name = field(t("name"), "text", "username");
  const password = field(t("password"), "password", "current-password");
  const enter = button(t("logIn"), user ? "" : "primary");
  const register = button(t("register"), "");
  const row = make("div", "", "row");
  row.append(enter, register);
  form.append(name.label, password.label, problem, row);

  const ask = async (request: (rest: Rest) => Promise<Session>) => {
    problem.textContent = "";
    enter.disabled = register.disabled = true;
    try {
      finish((await request(new Rest({ base }))).token);
    } catch (error) {
      problem.textContent = problemOf(error).detail;
      (problemOf(error).field === "password" ? password : name).input.focus();
    } finally {
      enter.disabled = register.disabled = false;
    }
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    const who = { username: name.input.value.trim(), password: password.input.value };
    void ask((rest) => (event.submitter === register ? rest.register(who) : rest.login(who)));
  };

  page.replaceChildren(heading);
  if (user && known) {
    const go = button(t("continueAs", { name: user.displayName }), "primary");
    go.type = "button";
    go.onclick = () => finish(known);
    page.append(go, make("p", t("anotherAccount"), "quiet"));
  }
  page.append(form);
  (user ? page.querySelector("button") : name.input)?.focus();
}

function make<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, text = "", className = ""): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  element.textContent = text;
  element.className = className;
  return element;
}

function button(text: string, kind: string): HTMLButtonElement {
  return make("button", text, `button ${kind}`);
}

function field(text: string, type: string, autocomplete: AutoFill): { label: HTMLElement; input: HTMLInputElement } {
  const label = make("label", "", "field");
  const input = make("input", "", "input");
  Object.assign(input, { type, autocomplete, required: true, autocapitalize: "none", spellcheck: false });
  label.append(make("span", text), input);
  return { label, input };
}
