/** Who may frame a page, as its headers say it: the part of CSP and X-Frame-Options that browsers go by. */

export interface FramingHeaders { policy: string | null; xFrameOptions: string | null }

/** `silent`: no header speaks of it, so anybody may. `header` is what decided. */
export type Framing = { allowed: boolean; by: "silent" } | { allowed: boolean; by: "policy" | "x-frame-options"; header: string };

/** Whether pages of `site` may frame a page of `self` that answered with these headers. */
export function framing({ policy, xFrameOptions }: FramingHeaders, site: string, self: string): Framing {
  const lists = (policy ?? "").split(",").flatMap((one) => {
    const directive = one.split(";").map((part) => part.trim().split(/\s+/)).find(([name]) => name?.toLowerCase() === "frame-ancestors");
    return directive ? [directive.slice(1)] : [];
  });
  if (lists.length) {
    const refusing = lists.find((sources) => !sources.some((source) => matches(source, site, self)));
    return { allowed: !refusing, by: "policy", header: `frame-ancestors ${(refusing ?? lists[0]!).join(" ")}` };
  }
  const word = xFrameOptions?.trim().toUpperCase();
  if (word === "DENY" || word === "SAMEORIGIN") {
    return { allowed: word === "SAMEORIGIN" && site === self, by: "x-frame-options", header: `X-Frame-Options: ${word}` };
  }
  return { allowed: true, by: "silent" };
}

/** Whether one source of a list covers an origin. A source of http covers https as well, never the other way round. */
export function matches(source: string, origin: string, self: string): boolean {
  const site = new URL(origin);
  const word = source.toLowerCase();
  if (word === "'none'") return false;
  if (word === "'self'") return site.origin === new URL(self).origin;
  if (word === "*") return /^https?:$/.test(site.protocol);
  const [, scheme, host, port] = /^(?:([a-z][a-z0-9+.-]*):(?:\/\/)?)?([^/:]+)?(?::(\d+|\*))?\/?$/.exec(word) ?? [];
  const wanted = scheme ?? new URL(self).protocol.slice(0, -1);
  if (site.protocol !== `${wanted}:` && !(wanted === "http" && site.protocol === "https:")) return false;
  if (!host) return scheme !== undefined;
  const isHost = host.startsWith("*.") ? site.hostname.endsWith(host.slice(1)) : site.hostname === host;
  const usual = (protocol: string) => (protocol === "https:" ? "443" : "80");
  const actual = site.port || usual(site.protocol);
  return isHost && (port === "*" || actual === (port ?? usual(site.protocol)));
}
