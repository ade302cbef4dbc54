/** The API reference (/docs/): Swagger UI, bundled here, over the server's own OpenAPI document. */
import "swagger-ui-dist/swagger-ui.css";
import "./docs.css";
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";
import { serverAddress } from "../shared/server";

const server = serverAddress();

/** Calls go to the server that the document came from, also under a path that the document does not name. */
const atServer = () => ({
  statePlugins: { spec: { wrapActions: { updateJsonSpec: (update: (document: object) => void) => (document: object) => update({ ...document, servers: [{ url: server }] }) } } },
});

SwaggerUI({
  url: `${server}/openapi.json`, dom_id: "#page", deepLinking: true, docExpansion: "list", tryItOutEnabled: true,
  plugins: server === new URL(server).origin ? [] : [atServer],
});
