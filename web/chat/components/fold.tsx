/** A text that may be taller than twelve lines: it is folded then, until somebody wants to read on. */
import "../deferred-messages";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n";

export function Fold({ id, children }: { id: string; children: ComponentChildren }) {
  const text = useRef<HTMLSpanElement>(null);
  const [open, setOpen] = useState(false);
  const [tall, setTall] = useState(false);
  useLayoutEffect(() => {
    if (open) return;
    const measure = () => setTall(text.current!.scrollHeight > text.current!.clientHeight + 1);
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(text.current!);
    return () => watch.disconnect();
  }, [open]);
  return (
    <>
      <span ref={text} id={id} class={open ? "text" : "text long"}>{children}</span>
      {(tall || open) && (
        <button type="button" class="link fold" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
          {t(open ? "showLess" : "showMore")}
        </button>
      )}
    </>
  );
}
