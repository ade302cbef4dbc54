/** Rooms: look in, change name, description and slow mode, delete their messages or the rooms themselves. */
import { useEffect, useState } from "preact/hooks";
import type { Room } from "../sdk/src";
import { pagesAddress, serverAddress } from "../shared/server";
import { ConfirmButton, Field } from "../shared/ui";
import { attempt, rest } from "./store";
import { Table } from "./table";

/** Pages that are deployed alone have to say again where the server is. */
const elsewhere: Record<string, string> = serverAddress() === pagesAddress("..") ? {} : { server: serverAddress() };

export function Rooms() {
  const [rooms, setRooms] = useState<Room[] | null>(null);
  const [next, setNext] = useState<number | null>(null);
  const [editing, setEditing] = useState<string | null>(null);
  const load = async (after?: number) => {
    const page = await rest.rooms(after ? { after } : {});
    setRooms((known) => (after ? [...(known ?? []), ...page.rooms] : page.rooms));
    setNext(page.next ?? null);
  };
  useEffect(() => { void attempt(() => load()); }, []);

  const change = (work: () => Promise<unknown>) => void attempt(async () => {
    await work();
    setEditing(null);
    await load();
  });
  return (
    <>
    <Table label="Rooms" columns={["Name", "ID", "Slow mode", "Actions"]} loaded={rooms !== null} empty="No rooms yet.">
      {(rooms ?? []).map((room) => (
        <tr key={room.uid}>
          <td>
            <strong>{room.name}</strong>
            {room.description && <p class="quiet">{room.description}</p>}
            {editing === room.uid && <Edit room={room} onSave={(patch) => change(() => rest.patchRoom(room.uid, patch))} onClose={() => setEditing(null)} />}
          </td>
          <td class="mono">{room.uid}</td>
          <td>{room.slowMode ? `${room.slowMode} s` : "off"}</td>
          <td>
            <div class="row">
              <a class="button small" href={`../embed.html?${new URLSearchParams({ room: room.uid, ...elsewhere })}`} target="_blank" rel="noopener">Open</a>
              <button class="button small" aria-expanded={editing === room.uid} onClick={() => setEditing(editing === room.uid ? null : room.uid)}>Edit</button>
              <ConfirmButton question={`Delete all messages in ${room.name}?`} onConfirm={() => change(() => rest.purge(room.uid))}>Delete messages</ConfirmButton>
              <ConfirmButton question={`Permanently delete ${room.name}?`} onConfirm={() => change(() => rest.deleteRoom(room.uid))}>Delete</ConfirmButton>
            </div>
          </td>
        </tr>
      ))}
    </Table>
    {next !== null && <button class="button" onClick={() => void attempt(() => load(next))}>Load more</button>}
    </>
  );
}

interface EditProps { room: Room; onSave: (patch: { name: string; description: string; slow_mode: number }) => void; onClose: () => void }

function Edit({ room, onSave, onClose }: EditProps) {
  const [name, setName] = useState(room.name);
  const [description, setDescription] = useState(room.description ?? "");
  const [slow, setSlow] = useState(String(room.slowMode));
  return (
    <form class="edit" aria-label={`Edit ${room.name}`} onSubmit={(event) => { event.preventDefault(); onSave({ name, description, slow_mode: Number(slow) }); }}>
      <Field label="Name" value={name} onInput={setName} required />
      <Field label="Description" value={description} onInput={setDescription} />
      <Field label="Slow mode in seconds (0: off)" type="number" value={slow} onInput={setSlow} />
      <div class="row">
        <button class="button small primary">Save</button>
        <button class="button small" type="button" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}
