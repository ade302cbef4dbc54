/** Writing: drafts, help while typing, what happens to a text that is refused, and a way back. */
import { describe, expect, it } from "vitest";
import { chatKit } from "./chat-kit";
import { maySend, message, messages, say, shoot } from "./browser";

const kit = chatKit();
const box = (page: { getByLabel(name: string, options: { exact: boolean }): ReturnType<typeof message> }) => page.getByLabel("Message", { exact: true });

describe("the box", () => {
  it("keeps_what_was_typed_through_a_reload", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    const page = await kit.open(`/embed.html?room=${room}`, owner);
    await box(page).fill("half a thought");
    await page.reload();
    await expect.poll(() => box(page).inputValue()).toBe("half a thought");
    await maySend(page);
    await box(page).press("Enter");
    await message(page, "half a thought").waitFor();
    await page.reload();
    await expect.poll(() => box(page).inputValue()).toBe("");
  });

  it("grows_with_its_lines_and_counts_near_the_limit_as_the_server_counts", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    const page = await kit.open(`/embed.html?room=${room}`, owner);
    const height = () => box(page).evaluate((node) => node.getBoundingClientRect().height);
    await box(page).fill("one");
    const one = await height();
    await box(page).press("Shift+Enter");
    await box(page).pressSequentially("two");
    expect(await height()).toBeGreaterThan(one + 10);
    await box(page).fill("👩‍💻".repeat(498));
    await page.getByText("2 left").waitFor();
    await shoot(page, "chat-count", [360]);
    await maySend(page);
    await box(page).press("Enter");
    await message(page, "👩‍💻👩‍💻").waitFor();
    await box(page).fill("x".repeat(503));
    await page.getByText("3 too many").waitFor();
    expect(await page.getByRole("button", { name: "Send" }).isDisabled()).toBe(true);
  });

  it("completes_commands_and_names_by_keyboard_and_tells_how_a_command_is_used", async () => {
    const [owner, ann] = [await kit.person("mara"), await kit.person("annabel")];
    const room = await kit.room(owner);
    await kit.say(ann, room, "I was here");
    const page = await kit.open(`/embed.html?room=${room}`, owner);
    await message(page, "I was here").waitFor();
    await box(page).pressSequentially("/tim");
    await page.getByRole("option", { name: /^\/timeout <user>/ }).waitFor();
    await shoot(page, "chat-commands", [360]);
    await box(page).press("Tab");
    expect(await box(page).inputValue()).toBe("/timeout ");
    await box(page).pressSequentially("anna");
    await page.getByRole("option", { name: ann.user.displayName }).waitFor();
    await box(page).press("Enter");
    expect(await box(page).inputValue()).toBe(`/timeout ${ann.user.displayName} `);
    await page.getByText(/^\/timeout <user> \[duration\] \[reason\] – /).waitFor();
    await box(page).fill("");
    await box(page).pressSequentially("hello @ann");
    await box(page).press("Enter");
    expect(await box(page).inputValue()).toBe(`hello @${ann.user.displayName} `);
    await box(page).press("Enter");
    await message(page, "hello").waitFor();
  });

  it("a_picked_emoji_lands_where_the_caret_is_by_keyboard_alone", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    const page = await kit.open(`/embed.html?room=${room}`, owner);
    await box(page).fill("well done");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Emoji" }).waitFor();
    await expect.poll(() => page.getByRole("searchbox").evaluate((node) => node === document.activeElement)).toBe(true);
    await shoot(page, "chat-emoji", [360]);
    await page.keyboard.type("thumbs");
    await page.getByRole("button", { name: "thumbs up" }).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await expect.poll(() => box(page).inputValue()).toBe("well done👍");
    await expect.poll(() => box(page).evaluate((node) => node === document.activeElement)).toBe(true);
    await page.keyboard.press("Enter");
    await message(page, "well done👍").waitFor();
    await box(page).pressSequentially("ship it :rock");
    await page.getByRole("option", { name: "🚀 rocket" }).waitFor();
    await box(page).press("Tab");
    expect(await box(page).inputValue()).toBe("ship it 🚀 ");
  });
});

