/** How a step and an exchange look. */
import type { ComponentChildren } from "preact";
import { CopyButton } from "../shared/ui";
import { curl, type Exchange, headersText, requestText, responseText } from "./exchange";

interface StepProps { number: number; title: string; children: ComponentChildren; exchange?: Exchange | undefined }

export function StepCard({ number, title, children, exchange }: StepProps) {
  return (
    <section class="card step" aria-labelledby={`step-${number}`}>
      <h3 id={`step-${number}`}>{title}</h3>
      {children}
      {exchange && <ExchangeView exchange={exchange} />}
    </section>
  );
}

function ExchangeView({ exchange }: { exchange: Exchange }) {
  const { response } = exchange;
  const good = response !== null && response.status < 400;
  return (
    <div class="exchange">
      <p class="outcome" role="status">
        <span class={good ? "status good" : "status bad"}>{response ? response.status : "–"}</span>
        <span class="mono">{exchange.method} {pathOf(exchange.url)}</span>
        {response && <span class="quiet">{response.took} ms</span>}
      </p>
      <Code title="Request" text={requestText(exchange)} />
      <Code title="As curl" text={curl(exchange)} />
      <Code title="Response" text={responseText(exchange)} open />
      {response && <Code title="Response headers" text={headersText(exchange)} />}
    </div>
  );
}

export function Code({ title, text, open = false }: { title: string; text: string; open?: boolean }) {
  return (
    <details class="code" open={open}>
      <summary>{title}</summary>
      <div class="code-body">
        <pre tabIndex={0} aria-label={title}>{text}</pre>
        <CopyButton text={text} label={`Copy: ${title}`} />
      </div>
    </details>
  );
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}
