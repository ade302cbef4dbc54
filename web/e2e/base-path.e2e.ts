/** Under a path of somebody's host, behind both kinds of proxies: every page loads, and nothing is looked for elsewhere. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { Realtime, Rest, type Session } from "../sdk/src";
import { type Backend, rootPassword, startBackend } from "./backend";
import { joinAsGuest, launchBrowser, message, say } from "./browser";
import { type Host, startHost } from "./host";
import { type ReverseProxy, startProxy } from "./proxy";

let browser: Browser;
let host: Host;
beforeAll(async () => { [browser, host] = await Promise.all([launchBrowser(), startHost()]); });
afterAll(async () => {
  await browser?.close();
  host?.close();
});

describe.skipIf(process.env.BANTER_FAKE).each([
  { proxy: "a proxy that takes the path off", path: "/chat", takesPathOff: true, isTold: true },
  { proxy: "a proxy that passes the path on", path: "/chat", takesPathOff: false, isTold: true },
  // Called like a folder of ours.
  { proxy: "a proxy that takes off a path of which the server knows nothing", path: "/on/docs", takesPathOff: true, isTold: false },
])("behind $proxy", ({ path, takesPathOff, isTold }) => {
  let proxy: ReverseProxy;
  let backend: Backend;
  let owner: Session;
  let room: string;
  let context: BrowserContext;
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    proxy = await startProxy(path, takesPathOff);
    backend = await startBackend("browser", isTold ? { PUBLIC_URL: proxy.url, LIMITS: "on" } : {});
    proxy.target = backend.url;
    owner = await new Rest({ base: proxy.url }).register({ username: "mara", password: "correct horse battery" });
    room = (await rest().createRoom({ name: "Late light" })).room.uid;
    await rest().postMessage({ room, message: "Good evening" });
  });
  afterAll(async () => {
    proxy?.close();
    await backend?.remove();
  });
  beforeEach(async () => {
    context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
    faults = [];
    context.on("response", (response) => { if (response.status() >= 400) faults.push(`${response.status()} ${response.statusText()} ${response.url()}`); });
    context.on("requestfailed", (request) => {
      // What a page had asked for when it was left.
      if (request.failure()?.errorText !== "net::ERR_ABORTED") faults.push(`${request.failure()?.errorText} ${request.url()}`);
    });
    context.on("console", (said) => { if (said.type() === "error") faults.push(`console: ${said.text()}`); });
    context.on("weberror", (error) => faults.push(String(error.error())));
    page = await context.newPage();
    page.setDefaultTimeout(30_000);
  });
  afterEach(async () => {
    await context.close();
    expect(faults).toEqual([]);
  });

  /** A page of another site; it has an icon, so that the browser does not look for one. */
  const show = async (body: string) => {
    host.pages.set("/", { body: `<!doctype html><title>Host</title><link rel="icon" href="data:,"><body>${body}</body>` });
    await page.goto(host.url);
  };
  const tag = () => `<script src="${proxy.url}/embed.js" data-room="${room}" async></script>`;
  const rest = () => new Rest({ base: proxy.url, token: () => owner.token });

  /** Every link of the page leads to something of ours, or to a place on the page. */
  async function expectLinksLead(): Promise<void> {
    const links = await page.locator("a[href]").evaluateAll((all) => all.map((link) => (link as HTMLAnchorElement).href.replace(/#.*/, "")));
    for (const link of new Set(links)) {
      expect(link.startsWith(`${proxy.url}/`), link).toBe(true);
      expect((await fetch(link)).status, link).toBe(200);
    }
  }

  it("the_loader_puts_the_chat_on_a_page_of_another_origin_and_a_guest_posts", async () => {
    await show(tag());
    const chat = page.frameLocator("iframe");
    await message(chat, "Good evening").waitFor();
    await joinAsGuest(chat);
    await say(chat, "Over the proxy");
    await message(chat, "Over the proxy").waitFor();
    await expect.poll(async () => (await rest().messages(room)).messages.map(({ message }) => message)).toContain("Over the proxy");
    // Parts that come later have styles and addresses of their own.
    await chat.getByRole("button", { name: "Emoji" }).click();
    await chat.getByRole("searchbox").or(chat.getByRole("dialog")).first().waitFor();
  });

  it("the_element_finds_the_pages_at_an_address_with_and_without_a_slash", async () => {
    const chats = [proxy.url, `${proxy.url}/`].map((src) => `<banter-chat room="${room}" src="${src}" height="200" eager></banter-chat>`);
    await show(`<script src="${proxy.url}/embed.js" async></script>${chats.join("")}`);
    for (const index of [0, 1]) await message(page.locator("banter-chat").nth(index).frameLocator("iframe"), "Good evening").waitFor();
  });

  it("a_window_of_the_chats_own_logs_in_a_frame", async () => {
    await show(tag());
    const chat = page.frameLocator("iframe");
    await chat.getByRole("button", { name: "Log in" }).click();
    const [popup] = await Promise.all([page.waitForEvent("popup"), chat.getByRole("button", { name: "Log in in a new window" }).click()]);
    await popup.getByLabel("Name").fill("mara");
    await popup.getByLabel("Password").fill("correct horse battery");
    await popup.getByRole("button", { name: "Log in" }).click();
    await chat.getByRole("button", { name: /Logged in as mara/ }).waitFor();
  });

  it("the_playground_opens_a_room_in_both_chats_and_its_links_lead_on", async () => {
    // The path alone leads there too.
    await page.goto(proxy.url);
    expect(page.url()).toBe(`${proxy.url}/`);
    await page.getByRole("button", { name: "Create and open a room" }).click();
    const one = page.frameLocator('iframe[title="Chat 1"]');
    await one.getByRole("button", { name: /Logged in as/ }).waitFor();
    await say(one, "Hello from the playground");
    await message(page.frameLocator('iframe[title="Chat 2"]'), "Hello from the playground").waitFor();
    expect(await page.getByLabel("Code: Script tag").textContent()).toContain(`<script src="${proxy.url}/embed.js" data-room=`);
    await expectLinksLead();
    await page.getByRole("link", { name: "Or see it next to a stream" }).click();
    await message(page.frameLocator("iframe"), "Hello from the playground").waitFor();
    expect(await page.getByLabel("Code", { exact: true }).textContent()).toContain(`<script src="${proxy.url}/embed.js"`);
  });

  it("the_admin_page_shows_the_rooms_and_its_links_lead_on", async () => {
    // Without its slash it leads to the page in the folder.
    await page.goto(`${proxy.url}/admin`);
    expect(page.url()).toBe(`${proxy.url}/admin/`);
    await page.getByLabel("Password").fill(rootPassword);
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("link", { name: "Rooms" }).click();
    await page.getByRole("row").filter({ hasText: "Late light" }).waitFor();
    await expectLinksLead();
  });

  it("the_page_of_the_api_loads_and_its_calls_reach_the_server", async () => {
    await page.goto(`${proxy.url}/docs/`);
    const version = page.locator("#operations-server-get_version");
    await version.locator(".opblock-summary-control").click();
    await version.getByRole("button", { name: "Execute" }).click();
    await version.locator(".live-responses-table .response-col_status", { hasText: "200" }).waitFor();
    await version.getByText(`${proxy.url}/version`, { exact: true }).waitFor();
    await page.getByRole("link", { name: "Banter playground" }).click();
    await page.getByText("No room yet.").first().waitFor();
  });

  it("the_embed_doctor_finds_nothing", async () => {
    await page.goto(`${proxy.url}/embed-doctor.html?room=${room}&site=https://www.example.com`);
    await page.getByRole("heading", { name: "No problems found" }).waitFor();
    await expectLinksLead();
  });

  it.runIf(isTold)("the_server_names_its_sockets_and_explains_its_errors_under_the_path", async () => {
    const { websocketUrl, ticket } = await rest().call("get", "/websocket");
    expect(websocketUrl).toBe(`${proxy.url.replace("http", "ws")}/ws`);
    const realtime = new Realtime({ url: `${websocketUrl}?ticket=${ticket}`, WebSocket });
    const welcome = new Promise<string | undefined>((heard) => { realtime.on("auth_updated", ({ user }) => heard(user?.displayName)); });
    realtime.connect();
    expect(await welcome).toBe("mara");
    realtime.close();
    const { type } = (await (await fetch(`${proxy.url}/rooms/nowhere`)).json()) as { type: string };
    await page.goto(new URL(type, proxy.url).href);
    await page.getByRole("heading", { name: "Errors" }).waitFor();
    expect(page.url()).toBe(`${proxy.url}/docs/errors.html#room_not_found`);
  });
});
