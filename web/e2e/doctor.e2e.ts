/** The embed doctor in a browser: each thing that can be in the way of a frame is made, and has to be found and named. */
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { Rest, type Session } from "../sdk/src";
import { expectAccessible } from "./axe";
import { type Backend, startBackend } from "./backend";
import { launchBrowser, shoot } from "./browser";
import { type Host, startHost } from "./host";

let browser: Browser;
let backend: Backend;
let host: Host;
let owner: Session;
let room: string;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  [browser, backend, host] = await Promise.all([launchBrowser(), startBackend("browser"), startHost()]);
  owner = await new Rest({ base: backend.url }).register({ username: "mara", password: "correct horse battery" });
});
afterAll(async () => {
  await browser?.close();
  await backend?.remove();
  host?.close();
});
beforeEach(async () => {
  room = (await rest().createRoom({ name: "Late light" })).room.uid;
  context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  page = await context.newPage();
  page.setDefaultTimeout(60_000);
});
afterEach(() => context.close());

const rest = () => new Rest({ base: backend.url, token: () => owner.token });
const address = (more = "") => `${backend.url}/embed-doctor.html?room=${room}${more}`;
const heading = (words: string | RegExp, where: Pick<Page, "getByRole"> = page) => where.getByRole("heading", { name: words }).first().waitFor();

it("finds_nothing_where_nothing_is", async () => {
  for (const scheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.goto(address("&site=https://www.example.com"));
    await heading("No problems found");
    await heading(/https:\/\/www\.example\.com may frame this room/);
    await shoot(page, `doctor-${scheme}`);
    await expectAccessible(page, scheme);
  }
});

it("a_room_that_is_not_there", async () => {
  await page.goto(`${backend.url}/embed-doctor.html?room=nowhere`);
  await heading("One problem found");
  await heading(/There is no such room/);
});

it("a_site_that_is_not_on_the_rooms_list_and_the_call_that_adds_it", async () => {
  await rest().patchRoom(room, { allowed_sites: ["https://friend.example"] });
  await page.goto(address("&site=https://www.example.com"));
  await heading("One problem found");
  await heading(/The room does not let https:\/\/www\.example\.com frame it/);
  expect(await page.getByLabel("To copy").first().textContent()).toContain('["https://friend.example","https://www.example.com"]');
  await shoot(page, "doctor-list");
  await expectAccessible(page, "list");
  await page.getByLabel("Your site", { exact: true }).fill("https://friend.example");
  await page.getByRole("button", { name: "Check" }).click();
  await heading(/https:\/\/friend\.example may frame this room/);
});

it("a_header_that_a_proxy_adds", async () => {
  await page.route("**/embed.html*", async (route) => {
    const response = await route.fetch();
    const { "content-security-policy": _, ...headers } = response.headers();
    await route.fulfill({ response, headers: { ...headers, "x-frame-options": "DENY" } });
  });
  await page.goto(address("&site=https://www.example.com"));
  await heading(/A header forbids the frame/);
  await page.getByText("X-Frame-Options: DENY").waitFor();
});

it("a_websocket_that_does_not_come_through", async () => {
  await page.routeWebSocket("**/ws", (socket) => { void socket.close(); });
  await page.goto(address());
  await heading(/The WebSocket is blocked/);
});

it("blocked_storage_is_no_obstacle_and_said_so", async () => {
  await context.addInitScript(() => {
    Object.defineProperty(window, "localStorage", { get: () => { throw new DOMException("blocked", "SecurityError"); } });
  });
  await page.goto(address());
  await heading("No problems found");
  await heading(/Storage is blocked here/);
});

it("the_code_that_somebody_pasted", async () => {
  await page.goto(address(`&site=${host.url}`));
  await heading("No problems found");
  await page.getByLabel("The code on your page (optional)").fill(`<iframe sandbox="allow-scripts" src="${backend.url}/embed.html?room=${room}&host=https://old.example"></iframe>`);
  await page.getByRole("button", { name: "Check" }).click();
  await heading("2 problems found");
  await heading(/The sandbox is too strict/);
  await heading(/The host is another site/);
});

it("framed_by_a_site_it_sees_what_the_chat_would_see_there", async () => {
  host.pages.set("/", { body: `<!doctype html><title>Host</title><body><iframe title="Doctor" width="900" height="800" src="${address()}"></iframe></body>` });
  await page.goto(host.url);
  const doctor = page.frameLocator("iframe");
  await doctor.getByRole("heading", { name: "No problems found" }).waitFor();
  await doctor.getByRole("heading", { name: /The page and the chat can communicate/ }).waitFor();
  await doctor.getByRole("heading", { name: new RegExp(`${host.url} may frame this room`) }).waitFor();

  await rest().patchRoom(room, { allowed_sites: ["https://friend.example"] });
  await page.reload();
  await doctor.getByRole("heading", { name: /does not let .* frame it/ }).waitFor();
  await doctor.getByRole("heading", { name: /does not answer in a frame/ }).waitFor();
});

it("framed_under_another_name_than_the_one_it_is_told", async () => {
  host.pages.set("/", { body: `<!doctype html><title>Host</title><body><iframe title="Doctor" width="900" height="800" src="${address("&site=https://www.example.com")}"></iframe></body>` });
  await page.goto(host.url);
  await page.frameLocator("iframe").getByRole("heading", { name: /The address names another site/ }).waitFor();
});

it("a_sandbox_that_takes_the_origin_away", async () => {
  host.pages.set("/", { body: `<!doctype html><title>Host</title><body><iframe title="Doctor" sandbox="allow-scripts" width="900" height="800" src="${address()}"></iframe></body>` });
  await page.goto(host.url);
  await page.frameLocator("iframe").getByText(/add allow-same-origin/).waitFor();
});
