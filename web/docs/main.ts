/** The API reference (/docs/): Swagger UI, bundled here, over the server's own OpenAPI document. */
import "swagger-ui-dist/swagger-ui.css";
import "./docs.css";
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";
import { serverAddress } from "../shared/server";

SwaggerUI({ url: `${serverAddress()}/openapi.json`, dom_id: "#page", deepLinking: true, docExpansion: "list", tryItOutEnabled: true });
