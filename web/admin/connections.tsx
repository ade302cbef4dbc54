/** Open sockets: whose they are, where they read, since when; any of them can be closed. */
import { useEffect, useState } from "preact/hooks";
import type { Connection } from "../sdk/src";
import { ConfirmButton } from "../shared/ui";
import { attempt, rest } from "./store";
import { Table, When } from "./table";

export function Connections() {
  const [connections, setConnections] = useState<Connection[] | null>(null);
  const load = async () => setConnections((await rest.connections()).connections);
  useEffect(() => { void attempt(load); }, []);

  const close = (connection: Connection) => void attempt(async () => {
    await rest.disconnect(connection.id);
    await load();
  });
  return (
    <>
      <div class="bar"><button class="button" onClick={() => void attempt(load)}>Refresh</button></div>
      <Table label="Connections" columns={["ID", "User", "Rooms", "Since", "Actions"]} loaded={connections !== null} empty="No open connections.">
        {(connections ?? []).map((connection) => (
          <tr key={connection.id}>
            <td class="mono">{connection.id}</td>
            <td>{connection.user?.displayName ?? <span class="quiet">not logged in</span>}</td>
            <td class="mono">{connection.rooms.join(", ") || "–"}</td>
            <td><When at={connection.timestamp} /></td>
            <td><ConfirmButton question="Close this connection?" onConfirm={() => close(connection)}>Close</ConfirmButton></td>
          </tr>
        ))}
      </Table>
    </>
  );
}
