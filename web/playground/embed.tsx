/** Putting the room on a page: choose how it looks, see it so, copy the code. */
import { signal } from "@preact/signals";
import { pagesAddress } from "../shared/server";
import { CopyButton } from "../shared/ui";
import { saved, server } from "./state";
import { chatUrl, type Appearance, defaultAppearance, snippet, type Way, ways } from "./snippets";

const way = signal<Way>("script");
const appearance = signal<Appearance>(defaultAppearance);
const set = (change: Partial<Appearance>) => { appearance.value = { ...appearance.value, ...change }; };
const names = Object.keys(ways) as Way[];

export function Embed() {
  const place = { pages: pagesAddress(), server, room: saved.value.shown || saved.value.room || "UID" };
  const code = snippet(way.value, appearance.value, place);
  const shaped = way.value === "script" || way.value === "element" || way.value === "iframe";
  return (
    <section class="part" aria-labelledby="embed-title" id="embed">
      <PartTitle number={2} id="embed-title" title="Put it on your page">
        Copy one of these. It works as is on any site{place.room === "UID" ? ", once a room is open" : ""}.
      </PartTitle>
      <div class="embed">
        <div class="card embed-code">
          <Tabs />
          <div role="tabpanel" id="way-panel" aria-labelledby={`way-${way.value}`} class="panel">
            <p class="quiet">{ways[way.value].text}</p>
            <div class="copyable">
              <div class="copy-bar">
                <span class="quiet">{shaped ? "HTML" : way.value === "sdk" ? "JavaScript" : way.value === "curl" ? "Shell" : "Address"}</span>
                <CopyButton text={code} label={`Copy: ${ways[way.value].title}`} />
              </div>
              <pre tabIndex={0} aria-label={`Code: ${ways[way.value].title}`}>{code}</pre>
            </div>
            {shaped && <AppearanceFields />}
            <p class="quiet hint">
              To log in your own users, change the styles or receive events, see <span class="mono">docs/embedding.md</span>. The chat
              does not show? <a href={`embed-doctor.html?room=${encodeURIComponent(place.room === "UID" ? "" : place.room)}`}>Check the embedding</a>.
            </p>
          </div>
        </div>
        <figure class="card sample">
          <figcaption>As visitors see it</figcaption>
          {place.room === "UID" ? <p class="vacant quiet">Open a room to see it here.</p> : (
            <iframe
              key={`${place.room} ${JSON.stringify(appearance.value)}`} title="Preview" loading="lazy"
              src={chatUrl(appearance.value, place, { session: "preview", host: location.origin, ...(appearance.value.guest ? { guest: "0" } : {}) })}
            />
          )}
        </figure>
      </div>
    </section>
  );
}

/** Tabs as screen readers expect them: one stop, arrows in between. */
function Tabs() {
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    way.value = names[(names.indexOf(way.value) + step + names.length) % names.length]!;
    document.getElementById(`way-${way.value}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label="Ways to use it" onKeyDown={move}>
      {names.map((name) => (
        <button
          key={name} type="button" role="tab" id={`way-${name}`} aria-selected={name === way.value} aria-controls="way-panel"
          tabIndex={name === way.value ? 0 : -1} onClick={() => { way.value = name; }}
        >{ways[name].title}</button>
      ))}
    </div>
  );
}

function AppearanceFields() {
  const { theme, accent } = appearance.value;
  return (
    <fieldset class="looks">
      <legend class="sr-only">Appearance</legend>
      <label class="choice">Theme
        <select class="input" value={theme} onChange={(event) => set({ theme: event.currentTarget.value as Appearance["theme"] })}>
          {(["auto", "light", "dark", "transparent"] as const).map((name) => <option key={name} value={name}>{name}</option>)}
        </select>
      </label>
      <label class="choice">Accent
        <input type="color" value={accent || "#2f5bd0"} onChange={(event) => set({ accent: event.currentTarget.value })} />
      </label>
      <Check label="Compact" of="compact" />
      <Check label="Log in as guest automatically" of="guest" />
      <Check label="Read only" of="readonly" />
    </fieldset>
  );
}

function Check({ label, of }: { label: string; of: "compact" | "guest" | "readonly" }) {
  return (
    <label class="choice">
      <input type="checkbox" checked={appearance.value[of]} onChange={(event) => set({ [of]: event.currentTarget.checked })} />{label}
    </label>
  );
}

interface PartTitleProps { number: number; id: string; title: string; children: preact.ComponentChildren }

/** The heading of one of the page's three parts. */
export function PartTitle({ number, id, title, children }: PartTitleProps) {
  return (
    <div class="part-title">
      <h2 id={id}><span class="number" aria-hidden="true">{number}</span>{title}</h2>
      <p class="quiet">{children}</p>
    </div>
  );
}
