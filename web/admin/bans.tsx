/** Bans and timeouts, of the whole server or of one room: see them, lift them, add one. */
import { useEffect, useState } from "preact/hooks";
import type { Sanction } from "../sdk/src";
import { ConfirmButton, Field } from "../shared/ui";
import { attempt, rest } from "./store";
import { Table, When } from "./table";

export function Bans() {
  const [room, setRoom] = useState("");
  const [bans, setBans] = useState<Sanction[] | null>(null);
  const load = async () => setBans((await rest.sanctions(room.trim() || undefined)).bans);
  useEffect(() => { void attempt(load); }, []);

  const lift = (ban: Sanction) => void attempt(async () => {
    if (ban.user) await rest.lift({ user: ban.user.uid, ...(ban.room ? { room: ban.room } : {}) });
    await load();
  });
  return (
    <>
      <form class="bar" onSubmit={(event) => { event.preventDefault(); void attempt(load); }}>
        <Field label="Room ID (empty: the whole server)" value={room} onInput={setRoom} />
        <button class="button">Show</button>
      </form>
      <Table label="Bans" columns={["User", "Type", "Reason", "By", "Since", "Until", "Actions"]} loaded={bans !== null} empty="No bans or timeouts.">
        {(bans ?? []).map((ban) => (
          <tr key={ban.id}>
            <td><strong>{ban.user?.displayName ?? "an address"}</strong></td>
            <td>{ban.kind === "ban" ? "Ban" : "Timeout"}</td>
            <td>{ban.reason || "–"}</td>
            <td>{ban.by?.displayName ?? "–"}</td>
            <td><When at={ban.timestamp} /></td>
            <td>{ban.until ? <When at={ban.until} /> : "Permanent"}</td>
            <td>{ban.user && <ConfirmButton question={`Lift the ${ban.kind} of ${ban.user.displayName}?`} onConfirm={() => lift(ban)}>Lift</ConfirmButton>}</td>
          </tr>
        ))}
      </Table>
      <Add room={room.trim()} onDone={load} />
    </>
  );
}

function Add({ room, onDone }: { room: string; onDone: () => Promise<void> }) {
  const [user, setUser] = useState("");
  const [duration, setDuration] = useState("");
  const [reason, setReason] = useState("");
  const [kind, setKind] = useState<"ban" | "timeout">("ban");
  const add = () => attempt(async () => {
    await rest.sanction({
      user: user.trim(), ...(room ? { room } : {}), ...(duration ? { duration } : {}), ...(reason ? { reason } : {}),
      ...(kind === "timeout" ? { kind } : {}),
    });
    setUser("");
    await onDone();
  });
  return (
    <form class="card add" aria-labelledby="add-title" onSubmit={(event) => { event.preventDefault(); void add(); }}>
      <h2 id="add-title">{room ? "Ban or time out a user in this room" : "Ban or time out a user on the whole server"}</h2>
      <div class="grid">
        <Field label="User ID" value={user} onInput={setUser} required />
        <label class="field">
          <span>Type</span>
          <select class="input" value={kind} onChange={(event) => setKind(event.currentTarget.value === "timeout" ? "timeout" : "ban")}>
            <option value="ban">Ban</option>
            <option value="timeout">Timeout (can still read)</option>
          </select>
        </label>
        <Field label="Duration (empty: permanent)" value={duration} onInput={setDuration} placeholder="10m, 2d, 1w" />
        <Field label="Reason" value={reason} onInput={setReason} />
      </div>
      <div class="row"><button class="button primary">Add</button></div>
    </form>
  );
}
