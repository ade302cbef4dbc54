/** At home anywhere: what the address can ask for, languages, small screens, overlays, slow networks; and open to everyone. */
import { describe, expect, it } from "vitest";
import { expectAccessible } from "./axe";
import { joinAsGuest, message, say, shoot } from "./browser";
import { chatKit } from "./chat-kit";

const kit = chatKit();

describe("the address", () => {
  it("chooses_accent_size_density_and_what_is_left_out", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    await kit.say(owner, room, "Hello");
    const page = await kit.open(`/embed.html?room=${room}&accent=d6336c&fontSize=18&density=compact&noheader=1&theme=light`, owner);
    await message(page, "Hello").waitFor();
    await page.getByRole("button", { name: /Logged in as mara/ }).waitFor();
    expect(await page.locator(".top").count()).toBe(0);
    expect(await page.locator("body").evaluate((body) => getComputedStyle(body).fontSize)).toBe("18px");
    await expect.poll(() => page.getByRole("button", { name: "Send" }).evaluate((node) => getComputedStyle(node).backgroundColor)).toMatch(/^rgb\((1[89]|2[01])\d, (2|3|4|5)\d, (8|9|10)\d\)$/);
    await shoot(page, "chat-compact-accent");
    await expectAccessible(page, "as it stands");
    const quiet = await kit.open(`/embed.html?room=${room}&hideUsers=1&readonly=1`);
    await message(quiet, "Hello").waitFor();
    expect(await quiet.locator(".count").count()).toBe(0);
    expect(await quiet.getByRole("textbox").count()).toBe(0);
    expect(await quiet.getByRole("button", { name: "Chat as a guest" }).count()).toBe(0);
  });

  it("an_overlay_is_transparent_shows_lines_alone_and_lets_them_fade", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    await kit.say(owner, room, "Old news");
    const page = await kit.open(`/embed.html?room=${room}&overlay=1&fade=1`);
    await message(page, "Old news").waitFor({ state: "attached" });
    await expect.poll(() => message(page, "Old news").evaluate((row) => getComputedStyle(row).visibility)).toBe("hidden");
    expect(await page.locator("body").evaluate((body) => getComputedStyle(body).backgroundColor)).toBe("rgba(0, 0, 0, 0)");
    expect(await page.getByRole("button").count()).toBe(0);
    await page.goto(`${kit.backend.url}/embed.html?room=${room}&overlay=1&fade=0`);
    for (let i = 0; i < 30; i++) await kit.say(owner, room, `News ${i}`);
    await message(page, "News 29").waitFor();
    await page.evaluate(() => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync("body { background: linear-gradient(#345, #9ab) !important; }");
      document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    });
    await shoot(page, "chat-overlay", [420]);
  });

  it("speaks_arabic_from_right_to_left_and_japanese_and_nothing_overflows", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner, "غرفة");
    await kit.say(owner, room, "مرحبا بكم في الدردشة", "Hello in English, mixed in", "https://example.org/path");
    for (const lang of ["ar", "ja", "de"]) {
      const page = await kit.open(`/embed.html?room=${room}&lang=${lang}`, owner);
      await message(page, "Hello in English").waitFor();
      expect(await page.locator("html").getAttribute("dir")).toBe(lang === "ar" ? "rtl" : "ltr");
      await page.locator("textarea").waitFor();
      await message(page, "Hello in English").click();
      await page.locator(".more").click();
      await page.getByRole("dialog").waitFor();
      await shoot(page, `chat-${lang}`);
      await expectAccessible(page, "as it stands");
    }
  });
});

describe("small, slow and large", () => {
  it("fits_a_phone_with_its_keyboard_open", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    await kit.say(owner, room, ...Array.from({ length: 30 }, (_, i) => `line ${i}.`));
    const page = await kit.open(`/embed.html?room=${room}`, owner, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
    await message(page, "line 29.").waitFor();
    await page.locator("textarea").tap();
    await page.setViewportSize({ width: 360, height: 400 });
    await expect.poll(() => message(page, "line 29.").evaluate((row) => row.getBoundingClientRect().bottom)).toBeLessThan(340);
    const send = await page.getByRole("button", { name: "Send" }).boundingBox();
    expect(send!.y + send!.height).toBeLessThanOrEqual(400);
    expect(await page.locator("textarea").evaluate((node) => Number.parseFloat(getComputedStyle(node).fontSize))).toBeGreaterThanOrEqual(16);
    await message(page, "line 27.").tap();
    await page.locator(".more").tap();
    await page.getByRole("dialog").waitFor();
    await shoot(page, "chat-phone-menu", [360]);
  });

  it("can_be_used_at_twice_the_size", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    await kit.say(owner, room, "A message that is a good deal longer than the window is wide at this size");
    const page = await kit.open(`/embed.html?room=${room}&fontSize=30`, owner, { viewport: { width: 360, height: 640 } });
    await say(page, "Still room to write");
    await message(page, "Still room to write").waitFor();
    await shoot(page, "chat-large", [360]);
    const zoomed = await kit.open(`/embed.html?room=${room}`, owner, { viewport: { width: 210, height: 320 } });
    await message(zoomed, "Still room to write").waitFor();
    await zoomed.locator("textarea").fill("And here");
    await zoomed.getByRole("button", { name: "Send" }).click();
    await message(zoomed, "And here").waitFor();
    await shoot(zoomed, "chat-zoomed", [210]);
  });

  it("a_slow_network_shows_that_it_is_coming_and_then_the_messages", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    await kit.say(owner, room, "Worth the wait");
    const page = await kit.open("/callback.html");
    const network = await page.context().newCDPSession(page);
    await network.send("Network.enable");
    await network.send("Network.emulateNetworkConditions", { offline: false, latency: 400, downloadThroughput: 40_000, uploadThroughput: 20_000 });
    await page.goto(`${kit.backend.url}/embed.html?room=${room}`, { waitUntil: "commit" });
    await message(page, "Worth the wait").waitFor();
    await joinAsGuest(page);
    await say(page, "Slow but sure");
    await message(page, "Slow but sure").waitFor();
  });
});

