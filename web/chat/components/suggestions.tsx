/** Suggestions above the box. The box keeps the focus; what is chosen is told by aria-activedescendant. */
import { t } from "../i18n";
import type { Suggestion } from "../complete";

export function Suggestions({ suggestions, chosen, onTake }: { suggestions: readonly Suggestion[]; chosen: number; onTake: (suggestion: Suggestion) => void }) {
  return (
    <ul class="suggestions pane" id="suggestions" role="listbox" aria-label={t("suggestions", { n: suggestions.length })}>
      {suggestions.map((suggestion, index) => (
        <li
          key={suggestion.key} id={`suggestion-${index}`} role="option" aria-selected={index === chosen}
          onPointerDown={(event) => { event.preventDefault(); onTake(suggestion); }}
        >
          <bdi>{suggestion.label}</bdi>
          {suggestion.detail && <span class="quiet"> {suggestion.detail}</span>}
        </li>
      ))}
    </ul>
  );
}
