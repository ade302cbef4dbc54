/** The chat window (/embed.html): reads the address, builds the parts, and draws. */
import "../shared/tokens.css";
import "./chat.css";
import { render } from "preact";
import { Realtime, Rest } from "../sdk/src";
import { serverAddress, socketAddress } from "../shared/server";
import { tokenKey, TokenStore } from "../shared/session";
import { applyTheme } from "../shared/theme";
import { connectHost, hostOrigin } from "./bridge";
import { Chat } from "./components/chat";
import { chatOptions } from "./options";
import { ChatStore } from "./store";

const options = chatOptions(location.search);
applyTheme(options.theme);

const server = serverAddress();
const tokens = new TokenStore(tokenKey(options.session));
const rest = new Rest({ base: server, token: () => tokens.token });
const realtime = new Realtime({
  url: socketAddress(server),
  token: tokens.token,
  renew: async (token) => {
    const fresh = await new Rest({ base: server, token: () => token }).renewToken();
    return fresh.token;
  },
});
const store = new ChatStore({ rest, realtime, tokens });

render(<Chat store={store} readonly={options.readonly} />, document.getElementById("chat")!);

const origin = hostOrigin(options.host, location.ancestorOrigins, document.referrer);
if (parent !== window && origin) connectHost(store, parent, origin);

const comeBack = () => {
  if (store.state.value.name === "waiting") realtime.connect();
};
addEventListener("online", comeBack);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  comeBack();
  if (store.following.value) store.seen();
});

void store.start(options.room, options.guest && !options.readonly);
