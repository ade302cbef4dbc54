/** What may be done with a message and its author, opened under the message; what cannot be undone asks once more. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Message, User } from "../../sdk/src";
import { mayModerate } from "../ranks";
import type { ChatStore } from "../store";

const timeouts = [["10 s", "10s"], ["1 min", "1m"], ["10 min", "10m"], ["1 h", "1h"], ["1 day", "1d"]] as const;

interface Props { store: ChatStore; me: User; message: Message; onClose: () => void }

export function Actions({ store, me, message, onClose }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [banning, setBanning] = useState(false);
  const name = message.user.displayName;
  const moderate = mayModerate(me, message.user);
  useEffect(() => box.current?.querySelector("button")?.focus(), [banning]);

  const leave = () => {
    const line = box.current?.closest<HTMLElement>(".line");
    onClose();
    line?.focus();
  };
  const then = (work: Promise<void>) => void work.then(onClose);
  return (
    <div
      ref={box} class="actions" role="group" aria-label={`Actions on the message of ${name}`}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        leave();
      }}
    >
      {banning ? (
        <div class="row">
          <span>Ban {name} from this room for ever?</span>
          <button class="button small danger" onClick={() => then(store.sanction(message.user, {}))}>Ban {name}</button>
          <button class="button small" onClick={() => setBanning(false)}>Keep</button>
        </div>
      ) : (
        <>
          <div class="row">
            <button class="button small" onClick={() => then(store.remove(message))}>Delete message</button>
            {moderate && <button class="button small danger" onClick={() => setBanning(true)}>Ban …</button>}
            <button class="button small bare" onClick={leave}>Close</button>
          </div>
          {moderate && (
            <div class="row">
              <span class="quiet label">Time out</span>
              {timeouts.map(([label, duration]) => (
                <button
                  key={duration} class="button small" aria-label={`Time out ${name} for ${label}`}
                  onClick={() => then(store.sanction(message.user, { kind: "timeout", duration }))}
                >{label}</button>
              ))}
            </div>
          )}
        </>
      )}
    </div>
  );
}
