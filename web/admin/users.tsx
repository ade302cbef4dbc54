/** Users: find them, change name, picture, roles and password, ban them everywhere, delete them. */
import { useEffect, useState } from "preact/hooks";
import { en } from "../chat/lang/en";
import type { User, UserPatch } from "../sdk/src";
import { ConfirmButton, Field } from "../shared/ui";
import { attempt, rest } from "./store";
import { Table } from "./table";

type Page = { users: User[]; next?: number | null };

export function Users() {
  const [search, setSearch] = useState("");
  const [page, setPage] = useState<Page | null>(null);
  const [editing, setEditing] = useState<string | null>(null);
  const load = (after?: number) => attempt(async () => {
    const found = await rest.users({ search, limit: 50, ...(after ? { after } : {}) });
    setPage((before) => (after && before ? { ...found, users: [...before.users, ...found.users] } : found));
  });
  useEffect(() => { void load(); }, []);

  const change = (work: () => Promise<unknown>) => void attempt(async () => {
    await work();
    setEditing(null);
    await load();
  });
  return (
    <>
      <form class="bar" role="search" onSubmit={(event) => { event.preventDefault(); void load(); }}>
        <Field label="Find users by name" type="search" value={search} onInput={setSearch} />
        <button class="button">Find</button>
      </form>
      <Table label="Users" columns={["Name", "ID", "Roles", "Country", "Actions"]} loaded={page !== null} empty="No users found.">
        {(page?.users ?? []).map((user) => (
          <tr key={user.uid}>
            <td>
              <span class="person">{user.picture && <img src={user.picture} alt="" width="28" height="28" />}<strong>{user.displayName}</strong></span>
              {editing === user.uid && <Edit user={user} onSave={(patch) => change(() => rest.patchUser(user.uid, patch))} onClose={() => setEditing(null)} />}
            </td>
            <td class="mono">{user.uid}</td>
            <td>{user.roles.map((role) => (role === "site" ? "Site" : en[role])).join(", ")}</td>
            <td>{user.countryCode ?? "–"}</td>
            <td>
              <div class="row">
                <button class="button small" aria-expanded={editing === user.uid} onClick={() => setEditing(editing === user.uid ? null : user.uid)}>Edit</button>
                <ConfirmButton question={`Ban ${user.displayName} from the whole server?`} onConfirm={() => change(() => rest.sanction({ user: user.uid }))}>Ban</ConfirmButton>
                <ConfirmButton question={`Permanently delete ${user.displayName}?`} onConfirm={() => change(() => rest.deleteUser(user.uid))}>Delete</ConfirmButton>
              </div>
            </td>
          </tr>
        ))}
      </Table>
      {page?.next != null && <button class="button" onClick={() => void load(page.next!)}>Load more</button>}
    </>
  );
}

const grantable = ["super_mod", "admin"] as const;

function Edit({ user, onSave, onClose }: { user: User; onSave: (patch: UserPatch) => void; onClose: () => void }) {
  const [name, setName] = useState(user.displayName);
  const [picture, setPicture] = useState(user.picture ?? "");
  const [password, setPassword] = useState("");
  const [roles, setRoles] = useState(() => grantable.filter((role) => user.roles.includes(role)));
  const turn = (role: (typeof grantable)[number], on: boolean) => setRoles(on ? [...roles, role] : roles.filter((r) => r !== role));
  const save = (event: Event) => {
    event.preventDefault();
    const had = grantable.filter((role) => user.roles.includes(role));
    onSave({
      ...(name === user.displayName ? {} : { display_name: name }),
      ...(picture === (user.picture ?? "") ? {} : { picture: picture || null }),
      ...(password ? { password } : {}),
      ...([...roles].sort().join() === [...had].sort().join() ? {} : { roles }),
    });
  };
  return (
    <form class="edit" aria-label={`Edit ${user.displayName}`} onSubmit={save}>
      <Field label="Display name" value={name} onInput={setName} required />
      <Field label="Picture (address)" type="url" value={picture} onInput={setPicture} />
      <Field label="New password" type="password" value={password} onInput={setPassword} autocomplete="new-password" />
      <fieldset class="row">
        <legend class="quiet">Roles</legend>
        {grantable.map((role) => (
          <label key={role} class="check">
            <input type="checkbox" checked={roles.includes(role)} onChange={(event) => turn(role, event.currentTarget.checked)} /> {en[role]}
          </label>
        ))}
      </fieldset>
      <div class="row">
        <button class="button small primary">Save</button>
        <button class="button small" type="button" onClick={onClose}>Cancel</button>
      </div>
    </form>
  );
}