describe("afterwards", () => {
  it("a_message_just_sent_is_taken_back_with_one_click_and_its_text_is_in_the_box_again", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    const page = await kit.open(`/embed.html?room=${room}`, owner);
    await say(page, "Too early");
    await message(page, "Too early").waitFor();
    await page.getByRole("button", { name: "Undo" }).click();
    await message(page, "Too early").waitFor({ state: "detached" });
    await expect.poll(() => box(page).inputValue()).toBe("Too early");
  });

  it("arrow_up_in_the_empty_box_leads_to_my_last_message_and_a_reply_is_written_by_keyboard_alone", async () => {
    const [owner, ann] = [await kit.person("mara"), await kit.person("ann")];
    const room = await kit.room(owner);
    const page = await kit.open(`/embed.html?room=${room}`, owner);
    await say(page, "Mine");
    await message(page, "Mine").waitFor();
    await kit.say(ann, room, "Hers");
    await message(page, "Hers").waitFor();
    await box(page).press("ArrowUp");
    await expect.poll(() => message(page, "Mine").evaluate((row) => row === document.activeElement)).toBe(true);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("r");
    await page.getByText(`Replying to ${ann.user.displayName}`).waitFor();
    await expect.poll(() => box(page).evaluate((node) => node === document.activeElement)).toBe(true);
    await page.keyboard.type("An answer");
    await shoot(page, "chat-replying", [360]);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: `In reply to ${ann.user.displayName}: Hers` }).waitFor();
    expect(await page.getByText(/^Replying to/).count()).toBe(0);
  });

  it("a_refused_text_says_why_counts_down_and_goes_when_the_owner_lets_it", async () => {
    const [owner, ann] = [await kit.person("mara"), await kit.person("ann")];
    const room = await kit.room(owner);
    await kit.rest(owner).patchRoom(room, { slow_mode: 55 });
    const page = await kit.open(`/embed.html?room=${room}`, ann);
    await box(page).fill("x");
    await maySend(page);
    await kit.say(ann, room, "From elsewhere");
    await message(page, "From elsewhere").waitFor();
    await say(page, "Too soon");
    await page.getByText("Not sent: The room is in slow mode. Try again in a moment.").waitFor();
    const left = async () => Number(/\d+/.exec((await page.getByText(/You can send it again in \d+ sec/).textContent()) ?? "")?.[0]);
    const first = await left();
    const again = page.getByRole("button", { name: "Send again" });
    expect(await again.isDisabled()).toBe(true);
    await shoot(page, "chat-refused", [360]);
    await expect.poll(left).toBeLessThan(first);
    await kit.rest(owner).patchRoom(room, { slow_mode: 0 });
    await expect.poll(() => again.isEnabled()).toBe(true);
    await again.click();
    await expect.poll(() => messages(page).allTextContents()).toEqual(["From elsewhere", "Too soon"]);
    await box(page).fill("/nonsense");
    await box(page).press("Enter");
    await page.getByText(/^Not sent: .*nonsense/).waitFor();
    await page.getByRole("button", { name: "Edit" }).click();
    await expect.poll(() => box(page).inputValue()).toBe("/nonsense");
  });

  it("what_is_written_while_the_server_is_away_goes_when_it_is_back_once", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    const page = await kit.open(`/embed.html?room=${room}`, owner);
    await say(page, "before");
    await message(page, "before").waitFor();
    await kit.backend.kill();
    await page.getByText("Connection lost.").waitFor();
    await say(page, "while away");
    await page.locator(".line.pending", { hasText: "while away" }).waitFor();
    await shoot(page, "chat-offline", [360]);
    await kit.backend.restart();
    await message(page, "while away").waitFor({ timeout: 40_000 });
    expect(await messages(page).allTextContents()).toEqual(["before", "while away"]);
  });
});
