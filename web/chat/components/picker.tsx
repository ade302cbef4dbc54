/** Emoji and the host's emotes to choose from: by pointer, by arrow keys, or by a word. */
import { useEffect, useRef, useState } from "preact/hooks";
import { emojiGroups, searchEmoji } from "../emoji";
import { t } from "../i18n";

interface Props { emotes: ReadonlyMap<string, string> | null; onPick: (sign: string) => void; onClose: () => void }

export function Picker({ emotes, onPick, onClose }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [word, setWord] = useState("");
  useEffect(() => box.current?.querySelector("input")?.focus({ preventScroll: true }), []);
  const named = [...(emotes ?? [])].filter(([name]) => name.toLowerCase().includes(word.toLowerCase()));
  const found = word ? [[null, searchEmoji(word)] as const] : emojiGroups;
  const nothing = named.length === 0 && found.every(([, list]) => list.length === 0);

  const onKeyDown = (event: KeyboardEvent) => {
    const signs = [...box.current!.querySelectorAll<HTMLButtonElement>(".sign")];
    const at = signs.indexOf(document.activeElement as HTMLButtonElement);
    const rtl = document.documentElement.dir === "rtl" ? -1 : 1;
    if (event.key === "Escape") onClose();
    else if (event.key === "Enter" && at < 0) signs[0]?.click();
    else if (event.key === "ArrowDown") (at < 0 ? signs[0] : below(signs, at, 1))?.focus();
    else if (event.key === "ArrowUp") (at < 0 ? undefined : (below(signs, at, -1) ?? box.current!.querySelector("input")))?.focus();
    else if (at >= 0 && event.key === "ArrowRight") signs[at + rtl]?.focus();
    else if (at >= 0 && event.key === "ArrowLeft") signs[at - rtl]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const sign = (key: string, name: string, picture?: string) => (
    <button key={key} type="button" class="sign" tabIndex={-1} aria-label={name.replaceAll("_", " ")} title={name.replaceAll("_", " ")} onClick={() => onPick(picture ? `${key} ` : key)}>
      {picture ? <img class="emote" src={picture} alt="" loading="lazy" decoding="async" /> : key}
    </button>
  );
  return (
    <div ref={box} class="picker pane" role="dialog" aria-label={t("emoji")} onKeyDown={onKeyDown}>
      <input class="input" type="search" aria-label={t("searchEmoji")} placeholder={t("searchEmoji")} value={word} onInput={(event) => setWord(event.currentTarget.value)} />
      <div class="signs" tabIndex={0} role="group" aria-label={t("emoji")}>
        {named.length > 0 && <h2>{t("emotes")}</h2>}
        {named.length > 0 && <div class="grid">{named.slice(0, 200).map(([name, picture]) => sign(name, name, picture))}</div>}
        {found.map(([group, list]) => (
          <>
            {group && <h2>{t(group)}</h2>}
            <div class="grid">{list.map(([emoji, words]) => sign(emoji, words.split(" ")[0]!))}</div>
          </>
        ))}
        {nothing && <p class="quiet">{t("noEmoji")}</p>}
      </div>
    </div>
  );
}

/** The sign under (or over) another one, whatever the width of the grid. */
function below(signs: readonly HTMLElement[], at: number, step: 1 | -1): HTMLElement | undefined {
  const from = signs[at]!.getBoundingClientRect();
  let best: HTMLElement | undefined;
  for (let i = at + step; i >= 0 && i < signs.length; i += step) {
    const rect = signs[i]!.getBoundingClientRect();
    if (step * (rect.top - from.top) <= 1) continue;
    if (best && Math.abs(rect.top - best.getBoundingClientRect().top) > 1) break;
    if (!best || Math.abs(rect.left - from.left) < Math.abs(best.getBoundingClientRect().left - from.left)) best = signs[i]!;
  }
  return best;
}