describe("for everyone", () => {
  it("every_state_is_clean_to_axe_in_both_themes", async () => {
    const [owner, ann] = [await kit.person("mara"), await kit.person("ann")];
    const room = await kit.room(owner);
    const [first] = await kit.say(ann, room, "Hello mara", `@${owner.user.displayName} are you there? https://example.org/`);
    await kit.rest(ann).postMessage({ room, message: "An answer", reply_to: first! });
    for (const scheme of ["light", "dark"] as const) {
      const anonymous = await kit.open(`/embed.html?room=${room}`, null, { colorScheme: scheme });
      await message(anonymous, "An answer").waitFor();
      await anonymous.getByRole("button", { name: "Chat as a guest" }).waitFor();
      await expectAccessible(anonymous, "anonymous");
      await anonymous.getByRole("button", { name: "Register" }).click();
      await expectAccessible(anonymous, "register");
      const page = await kit.open(`/embed.html?room=${room}`, owner, { colorScheme: scheme });
      await message(page, "An answer").waitFor();
      const box = page.getByLabel("Message", { exact: true });
      await box.waitFor();
      await expectAccessible(page, "reading");
      await box.pressSequentially("@an");
      await page.getByRole("option").first().waitFor();
      await expectAccessible(page, "completing");
      await box.fill("");
      await page.getByRole("button", { name: "Emoji" }).click();
      await page.getByRole("searchbox").waitFor();
      await expectAccessible(page, "emoji");
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: /Logged in as/ }).click();
      await page.getByRole("button", { name: "Log out" }).waitFor();
      await expectAccessible(page, "account");
      await page.keyboard.press("Escape");
      await message(page, "An answer").click();
      await page.getByRole("button", { name: /^Actions on/ }).click();
      await page.getByRole("dialog").waitFor();
      await shoot(page, `chat-menu-${scheme}`);
      await expectAccessible(page, "menu");
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
      await page.getByRole("button", { name: "Reply", exact: true }).click();
      await page.getByText("Replying to").waitFor();
      await expectAccessible(page, "replying");
      const nowhere = await kit.open("/embed.html?room=nowhere", null, { colorScheme: scheme });
      await nowhere.getByRole("heading", { name: "There is no such room" }).waitFor();
      await expectAccessible(nowhere, "no room");
      const popup = await kit.open("/callback.html?popup=1", null, { colorScheme: scheme });
      await popup.getByLabel("Name").waitFor();
      await expectAccessible(popup, "popup");
    }
  });

  it("the_log_is_one_stop_for_the_keyboard_and_silent_and_a_burst_is_told_in_one_sentence", async () => {
    const [owner, ann] = [await kit.person("mara"), await kit.person("ann")];
    const room = await kit.room(owner);
    await kit.say(ann, room, "One", "Two", "Three");
    const page = await kit.open(`/embed.html?room=${room}`, owner);
    await message(page, "Three").waitFor();
    await page.getByLabel("Message", { exact: true }).waitFor();
    await page.getByRole("log").focus();
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("ArrowUp");
    await expect.poll(() => page.evaluate(() => document.activeElement?.querySelector(".text")?.textContent)).toBe("Two");
    expect(await message(page, "Two").evaluate((row) => getComputedStyle(row).outlineStyle)).not.toBe("none");
    await page.keyboard.press("Home");
    await expect.poll(() => page.evaluate(() => document.activeElement?.querySelector(".text")?.textContent)).toBe("One");
    await page.keyboard.press("Escape");
    await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe("TEXTAREA");
    await page.evaluate(() => {
      const said: string[] = [];
      Object.assign(window, { said });
      const voice = document.querySelector('[aria-live="polite"]')!;
      new MutationObserver(() => { if (voice.textContent) said.push(voice.textContent); }).observe(voice, { childList: true, characterData: true, subtree: true });
    });
    await Promise.all(Array.from({ length: 12 }, (_, i) => kit.say(ann, room, `burst ${i}.`)));
    await expect.poll(() => message(page, "burst").count()).toBe(12);
    await expect.poll(() => page.evaluate(() => (window as unknown as { said: string[] }).said.join("|"))).toMatch(/\d+ new messages/);
    expect((await page.evaluate(() => (window as unknown as { said: string[] }).said)).length).toBeLessThan(8);
    await kit.say(ann, room, `${owner.user.displayName}, look here`);
    await expect.poll(() => page.locator('.sr-only[role="alert"]').textContent()).toContain("mentioned you");
  });

  it("reduced_motion_is_respected", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    await kit.say(owner, room, "Calm");
    const page = await kit.open(`/embed.html?room=${room}`, owner, { reducedMotion: "reduce" });
    await message(page, "Calm").click();
    await page.locator(".more").click();
    await page.getByRole("dialog").waitFor();
    expect(await page.evaluate(() => document.getAnimations().filter((animation) => animation.playState === "running").length)).toBe(0);
  });
});
