/** A table of things with a heading per column; it scrolls sideways by itself where the page is narrow. */
import type { ComponentChildren } from "preact";

interface Props { label: string; columns: readonly string[]; empty: string; loaded: boolean; children: ComponentChildren[] }

export function Table({ label, columns, empty, loaded, children }: Props) {
  if (!loaded) return <p class="quiet">Loading …</p>;
  if (children.length === 0) return <p class="card vacant quiet">{empty}</p>;
  return (
    <div class="card table" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead><tr>{columns.map((name) => <th key={name} scope="col">{name}</th>)}</tr></thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function When({ at }: { at: number }) {
  const date = new Date(at);
  return <time dateTime={date.toISOString()}>{moment.format(date)}</time>;
}
