/** The admin page (/admin/): a login, then users, rooms, bans and connections, each a table with the actions on it. */
import "../shared/tokens.css";
import "./admin.css";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { localProblem } from "../sdk/src";
import { applyTheme } from "../shared/theme";
import { Field } from "../shared/ui";
import { Bans } from "./bans";
import { Connections } from "./connections";
import { Rooms } from "./rooms";
import { attempt, hold, mayAdminister, me, problem, rest, token } from "./store";
import { Users } from "./users";

applyTheme(null);

const tabs = { users: Users, rooms: Rooms, bans: Bans, connections: Connections } as const;
type Tab = keyof typeof tabs;
const titles: Record<Tab, string> = { users: "Users", rooms: "Rooms", bans: "Bans", connections: "Connections" };

function tabNow(): Tab {
  const named = location.hash.slice(1);
  return named in tabs ? (named as Tab) : "users";
}

function Login() {
  const [username, setUsername] = useState("root");
  const [password, setPassword] = useState("");
  const logIn = () => attempt(async () => {
    const { user, token: given } = await rest.login({ username, password });
    if (!mayAdminister(user)) throw localProblem("forbidden", `${user.displayName} is not an admin.`);
    hold(given, user);
  });
  return (
    <form class="card login" onSubmit={(event) => { event.preventDefault(); void logIn(); }}>
      <h1>Banter admin</h1>
      <p class="quiet">The server printed the password of root when it first started.</p>
      <Field label="Name" name="username" value={username} onInput={setUsername} autocomplete="username" required />
      <Field label="Password" name="password" type="password" value={password} onInput={setPassword} autocomplete="current-password" required />
      <ProblemLine />
      <button class="button primary">Log in</button>
    </form>
  );
}

function ProblemLine() {
  return problem.value && <p class="problem" role="alert">{problem.value.detail}</p>;
}

function Admin() {
  const [tab, setTab] = useState(tabNow);
  useEffect(() => {
    const turn = () => { problem.value = null; setTab(tabNow()); };
    addEventListener("hashchange", turn);
    if (!me.value) void attempt(async () => { me.value = (await rest.me()).user; });
    return () => removeEventListener("hashchange", turn);
  }, []);
  const Table = tabs[tab];
  return (
    <>
      <header class="page-top">
        <div class="page-row">
          <p class="brand">Banter admin</p>
          <div class="row">
            <span class="quiet">{me.value?.displayName}</span>
            <button class="button small" onClick={() => { rest.logout().catch(() => {}); hold(null, null); }}>Log out</button>
          </div>
        </div>
        <nav class="tabs" aria-label="Sections">
          {(Object.keys(tabs) as Tab[]).map((name) => (
            <a key={name} href={`#${name}`} aria-current={name === tab ? "page" : undefined}>{titles[name]}</a>
          ))}
        </nav>
      </header>
      <main class="page">
        <h1 class="sr-only">{titles[tab]}</h1>
        <ProblemLine />
        <Table />
      </main>
    </>
  );
}

function Page() {
  return token.value ? <Admin /> : <main class="middle"><Login /></main>;
}

render(<Page />, document.getElementById("page")!);
