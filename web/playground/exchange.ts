/** One HTTP exchange, as it went over the wire: recorded around fetch, and as a curl line to copy. */

export interface Exchange {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string | null;
  /** null: no answer came. */
  response: { status: number; statusText: string; headers: [string, string][]; body: string; took: number } | null;
}

/** A fetch that reports each exchange once it is over. */
export function recorder(report: (exchange: Exchange) => void) {
  return async (url: string, init: RequestInit): Promise<Response> => {
    const asked: Exchange = {
      method: init.method ?? "GET", url, headers: init.headers as Record<string, string>,
      body: typeof init.body === "string" ? init.body : null, response: null,
    };
    const begun = performance.now();
    try {
      const response = await fetch(url, init);
      const body = await response.clone().text();
      const { status, statusText } = response;
      report({ ...asked, response: { status, statusText, headers: [...response.headers], body, took: Math.round(performance.now() - begun) } });
      return response;
    } catch (error) {
      report(asked);
      throw error;
    }
  };
}

export function curl({ method, url, headers, body }: Exchange): string {
  const parts = [`curl -X ${method} ${quoted(url)}`];
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (body !== null) parts.push(`--data ${quoted(body)}`);
  return parts.join(" \\\n  ");
}

export function requestText({ method, url, headers, body }: Exchange): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`${method} ${url}`, ...lines, ...(body === null ? [] : ["", indented(body)])].join("\n");
}

export function responseText({ response }: Exchange): string {
  if (!response) return "No response: the server cannot be reached, or it does not allow this page.";
  return [`${response.status} ${response.statusText}`.trim(), ...(response.body ? ["", indented(response.body)] : [])].join("\n");
}

/** The headers of the response that a page may see. */
export function headersText({ response }: Exchange): string {
  return (response?.headers ?? []).map(([name, value]) => `${name}: ${value}`).join("\n");
}

/** JSON is indented for reading; anything else stays as it is. */
function indented(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
