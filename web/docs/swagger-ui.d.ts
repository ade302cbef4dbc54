/** The one call of Swagger UI that the docs page makes; the package brings no types. */
declare module "swagger-ui-dist/swagger-ui-es-bundle.js" {
  const SwaggerUI: (options: {
    url: string;
    dom_id: string;
    deepLinking?: boolean;
    docExpansion?: "list" | "full" | "none";
    tryItOutEnabled?: boolean;
    plugins?: (() => object)[];
  }) => void;
  export default SwaggerUI;
}
