// @vitest-environment happy-dom
/** Words: the catalogues of all languages, the parts of a message's text, drafts, what is completed, and what finds an emoji. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { accentStyles, hexColour } from "../chat/accent";
import { backgrounds, contrast } from "../chat/colour";
import { commandSuggestions, completed, nameSuggestions, wanted } from "../chat/complete";
import { readDraft, writeDraft } from "../chat/drafts";
import { emojiGroups, searchEmoji } from "../chat/emoji";
import { chooseLanguage, dayName, languages, setLanguage, t } from "../chat/i18n";
import ar from "../chat/lang/ar";
import type { Catalogue, Phrase } from "../chat/lang/catalogue";
import de from "../chat/lang/de";
import { en } from "../chat/lang/en";
import es from "../chat/lang/es";
import fr from "../chat/lang/fr";
import ja from "../chat/lang/ja";
import { enDeferred } from "../chat/lang/en-deferred";
import { themeProperties } from "../chat/theme";
import { isEmojiOnly, nameFinder, parts } from "../chat/rich";
import { characters } from "../sdk/src/text";
import lengths from "../../docs/cases/lengths.json";
import linkTable from "../../docs/cases/links.json";

const english = { ...en, ...enDeferred } as Catalogue;
const catalogues = { en: english, de, es, fr, ja, ar };
const forms = (phrase: Phrase) => (typeof phrase === "string" ? [phrase] : Object.values(phrase));
const holes = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!).sort();

describe("languages", () => {
  it("there_is_a_catalogue_for_each", () => expect(Object.keys(catalogues).sort()).toEqual([...languages].sort()));

  it.each(Object.entries(catalogues))("%s_has_every_word_with_the_same_holes_and_the_plural_forms_of_the_language", (language, catalogue) => {
    expect(Object.keys(catalogue).sort()).toEqual(Object.keys(english).sort());
    const plural = new Set(new Intl.PluralRules(language).resolvedOptions().pluralCategories);
    for (const [key, phrase] of Object.entries(catalogue)) {
      const source = english[key as keyof Catalogue];
      expect(typeof phrase === "string", key).toBe(typeof source === "string");
      for (const text of forms(phrase)) expect(text.trim(), key).not.toBe("");
      const most = forms(phrase).map(holes).sort((one, two) => two.length - one.length)[0];
      expect(most, key).toEqual(holes(forms(source).at(-1)!));
      if (typeof phrase === "string") continue;
      for (const form of Object.keys(phrase)) expect(plural, `${key}: ${form}`).toContain(form);
      for (const form of plural) if (form !== "many" || language === "ar") expect(Object.keys(phrase), key).toContain(form);
    }
  });

  it.each([["de-AT", [], "de", "de-AT"], ["xx", ["fr-CA", "en"], "fr", "fr-CA"], [null, ["pt-BR", "ja"], "ja", "ja"], [null, ["pt"], "en", "en"], ["ar_EG", [], "ar", "ar-EG"], ["de_!!", [], "de", "de"]])(
    "%s with %j is %s", (asked, preferred, language, locale) => expect(chooseLanguage(asked, preferred)).toEqual({ language, locale }));

  afterEach(() => setLanguage("en", []));

  it("numbers_pick_their_form_and_the_window_turns_for_arabic", async () => {
    expect(t("waiting", { n: 1 })).toBe("1 new message");
    expect(t("waiting", { n: 1234 })).toBe("1,234 new messages");
    await setLanguage("de", []);
    expect(t("waiting", { n: 1234 })).toBe("1.234 neue Nachrichten");
    await setLanguage("ar", []);
    expect(document.documentElement.dir).toBe("rtl");
    expect(t("waiting", { n: 2 })).toBe("رسالتان جديدتان");
    await setLanguage("ja", []);
    expect(document.documentElement.dir).toBe("ltr");
    expect(document.documentElement.lang).toBe("ja");
  });

  it("days_are_named", () => {
    const noon = new Date(2026, 2, 10, 12).getTime();
    expect(dayName(noon, noon)).toBe("today");
    expect(dayName(noon - 86_400_000, noon)).toBe("yesterday");
    expect(dayName(new Date(2026, 2, 1, 9).getTime(), noon)).toBe("Sunday, March 1, 2026");
  });
});

const linkCases = linkTable.cases as { text: string; window: string[][] }[];

describe("a text", () => {
  const links = (text: string) => parts(text, null, null).filter((part) => part.kind === "link").map((part) => part.text);

  it.each([
    ["see https://a.example/x.", ["https://a.example/x"]], ["(https://a.example/wiki_(x))", ["https://a.example/wiki_(x)"]],
    ["https://a.example/?q=1&b=2, and http://b.example!", ["https://a.example/?q=1&b=2", "http://b.example"]],
    ["javascript:alert(1) data:text/html,x ftp://a.example", []], ["https://user:pw@evil.example", []], ["https://", []],
    ["https://a.example/\"onclick=", ["https://a.example/"]], ["mail@www.example.com awww.example", []],
  ])("links in %s", (text, found) => expect(links(text)).toEqual(found));

  it.each(linkCases)("has the links that the table says: $text", ({ text, window }) => {
    const found = parts(text, null, null).filter((part) => part.kind === "link").map((part) => [part.text, part.href]);
    expect(found).toEqual(window);
  });

  it("is_whole_whatever_its_parts", () => {
    for (const text of ["", "@ann hi https://x.example/a, Kappa and ann\nagain", "a@b.example @@x @ann-lee", "日本語 @あん https://例え.テスト/道"]) {
      expect(parts(text, nameFinder("ann"), (word) => (word === "Kappa" ? "data:," : undefined)).map((part) => part.text).join("")).toBe(text);
    }
  });
  it("knows_mentions_and_my_own_name", () => {
    const found = parts("@bob and @Ann and ann, not annabel or mail@bob.example", nameFinder("ann"), null).filter((part) => part.kind === "mention");
    expect(found).toEqual([{ kind: "mention", text: "@bob", me: false }, { kind: "mention", text: "@Ann", me: true }, { kind: "mention", text: "ann", me: true }]);
    expect(nameFinder("a.b")!.test("axb")).toBe(false);
    const mine = (text: string, name: string) => parts(text, nameFinder(name), null).flatMap((part) => (part.kind === "mention" && part.me ? [part.text] : []));
    expect(mine("al says @Al", "Al")).toEqual(["@Al"]);
    expect(mine("hello @anna lee, and Anna Lee", "Anna Lee")).toEqual(["@anna lee", "Anna Lee"]);
    expect(mine("@山田 こんにちは @Ольга Петрова", "山田")).toEqual(["@山田"]);
    expect(mine("@山田 こんにちは @Ольга Петрова", "Ольга Петрова")).toEqual(["@Ольга Петрова"]);
    expect(mine("@annabel", "ann")).toEqual([]);
  });
  it.each([["😀", true], ["👍🏽 🎉", true], ["🇩🇪", true], ["👩‍💻", true], ["ok 😀", false], ["123", false], ["", false], [" ", false]])("%s is emoji only: %s", (text, only) => {
    expect(isEmojiOnly(text)).toBe(only);
  });
});

describe("a draft", () => {
  it("is_kept_for_its_room_alone_and_lives_in_memory_where_storage_is_blocked", () => {
    writeDraft(null, "lounge", "half a thought");
    writeDraft("2", "lounge", "another");
    expect([readDraft(null, "lounge"), readDraft("2", "lounge"), readDraft(null, "kitchen")]).toEqual(["half a thought", "another", ""]);
    expect(sessionStorage.getItem("chat_draft:lounge")).toBe("half a thought");
    const blocked = vi.spyOn(Storage.prototype, "setItem").mockImplementation(() => { throw new Error("blocked"); });
    writeDraft(null, "kitchen", "in memory");
    expect(readDraft(null, "kitchen")).toBe("in memory");
    blocked.mockRestore();
    writeDraft(null, "lounge", "");
    expect(sessionStorage.getItem("chat_draft:lounge")).toBeNull();
  });
});

describe("completing", () => {
  const takesName = (command: string) => command === "ban";
  it.each([
    ["/ba", "command", "ba"], ["/", "command", ""], ["hello @an", "name", "an"], ["@", "name", ""], ["/ban an", "name", "an"], ["/ban @an", "name", "an"],
    ["nice :smi", "emoji", "smi"],
  ])("%s asks for a %s", (text, kind, word) => expect(wanted(text, text.length, takesName)).toMatchObject({ kind, word }));
  it.each(["hello", "a@b", "/slow 3", "12:30", "no /ba", "/ban ann 10m"])("%s asks for nothing", (text) => expect(wanted(text, text.length, takesName)).toBeNull());

  const ban = { name: "ban", usage: "/ban <user> [duration] [reason]", help: "Keeps somebody out.", least: "mod" } as const;
  it("a_command_is_offered_with_its_usage_and_a_name_in_it_is_quoted", () => {
    expect(commandSuggestions([ban], "b")).toEqual([{ key: "ban", label: ban.usage, detail: ban.help, insert: "ban " }]);
    const asked = wanted("/ban an x", 7, takesName)!;
    const [suggestion] = nameSuggestions(["Bob", "Ann Lee"], asked.word, true);
    expect(completed("/ban an x", asked, suggestion!.insert)).toEqual({ text: `/ban "Ann Lee" x`, caret: 15 });
  });
  it.each(["Anna Lee", "山田 太郎", "Ольга Петрова"])("a_mention_of_%s_is_completed_from_its_second_word_on_and_then_no_more", (name) => {
    const typed = `hi @${name.slice(0, name.indexOf(" ") + 2)}`;
    const asked = wanted(typed, typed.length, takesName)!;
    const [suggestion] = nameSuggestions(["Bob", name], asked.word, false);
    const { text } = completed(typed, asked, suggestion!.insert);
    expect(text).toBe(`hi @${name} `);
    expect(nameSuggestions(["Bob", name], wanted(text, text.length, takesName)?.word ?? "-", false)).toEqual([]);
  });
  it("names_that_begin_so_come_first_and_the_sign_stays", () => {
    const asked = wanted("hi @an", 6, takesName)!;
    const suggestions = nameSuggestions(["Joanna", "ann", "bob"], asked.word, false);
    expect(suggestions.map(({ key }) => key)).toEqual(["ann", "Joanna"]);
    expect(completed("hi @an", asked, suggestions[0]!.insert).text).toBe("hi @ann ");
  });
  it("an_emoji_is_found_by_its_words_and_stands_once", () => {
    expect(searchEmoji("thumbs")[0]).toEqual(["👍", "thumbs_up"]);
    expect(searchEmoji("nothing at all")).toEqual([]);
    const all = emojiGroups.flatMap(([, list]) => list.map(([sign]) => sign));
    expect(new Set(all).size).toBeGreaterThan(all.length - 3);
    for (const sign of all) expect(isEmojiOnly(sign), sign).toBe(true);
  });
});

describe("the theming interface", () => {
  it("every_property_of_it_is_explained_and_used_by_the_styles", () => {
    const css = ["../chat/chat.css", "../chat/parts.css", "../shared/tokens.css"].map((path) => readFileSync(resolve(import.meta.dirname, path), "utf8")).join("\n");
    const head = css.slice(0, css.indexOf("*/"));
    for (const name of themeProperties) {
      expect(head, name).toContain(name);
      expect(css.includes(`var(${name})`) || css.includes(`var(${name},`), name).toBe(true);
    }
  });
  it.each(["#2f5bd0", "#ffff00", "#000000", "#ffffff", "#7f7f7f", "#e91e63", "#00ff88"])("the_accent_%s_can_be_read_on_both_themes_and_written_on", (accent) => {
    const [light, dark] = [...accentStyles(accent).matchAll(/--accent:(#\w+);--on-accent:(#\w+)/g)].map((match) => [match[1]!, match[2]!] as const);
    expect(contrast(light![0], backgrounds.light)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(dark![0], backgrounds.dark)).toBeGreaterThanOrEqual(4.5);
    for (const [ground, ink] of [light!, dark!]) expect(contrast(ground, ink)).toBeGreaterThanOrEqual(4.5);
  });
  it.each([["f00", "#ff0000"], ["#0aF", "#00aaff"], ["12345", null], ["red", null], ["#1234567", null], [null, null]])("%s is the colour %s", (text, colour) => {
    expect(hexColour(text)).toBe(colour);
  });
});

describe("lengths", () => {
  it.each(lengths)("$text_has_$characters_characters_as_the_server_counts", ({ text, characters: expected }) => {
    expect(characters(text)).toBe(expected);
  });
});
