/** The main job once more, in the browsers of other makers: a guest on somebody else's site talks, also after the server crashed. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Rest } from "../../sdk/src";
import { type Backend, startBackend } from "../backend";
import { type Host, startHost } from "../host";
import { type Driver, engines } from "./driver";

const lines = "//*[@data-id and contains(concat(' ', @class, ' '), ' line ')]//*[contains(concat(' ', @class, ' '), ' text ')]";
const line = (text: string) => `${lines}[normalize-space()='${text}']`;

let backend: Backend;
let host: Host;
let owner: Rest;
let room: string;
let driver: Driver | undefined;

beforeEach(async () => {
  [backend, host] = await Promise.all([startBackend("browser"), startHost()]);
  const { token } = await new Rest({ base: backend.url }).register({ username: "mara", password: "correct horse battery" });
  owner = new Rest({ base: backend.url, token: () => token });
  room = (await owner.createRoom({ name: "Late light" })).room.uid;
  host.pages.set("/", { body: `<!doctype html><title>Host</title><script src="${backend.url}/embed.js" data-room="${room}" async></script>` });
});
afterEach(async () => {
  await driver?.close();
  driver = undefined;
  await backend.remove();
  host.close();
});

describe.each(engines)("$name", ({ program, start }) => {
  it.skipIf(!program)("talks on another site, and after a crash of the server loses and doubles nothing", async () => {
    driver = await start(program!);
    await driver.open(host.url);
    await driver.click("//button[normalize-space()='Chat as a guest']");
    const said: string[] = [];
    const send = async (text: string) => {
      await driver!.type("//textarea[@id='text']", text);
      await driver!.click("//button[contains(@class, 'send') and not(@disabled)]");
      said.push(text);
    };
    const receive = async (text: string) => {
      await owner.postMessage({ room, message: text });
      said.push(text);
      await driver!.see(line(text));
    };
    await send("sent");
    await driver.see(line("sent"));
    await receive("received");
    await backend.kill();
    await driver.see("//*[contains(text(), 'Connection lost')]");
    await send("written meanwhile");
    await backend.restart();
    await driver.see(line("written meanwhile"));
    await receive("received again");
    await send("sent again");
    await expect.poll(async () => (await owner.messages(room)).messages.map(({ message }) => message).sort()).toEqual([...said].sort());
    await expect.poll(() => driver!.texts(lines)).toEqual(said);
  });
});
