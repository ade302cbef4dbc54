/** My own texts that are not in the room yet: on their way, or refused with the reason and a way on. */
import type { ChatStore } from "../store";
import { Name } from "./line";

export function PendingLines({ store }: { store: ChatStore }) {
  const me = store.me.value;
  return (
    <>
      {store.pending.value.map((entry) => (
        <div key={`p${entry.key}`} class={entry.problem ? "line failed" : "line pending"} tabIndex={-1}>
          {me && <Name user={me} />}
          <span class="text">{entry.text}</span>
          {entry.problem ? (
            <div class="why" role="alert">
              <span class="problem">Not sent: {entry.problem.detail}</span>
              <span class="row">
                <button class="button small" onClick={() => { store.discard(entry); store.send(entry.text); }}>Send again</button>
                <button class="button small bare" onClick={() => store.discard(entry)}>Discard</button>
              </span>
            </div>
          ) : <span class="sr-only">, being sent</span>}
        </div>
      ))}
    </>
  );
}
