/**
 * The box to write in: one line that grows, Enter sends, Shift-Enter breaks the line. It keeps drafts,
 * completes commands, names and emoji, and says why it must wait.
 */
import { useSignalEffect } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { CommandInfo } from "../../sdk/src";
import { characters } from "../../sdk/src/text";
import { commandSuggestions, completed, nameSuggestions, type Suggestion, wanted } from "../complete";
import { readDraft, writeDraft } from "../drafts";
import { t } from "../i18n";
import { useLazy } from "../lazy";
import type { ChatOptions } from "../options";
import { send as sendText, undo } from "../sending";
import type { ChatStore } from "../store";
import { spanText, useSecondsUntil } from "./clock";
import { Icon } from "./icons";
import { Suggestions } from "./suggestions";

/** The longest message of any room, in characters as the server counts them. */
export const longest = 500;
const countFrom = 0.8;

export function Composer({ store, options: { session, hideUsers }, children }: { store: ChatStore; options: ChatOptions; children?: ComponentChildren }) {
  const { outgoing } = store;
  const room = store.room.uid.value ?? "";
  const box = useRef<HTMLTextAreaElement>(null);
  const [text, write] = useState(() => readDraft(session, room));
  const [caret, setCaret] = useState(0);
  const [chosen, choose] = useState(0);
  const [dismissed, dismiss] = useState(false);
  const [picking, pick] = useState(false);
  const commands = useCommands(store, room, /^[/!]/.test(text));
  const slow = useSecondsUntil(store.moderation.moderates.value ? 0 : store.room.slowUntil.value);
  const muted = useSecondsUntil(store.room.mutedUntil.value);
  const limit = Math.min(longest, store.room.settings.value?.rules?.maxLength ?? longest);
  const length = characters(text.trim());
  const ready = length > 0 && length <= limit && muted === 0 && slow === 0 && store.session.signedIn.value;

  const change = (next: string, at = next.length) => {
    write(next);
    setCaret(at);
    choose(0);
    dismiss(false);
    writeDraft(session, room, next);
  };
  /** Where the caret goes with the next drawing. */
  const goTo = useRef<number | null>(null);
  /** Puts a text into the box and the caret behind it. */
  const put = (next: string, at = next.length) => {
    change(next, at);
    goTo.current = at;
  };
  useEffect(() => change(readDraft(session, room)), [room]);
  useSignalEffect(() => { if (outgoing.answering.value) box.current?.focus({ preventScroll: true }); });
  useSignalEffect(() => {
    const again = outgoing.rewrite.value;
    if (again === null) return;
    outgoing.rewrite.value = null;
    if (!box.current?.value) put(again);
  });
  useLayoutEffect(() => {
    const at = goTo.current;
    if (at === null) return;
    goTo.current = null;
    box.current!.focus({ preventScroll: true });
    box.current!.setSelectionRange(at, at);
  });
  useLayoutEffect(() => {
    const area = box.current!;
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight + 2}px`;
  }, [text]);

  const emoji = useLazy(() => import("../emoji"), picking || /(^|\s):[a-z_]{2}/.test(text));
  const picker = useLazy(() => import("./picker"), picking);
  const word = wanted(text, caret, (name) => /^\S+ [<[]user/.test(commands.find((known) => known.name === name)?.usage ?? ""));
  const suggestions: Suggestion[] =
    !word || dismissed ? []
    : word.kind === "command" ? commandSuggestions(commands, word.word)
    : word.kind === "name" ? nameSuggestions(people(store, hideUsers), word.word, /^[/!]/.test(text))
    : (emoji?.searchEmoji(word.word) ?? []).slice(0, 7).map(([sign, name]) => ({ key: sign, label: `${sign} ${name}`, insert: `${sign} ` }));
  const open = suggestions.length > 0;
  useEffect(() => { if (open) store.room.announcer.add(t("suggestions", { n: suggestions.length })); }, [open]);

  const take = (suggestion: Suggestion) => {
    const whole = word!.kind === "command" ? { ...word!, from: 1 } : word!;
    const next = completed(text, whole, suggestion.insert);
    put(next.text, next.caret);
  };
  const send = () => {
    if (!ready) return;
    sendText(store, text.trim());
    change("");
    pick(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // While an input method composes a word, its keys are its own (229: older Safari).
    if (event.isComposing || event.keyCode === 229) return;
    if (open && !event.shiftKey && onSuggestionKey(event.key)) return event.preventDefault();
    if (event.key === "Enter" && !event.shiftKey) send();
    else if (event.key === "ArrowUp" && text === "") lastOwn()?.focus();
    else if (event.key === "Escape" && picking) pick(false);
    else if (event.key === "Escape" && outgoing.answering.value) outgoing.answering.value = null;
    else return;
    event.preventDefault();
  };
  const onSuggestionKey = (key: string): boolean => {
    const suggestion = suggestions[chosen]!;
    if (key === "ArrowDown" || key === "ArrowUp") choose((chosen + (key === "ArrowDown" ? 1 : suggestions.length - 1)) % suggestions.length);
    else if (key === "Escape") dismiss(true);
    else if (key === "Tab" || (key === "Enter" && !(word!.kind === "command" && suggestion.key === word!.word.toLowerCase()))) take(suggestion);
    else return false;
    return true;
  };

  const answering = outgoing.answering.value;
  const usage = commands.find((known) => known.name === /^[/!](\S+)\s/.exec(text)?.[1]?.toLowerCase());
  const status =
    muted > 0 ? (Number.isFinite(muted) ? t("mutedFor", { time: spanText(muted) }) : t("muted"))
    : length > limit ? t("charsOver", { n: length - limit })
    : length >= limit * countFrom ? t("charsLeft", { n: limit - length })
    : slow > 0 ? t("slowFor", { time: spanText(slow) })
    : usage ? `${usage.usage} – ${usage.help}`
    : "";
  return (
    <form class="composer" aria-label={t("say")} onSubmit={(event) => { event.preventDefault(); send(); box.current?.focus(); }}>
      {answering && (
        <div class="answering">
          <Icon name="reply" size={14} />
          <span><strong>{t("replyingTo", { name: answering.user.displayName })}</strong> <bdi class="quiet">{answering.message}</bdi></span>
          <button type="button" class="tool" aria-label={t("stopReplying")} onClick={() => { outgoing.answering.value = null; }}><Icon name="close" /></button>
        </div>
      )}
      {open && <Suggestions suggestions={suggestions} chosen={chosen} onTake={take} />}
      {picking && picker && emoji && (
        <picker.Picker
          emotes={store.emotes.value} onClose={() => { pick(false); box.current?.focus(); }}
          onPick={(sign) => put(text.slice(0, caret) + sign + text.slice(caret), caret + sign.length)}
        />
      )}
      <label class="sr-only" for="text">{t("message")}</label>
      <textarea
        ref={box} id="text" class="input" dir="auto" rows={1} value={text} placeholder={t("say")} enterkeyhint="send" autocomplete="off"
        aria-describedby="status" aria-invalid={length > limit} aria-autocomplete="list" aria-controls={open ? "suggestions" : undefined}
        aria-activedescendant={open ? `suggestion-${chosen}` : undefined} onKeyDown={onKeyDown} onBlur={() => dismiss(true)}
        onInput={(event) => change(event.currentTarget.value, event.currentTarget.selectionEnd)}
        onSelect={(event) => setCaret(event.currentTarget.selectionEnd)}
      />
      <button type="button" class="tool face" aria-label={t("emoji")} title={t("emoji")} aria-expanded={picking} onClick={() => pick(!picking)}><Icon name="face" size={20} /></button>
      <button class="button primary send" aria-label={t("send")} title={t("send")} disabled={!ready}><Icon name="send" size={18} /></button>
      <div class="status-row">
        <p id="status" class={length > limit ? "status problem" : "status quiet"}>{status}</p>
        {!status && outgoing.undoable.value && (
          <p class="status quiet">{t("sent")} <button type="button" class="link" onClick={() => void undo(store)}>{t("undo")}</button></p>
        )}
        {children}
      </div>
    </form>
  );
}

/** The commands that may be used here, asked for when the first one is typed. */
function useCommands(store: ChatStore, room: string, wanted: boolean): readonly CommandInfo[] {
  const [known, know] = useState<{ for: string; commands: readonly CommandInfo[] }>({ for: "", commands: [] });
  const asked = `${room} ${store.room.me.value?.uid} ${store.room.me.value?.roles.join()}`;
  useEffect(() => {
    if (!wanted || known.for === asked) return;
    store.session.rest.commands(room).then(({ commands }) => know({ for: asked, commands }), () => {});
  }, [wanted, asked]);
  return known.for === asked ? known.commands : [];
}

/** Who could be meant: those who spoke last, then those who are here, unless that is not to be shown. */
function people(store: ChatStore, hideUsers: boolean): string[] {
  const me = store.room.me.value?.uid;
  const spoke = [...store.room.viewport.tail.value].reverse().flatMap((line) => (line.kind === "message" ? [line.message.user] : []));
  return [...new Set([...spoke, ...(hideUsers ? [] : store.room.users.value)].filter((user) => user.uid !== me).map((user) => user.displayName))];
}

function lastOwn(): HTMLElement | undefined {
  return [...document.querySelectorAll<HTMLElement>(".line.own[data-id]")].at(-1);
}
