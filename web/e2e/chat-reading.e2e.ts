/** Reading: history without a jump, a window that never moves under the reader, and what stands between the lines. */
import { describe, expect, it } from "vitest";
import { below, chatKit, topOf } from "./chat-kit";
import { message, messages, shoot } from "./browser";

const kit = chatKit();
const lines = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}.`);

describe("history", () => {
  it("comes_by_scrolling_up_without_a_jump_to_the_first_message_and_down_again_and_the_page_stays_small", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    await kit.say(owner, room, ...lines(1, 230));
    const page = await kit.open(`/embed.html?room=${room}`);
    await message(page, "line 230.").waitFor();
    await page.getByRole("log").hover();
    const shown = () => messages(page).allTextContents();
    const inOrder = async () => {
      const texts = await shown();
      expect(texts.length).toBeLessThanOrEqual(120);
      const first = Number(/\d+/.exec(texts[0]!)![0]);
      expect(texts).toEqual(lines(first, first + texts.length - 1));
    };
    await expect.poll(async () => {
      await page.mouse.wheel(0, -600);
      await inOrder();
      return page.getByText("The chat starts here.").isVisible();
    }, { timeout: 50_000, interval: 30 }).toBe(true);
    expect((await shown())[0]).toBe("line 1.");
    await expect.poll(async () => {
      await page.mouse.wheel(0, 600);
      await inOrder();
      return (await shown()).at(-1);
    }, { timeout: 50_000, interval: 30 }).toBe("line 230.");
    await page.getByRole("heading").hover();
    await expect.poll(async () => { await page.getByRole("log").press("End"); return below(page); }).toBeLessThan(2);
  });

  it("a_page_that_comes_in_leaves_every_line_where_it_is", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    await kit.say(owner, room, ...lines(1, 120));
    let answer = () => {};
    const page = await kit.open(`/embed.html?room=${room}`, null, {
      prepare: (context) => context.route(/\/messages\?before=/, async (route) => {
        await new Promise<void>((go) => { answer = go; });
        await route.continue();
      }),
    });
    await message(page, "line 120.").waitFor();
    let asked = false;
    page.on("request", (request) => { asked ||= /\/messages\?before=/.test(request.url()); });
    // A window that is still being laid out may go to its end once more.
    await expect.poll(async () => {
      await page.getByRole("log").evaluate((box) => { box.scrollTop = 40; });
      return asked;
    }).toBe(true);
    const before = await topOf(page, "line 75.");
    answer();
    await message(page, "line 30.").waitFor({ state: "attached" });
    expect(Math.abs((await topOf(page, "line 75.")) - before)).toBeLessThan(2);
  });
});

describe("the reader's place", () => {
  it("a_pointer_over_the_log_holds_it_still_and_counts_and_it_follows_again_when_the_pointer_leaves", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    await kit.say(owner, room, ...lines(1, 40));
    const page = await kit.open(`/embed.html?room=${room}`);
    await message(page, "line 40.").waitFor();
    // A pointer that rests for long is taken for one that was left behind.
    const area = (await page.getByRole("log").boundingBox())!;
    let moves = 0;
    const point = () => page.mouse.move(area.x + 50 + (++moves % 2), area.y + 50);
    await point();
    const before = await topOf(page, "line 40.");
    for (const line of lines(41, 43)) {
      await point();
      await kit.say(owner, room, line);
    }
    await expect.poll(async () => {
      await point();
      return page.getByRole("button", { name: "3 new messages" }).isVisible();
    }).toBe(true);
    expect(await topOf(page, "line 40.")).toBe(before);
    await shoot(page, "chat-paused", [360]);
    await page.getByRole("heading").hover();
    await expect.poll(() => below(page)).toBeLessThan(2);
    await page.getByRole("button", { name: "3 new messages" }).waitFor({ state: "detached" });
  });

  it("alt_holds_it_still_as_long_as_it_is_down", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    await kit.say(owner, room, ...lines(1, 40));
    const page = await kit.open(`/embed.html?room=${room}`);
    await message(page, "line 40.").waitFor();
    await page.getByRole("log").focus();
    await page.keyboard.down("Alt");
    const before = await topOf(page, "line 40.");
    await kit.say(owner, room, "line 41.");
    await page.getByRole("button", { name: "1 new message" }).waitFor();
    expect(await topOf(page, "line 40.")).toBe(before);
    await page.keyboard.up("Alt");
    await expect.poll(() => below(page)).toBeLessThan(2);
  });

  it("a_line_stands_where_the_reader_stopped", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    await kit.say(owner, room, ...lines(1, 40));
    const page = await kit.open(`/embed.html?room=${room}`);
    await message(page, "line 40.").waitFor();
    await expect.poll(async () => {
      await page.getByRole("log").evaluate((box) => { box.scrollTop = 100; });
      return page.getByRole("button", { name: "Jump to latest" }).isVisible();
    }).toBe(true);
    await kit.say(owner, room, "line 41.", "line 42.");
    await page.getByRole("button", { name: "2 new messages" }).click();
    await message(page, "line 42.").waitFor();
    const order = await page.locator(".lines > *").evaluateAll((rows) => rows.map((row) => row.querySelector(".text")?.textContent ?? row.textContent));
    expect(order.slice(order.indexOf("New") - 1, order.indexOf("New") + 2)).toEqual(["line 40.", "New", "line 41."]);
    await shoot(page, "chat-new-line", [360]);
  });

  it("nothing_shifts_when_messages_arrive", async () => {
    const owner = await kit.person("mara");
    const other = await kit.person("ann");
    const room = await kit.room(owner);
    const page = await kit.open(`/embed.html?room=${room}`, owner);
    await page.getByLabel("Message", { exact: true }).waitFor();
    await page.evaluate(() => {
      Object.assign(window, { shift: 0 });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries() as unknown as { value: number }[]) (window as unknown as { shift: number }).shift += entry.value;
      }).observe({ type: "layout-shift" });
    });
    for (let i = 1; i <= 75; i++) await kit.say(i % 3 ? owner : other, room, `line ${2 * i - 1}.`, `line ${2 * i}. ${"and more ".repeat(i % 9)}`.trim());
    await message(page, "line 149.").waitFor();
    await expect.poll(() => below(page)).toBeLessThan(2);
    expect(await page.evaluate(() => (window as unknown as { shift: number }).shift)).toBeLessThan(0.002);
  });
});

describe("a room for members", () => {
  it("is_closed_to_those_without_an_account_at_once_and_open_to_those_with_one", async () => {
    const [owner, member] = [await kit.person("mara"), await kit.person("mel")];
    const room = await kit.room(owner);
    await kit.say(owner, room, "among us");
    const [page, inside] = [await kit.open(`/embed.html?room=${room}`), await kit.open(`/embed.html?room=${room}`, member)];
    for (const each of [page, inside]) await message(each, "among us").waitFor();
    await kit.rest(owner).patchRoom(room, { rules: { read: "members" } });
    await page.getByRole("heading", { name: "This room is for members" }).waitFor();
    expect(await page.getByText("among us").count()).toBe(0);
    expect(await page.getByRole("button", { name: "Chat as a guest" }).count()).toBe(0);
    await shoot(page, "chat-members-only");
    await kit.say(owner, room, "still here");
    await message(inside, "still here").waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "This room is for members" }).waitFor();
  });
});

describe("a tall text", () => {
  it("is_folded_after_twelve_lines_and_unfolded_by_keyboard_and_a_long_word_wraps_at_360_px", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    await kit.rest(owner).patchRoom(room, { rules: { max_lines: 40 } });
    await kit.say(owner, room, "short", Array.from({ length: 20 }, (_, i) => `${i} wide`).join("\n"), "w".repeat(500));
    const page = await kit.open(`/embed.html?room=${room}`, null, { viewport: { width: 360, height: 640 } });
    const [line, tall] = [message(page, "short"), message(page, "19 wide")];
    const more = tall.getByRole("button", { name: "Show more" });
    await more.waitFor();
    const height = async (of: typeof tall) => (await of.locator(".text").boundingBox())!.height;
    expect(await height(tall)).toBeLessThanOrEqual(12.5 * await height(line));
    await shoot(page, "chat-folded");
    await page.setViewportSize({ width: 360, height: 640 });
    await more.press("Enter");
    await tall.getByRole("button", { name: "Show less" }).waitFor();
    expect(await height(tall)).toBeGreaterThan(13 * await height(line));
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  });

  it("of_a_language_from_right_to_left_is_written_and_shown_in_its_direction", async () => {
    const owner = await kit.person("mara");
    const room = await kit.room(owner);
    const page = await kit.open(`/embed.html?room=${room}`, owner);
    const box = page.getByLabel("Message", { exact: true });
    const direction = () => box.evaluate((element) => element.matches(":dir(rtl)"));
    await box.fill("hello!");
    expect(await direction()).toBe(false);
    await box.fill("\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd!");
    expect(await direction()).toBe(true);
  });
});

describe("between and in the lines", () => {
  it("days_are_told_apart_and_a_name_is_said_once_for_lines_that_belong_together", async () => {
    const [owner, ann] = [await kit.person("mara"), await kit.person("ann")];
    const room = await kit.room(owner);
    await kit.say(owner, room, "one", "two");
    await kit.say(ann, room, "three");
    await kit.say(owner, room, "four");
    const page = await kit.open(`/embed.html?room=${room}`, null, {
      prepare: (context) => context.addInitScript(() => {
        const [real, ahead] = [Date.now, 86_400_000];
        Date.now = () => real() + ahead;
      }),
    });
    await message(page, "four").waitFor();
    await page.getByRole("separator", { name: "yesterday" }).waitFor();
    expect(await page.locator(".line .name").count()).toBe(3);
    expect(await message(page, "two").locator(".name").count()).toBe(0);
  });

  it("links_are_safe_mentions_and_my_name_stand_out_and_a_lone_emoji_is_large", async () => {
    const [owner, ann] = [await kit.person("mara"), await kit.person("ann")];
    const room = await kit.room(owner);
    await kit.say(owner, room, `Look: https://example.org/a?b=1. And javascript:alert(1)`, `Hello @${ann.user.displayName}, welcome`, "@everyone hi", "🎉");
    const page = await kit.open(`/embed.html?room=${room}`, ann);
    const link = page.getByRole("link");
    await link.waitFor();
    expect(await link.count()).toBe(1);
    expect(await link.evaluate((node: HTMLAnchorElement) => [node.href, node.target, node.rel])).toEqual(["https://example.org/a?b=1", "_blank", "noopener noreferrer nofollow ugc"]);
    expect(await message(page, "welcome").getAttribute("class")).toContain("mine");
    expect(await message(page, "@everyone hi").getAttribute("class")).not.toContain("mine");
    expect(await message(page, "@everyone hi").locator(".mention").textContent()).toBe("@everyone");
    expect(await message(page, "🎉").locator(".jumbo").count()).toBe(1);
    for (const scheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      await shoot(page, `chat-words-${scheme}`);
    }
  });

  it("a_reply_quotes_what_it_answers_and_leads_there_even_far_back", async () => {
    const [owner, ann] = [await kit.person("mara"), await kit.person("ann")];
    const room = await kit.room(owner);
    const [first] = await kit.say(owner, room, "Where does this begin?");
    await kit.say(owner, room, ...lines(1, 140));
    await kit.rest(ann).postMessage({ room, message: "Here, I think", reply_to: first! });
    const page = await kit.open(`/embed.html?room=${room}`, ann);
    const quote = page.getByRole("button", { name: `In reply to ${owner.user.displayName}: Where does this begin?` });
    await quote.waitFor();
    await shoot(page, "chat-reply", [360]);
    await quote.click();
    await expect.poll(() => message(page, "Where does this begin?").first().evaluate((row) => row === document.activeElement)).toBe(true);
    await page.getByRole("button", { name: "Jump to latest" }).click();
    await message(page, "Here, I think").waitFor();
    await kit.rest(owner).deleteMessage(first!);
    await page.getByText("This message was deleted.").waitFor();
  });
});
