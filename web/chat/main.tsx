/** The chat window (/embed.html): reads the address, builds the parts, and draws. */
import "../shared/tokens.css";
import "./chat.css";
import "./parts.css";
import { render } from "preact";
import { Realtime } from "../sdk/src/realtime";
import { serverAddress, socketAddress } from "../shared/server";
import { tokenKey, TokenStore } from "../shared/session";
import { Chat } from "./components/chat";
import { setLanguage } from "./i18n";
import { applyThemeOptions } from "./theme";
import { chatOptions } from "./options";
import { ChatStore } from "./store";

const options = chatOptions(location.search);
applyThemeOptions(options);
const spoken = setLanguage(options.lang, navigator.languages);

const server = serverAddress();
const tokens = new TokenStore(tokenKey(options.session));
const rest = import("../sdk/src/rest").then(({ Rest }) => new Rest({ base: server, token: () => tokens.token }));
const realtime = new Realtime({
  url: socketAddress(server),
  token: tokens.token,
  renew: async (token) => {
    const { Rest } = await import("../sdk/src/rest");
    return (await new Rest({ base: server, token: () => token }).renewToken()).token;
  },
});
const store = new ChatStore({ rest, realtime, tokens });
void store.start(options.room, options.guest && !options.readonly);
void spoken.then(() => render(<Chat store={store} options={options} />, document.getElementById("chat")!));
if (parent !== window || window.opener) void import("./bridge").then(({ findHost }) => findHost(store, options.host));

const comeBack = () => {
  if (store.room.connection.value.name === "waiting") realtime.connect();
};
addEventListener("online", comeBack);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return store.room.viewport.turnAway();
  comeBack();
  if (store.room.viewport.following.value) store.room.viewport.seen();
});
