/** The fake server's HTTP side: a table of routes over the world, and the built pages with the real server's policy header. */
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join } from "node:path";
import type { User } from "../../sdk/src";
import { Refusal, type World } from "./world";

export interface Call { world: World; me: string | null; body: Record<string, unknown>; query: URLSearchParams; part: string; connections: () => object[] }
type Route = [method: string, path: RegExp, status: number, answer: (call: Call) => object | null];

export const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss: http: https:; "
  + "img-src 'self' data:; frame-src 'self'";

const text = (value: unknown) => (typeof value === "string" ? value : "");
const self = ({ me }: Call): string => {
  if (me === null) throw new Refusal(401, "unauthorized", "Log in first.");
  return me;
};
const admin = (call: Call) => call.world.allow(self(call), null, "admin");

const routes: Route[] = [
  ["POST", /^\/users\/register$/, 201, ({ world, body }) => world.register(text(body.username), text(body.password))],
  ["POST", /^\/users\/login$/, 200, ({ world, body }) => (body.guest ? world.guest() : world.login(text(body.username), text(body.password)))],
  ["POST", /^\/users\/logout$/, 204, () => null],
  ["GET", /^\/me$/, 200, (call) => ({ user: call.world.accounts.get(self(call))!.user })],
  ["POST", /^\/me\/token$/, 200, (call) => call.world.signIn(self(call))],
  ["GET", /^\/random$/, 200, () => ({ name: `ann-${Math.floor(Math.random() * 9000) + 1000}`, password: "correct horse battery" })],
  ["GET", /^\/version$/, 200, () => ({ name: "banter", version: "0.0.0-fake" })],
  ["GET", /^\/openapi\.json$/, 200, () => ({ openapi: "3.1.0", info: { title: "Banter (fake)", version: "0" }, paths: { "/me": { get: { responses: { 200: { description: "Me" } } } } } })],
  ["GET", /^\/users$/, 200, (call) => {
    admin(call);
    const search = text(call.query.get("search")).toLowerCase();
    const users = [...call.world.accounts.values()].map((a) => a.user).filter((u) => u.displayName.toLowerCase().includes(search));
    return { users: users.slice(0, 50), next: null };
  }],
  ["PATCH", /^\/users\/([^/]+)$/, 200, (call) => {
    if (call.part !== self(call)) admin(call);
    const account = call.world.accounts.get(call.part)!;
    const { display_name, picture, roles } = call.body;
    const user: User = { ...account.user, displayName: text(display_name) || account.user.displayName, picture: text(picture) || null };
    if (Array.isArray(roles)) user.roles = ["registered", ...(roles as User["roles"])];
    account.user = user;
    return { user };
  }],
  ["DELETE", /^\/users\/([^/]+)$/, 204, (call) => { admin(call); call.world.accounts.delete(call.part); return null; }],
  ["GET", /^\/rooms$/, 200, (call) => ({ rooms: [...call.world.rooms.values()].filter((r) => { admin(call); return r; }).map((r) => r.room) })],
  ["POST", /^\/rooms$/, 201, (call) => ({ room: call.world.createRoom(self(call), text(call.body.name), text(call.body.description)).room })],
  ["GET", /^\/rooms\/([^/]+)$/, 200, ({ world, part }) => ({ room: world.find(part).room })],
  ["PATCH", /^\/rooms\/([^/]+)$/, 200, (call) => {
    const room = call.world.find(call.part);
    call.world.allow(self(call), room, "owner");
    const { name, description, slow_mode } = call.body;
    room.room = { ...room.room, name: text(name) || room.room.name, description: text(description), slowMode: Number(slow_mode ?? room.room.slowMode) };
    call.world.append(room, (seq) => ({ event: "room_updated", data: { room: room.room, seq } }));
    return { room: room.room };
  }],
  ["DELETE", /^\/rooms\/([^/]+)$/, 204, (call) => {
    call.world.allow(self(call), call.world.find(call.part), "owner");
    call.world.rooms.delete(call.part);
    call.world.publish(call.part, { event: "reset", data: { room: call.part, reason: "deleted" } });
    return null;
  }],
  ["GET", /^\/rooms\/([^/]+)\/messages$/, 200, ({ world, part }) => ({ room: world.find(part).room, messages: world.messages(world.find(part)), next: null })],
  ["GET", /^\/rooms\/([^/]+)\/moderators$/, 200, ({ world, part }) => {
    const room = world.find(part);
    return { moderators: [room.owner, ...room.mods].map((uid) => world.inRoom(room, uid)) };
  }],
  ["DELETE", /^\/rooms\/([^/]+)\/messages$/, 204, (call) => {
    const room = call.world.find(call.part);
    call.world.allow(self(call), room, "mod");
    call.world.append(room, (seq) => ({ event: "room_purged", data: { room: call.part, seq } }));
    return null;
  }],
  ["POST", /^\/messages$/, 201, (call) => ({ message: call.world.post(self(call), call.world.find(call.body.room), text(call.body.message), text(call.body.nonce)) })],
  ["DELETE", /^\/messages\/(\d+)$/, 204, (call) => { call.world.delete(self(call), Number(call.part)); return null; }],
  ["GET", /^\/bans$/, 200, (call) => {
    const room = call.query.get("room");
    call.world.allow(self(call), room ? call.world.find(room) : null, room ? "mod" : "admin");
    const view = (uid: string) => call.world.accounts.get(uid)?.user ?? null;
    return { bans: call.world.sanctions.filter((s) => s.room === room).map((s) => ({ ...s, user: view(s.user), by: view(s.by), network: null })) };
  }],
  ["POST", /^\/bans$/, 200, (call) => ({ ban: call.world.sanction(self(call), call.body as { user: string }) })],
  ["POST", /^\/unban$/, 200, (call) => { call.world.lift(self(call), call.body as { user: string }); return {}; }],
  ["GET", /^\/connections$/, 200, (call) => { admin(call); return { connections: call.connections() }; }],
];

