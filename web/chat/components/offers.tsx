/** Suggestions above the box. The box keeps the focus; what is chosen is told by aria-activedescendant. */
import { t } from "../i18n";
import type { Offer } from "../complete";

export function Offers({ offers, chosen, onTake }: { offers: readonly Offer[]; chosen: number; onTake: (offer: Offer) => void }) {
  return (
    <ul class="offers pane" id="offers" role="listbox" aria-label={t("suggestions", { n: offers.length })}>
      {offers.map((offer, index) => (
        <li
          key={offer.key} id={`offer-${index}`} role="option" aria-selected={index === chosen}
          onPointerDown={(event) => { event.preventDefault(); onTake(offer); }}
        >
          <bdi>{offer.label}</bdi>
          {offer.detail && <span class="quiet"> {offer.detail}</span>}
        </li>
      ))}
    </ul>
  );
}
