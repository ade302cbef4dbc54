/**
 * Where a popup login ends (/callback.html#token=…), or happens (/callback.html?popup=1). A popup that this
 * origin's own page opened keeps the token, tells that page, and closes. Anyone else could have sent the
 * reader here to sign them in as somebody they are not, so without such an opener the reader is asked first.
 */
import "../shared/tokens.css";
import "./callback.css";
import type { Values } from "../chat/i18n";
import type { Key } from "../chat/lang/catalogue";
import { Rest } from "../sdk/src";
import { serverAddress } from "../shared/server";
import { tokenKey, TokenStore } from "../shared/session";
import { applyTheme, isTheme } from "../shared/theme";

const theme = new URLSearchParams(location.search).get("theme");
applyTheme(isTheme(theme) ? theme : null);
const page = document.getElementById("page")!;
const token = new URLSearchParams(location.hash.slice(1)).get("token");
history.replaceState(null, "", location.pathname + location.search);

const query = new URLSearchParams(location.search);
const tokens = new TokenStore(tokenKey(query.get("session")));
const messages = import("./messages").then(({ loadMessages }) => loadMessages(query.get("lang")));

if (!token && query.has("popup")) void import("./sign-in").then(({ signIn }) => signIn(page, tokens.token, finish));
else if (!token) void say("noLogin");
else if (openedByUs()) finish(token);
else void ask(token);

function openedByUs(): boolean {
  try {
    return window.opener !== null && (window.opener as Window).location.origin === location.origin;
  } catch {
    return false;
  }
}

function finish(found: string): void {
  tokens.keep(found);
  (window.opener as Window | null)?.postMessage({ login: found }, location.origin);
  void say("loggedInClose");
  window.close();
}

async function ask(found: string): Promise<void> {
  const answer = await new Rest({ base: serverAddress(), token: () => found }).me().catch(() => null);
  if (!answer) return say("loginOver");
  await say("logInAs", { name: answer.user.displayName });
  const button = document.createElement("button");
  button.className = "button primary";
  button.textContent = (await messages)("logIn");
  button.onclick = () => finish(found);
  page.append(button);
  button.focus();
}

async function say(key: Key, values?: Values): Promise<void> {
  const line = document.createElement("p");
  line.setAttribute("role", "status");
  line.textContent = (await messages)(key, values);
  page.replaceChildren(line);
}
