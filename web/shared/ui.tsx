/** The few controls that the playground and the admin page share. Each has a label and works by keyboard. */
import type { ComponentChildren, InputHTMLAttributes } from "preact";
import { useState } from "preact/hooks";

interface FieldProps {
  label: string;
  value: string;
  onInput: (value: string) => void;
  type?: "text" | "password" | "number" | "search" | "url";
  name?: string;
  placeholder?: string;
  autocomplete?: string;
  required?: boolean;
}

export function Field({ label, value, onInput, type = "text", ...rest }: FieldProps) {
  return (
    <label class="field">
      <span>{label}</span>
      <input
        class="input" value={value} spellcheck={false} onInput={(event) => onInput(event.currentTarget.value)}
        {...({ type, ...rest } as InputHTMLAttributes)}
      />
    </label>
  );
}

/** Copies a text; says so for a moment. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [said, say] = useState("");
  const copy = async () => {
    const done = await navigator.clipboard.writeText(text).then(() => "Copied", () => "Select and copy manually");
    say(done);
    setTimeout(() => say(""), 2000);
  };
  return (
    <button type="button" class="button small bare" aria-label={said || label} onClick={() => void copy()}>
      <span aria-live="polite">{said || "Copy"}</span>
    </button>
  );
}

function focus(button: HTMLButtonElement | null): void {
  button?.focus();
}

/** A button for what cannot be undone: it asks once more, in place. */
export function ConfirmButton({ children, question, onConfirm }: { children: ComponentChildren; question: string; onConfirm: () => void }) {
  const [asking, setAsking] = useState(false);
  if (!asking) return <button type="button" class="button small danger" onClick={() => setAsking(true)}>{children}</button>;
  return (
    <span class="row confirm" role="group" aria-label={question} onKeyDown={(event) => event.key === "Escape" && setAsking(false)}>
      <span>{question}</span>
      <button type="button" class="button small danger" ref={focus} onClick={() => { setAsking(false); onConfirm(); }}>Yes</button>
      <button type="button" class="button small" onClick={() => setAsking(false)}>No</button>
    </span>
  );
}