export async function answer(world: World, request: IncomingMessage, response: ServerResponse, pages: string | null, connections: () => object[]): Promise<void> {
  const url = new URL(request.url ?? "/", "http://fake");
  const found = routes.find(([method, path]) => method === request.method && path.test(url.pathname));
  response.setHeader("Access-Control-Allow-Origin", "*");
  response.setHeader("Access-Control-Allow-Headers", "*");
  response.setHeader("Access-Control-Allow-Methods", "*");
  if (request.method === "OPTIONS") return void response.writeHead(204).end();
  if (!found) return page(pages, url.pathname, response);
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = chunks.length ? (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>) : {};
    const token = request.headers.authorization?.replace("Bearer ", "");
    const me = token === undefined ? null : world.holder(token)?.user.uid ?? null;
    if (token !== undefined && me === null) throw new Refusal(401, "token_ended", "This token is not valid any more.");
    const part = found[1].exec(url.pathname)?.[1] ?? "";
    json(response, found[2], found[3]({ world, me, body, query: url.searchParams, part, connections }));
  } catch (error) {
    const { problem } = error instanceof Refusal ? error : new Refusal(500, "internal", String(error));
    json(response, problem.status, problem);
  }
}

function json(response: ServerResponse, status: number, body: object | null): void {
  response.writeHead(status, { "Content-Type": status >= 400 ? "application/problem+json" : "application/json" }).end(body ? JSON.stringify(body) : undefined);
}

const types: Record<string, string> = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

async function page(pages: string | null, path: string, response: ServerResponse): Promise<void> {
  const file = path.endsWith("/") ? path + "index.html" : path;
  try {
    const content = await readFile(join(pages ?? "/nowhere", file));
    response.writeHead(200, { "Content-Type": types[extname(file)] ?? "application/octet-stream", "Content-Security-Policy": policy }).end(content);
  } catch {
    json(response, 404, new Refusal(404, "not_found", "There is nothing here.").problem);
  }
}
