/** The SDK in Node against the real server: its examples, and what a crash of the server does to a transcript. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { Realtime, Rest, type Session, Transcript } from "../sdk/src";
import { buildSdk, readmeExamples, runExample } from "../test/examples";
import { type Backend, startBackend } from "./backend";

let backend: Backend;
beforeAll(async () => {
  [backend] = await Promise.all([startBackend("browser"), buildSdk()]);
});
afterAll(() => backend?.remove());

const rest = (session?: Session) => new Rest({ base: backend.url, token: () => session?.token ?? null });

it("every_example_of_the_readme_prints_what_it_says", async () => {
  for (const example of await readmeExamples()) expect(await runExample(example, backend.url), `example ${example.title}`).toBe(example.output);
});

describe("a crash of the server", () => {
  it("leaves_the_transcripts_of_all_viewers_and_all_rooms_equal_to_the_history", async () => {
    const ann = await rest().loginAsGuest();
    const rooms = await Promise.all(["One", "Two"].map(async (name) => (await rest(ann).createRoom({ name })).room.uid));
    const viewers = [ann, await rest().loginAsGuest(), null].map((session) => {
      const realtime = new Realtime({ url: backend.url, token: session?.token ?? null, WebSocket });
      const transcripts = rooms.map((room) => new Transcript(realtime, room));
      realtime.connect();
      return { realtime, transcripts };
    });
    const [writer, other] = viewers;
    const said: string[] = [];
    const say = (who: typeof writer, text: string) => {
      said.push(text);
      return Promise.all(who!.transcripts.map((transcript) => transcript.send(text)));
    };
    for (let i = 0; i < 10; i++) await say(i % 2 ? writer : other, `before ${i}`);
    const underWay = [say(writer, "while it dies"), say(other, "while it dies too")];
    await backend.kill();
    const offline = say(writer, "while it is away");
    expect(writer!.transcripts[0]!.pending.map(({ text }) => text)).toContain("while it is away");
    await backend.restart();
    for (const { realtime } of viewers) if (realtime.state.name === "waiting") realtime.connect();
    await Promise.all([...underWay, offline]);
    await say(other, "after");

    for (const [i, room] of rooms.entries()) {
      const { messages } = await rest().messages(room, { limit: 100 });
      expect(messages.map(({ message }) => message).sort()).toEqual([...said].sort());
      for (const { transcripts } of viewers) {
        await expect.poll(() => transcripts[i]!.messages.map(({ id }) => id), { timeout: 30_000 }).toEqual(messages.map(({ id }) => id));
        await expect.poll(() => transcripts[i]!.pending, { timeout: 30_000 }).toEqual([]);
      }
    }
    for (const { realtime } of viewers) realtime.close();
  });
});

it("a_login_that_ends_elsewhere_makes_the_client_nobody_and_it_reads_on", async () => {
  const session = await rest().loginAsGuest();
  const { room } = await rest(session).createRoom({ name: "Lounge" });
  const realtime = new Realtime({ url: backend.url, token: session.token, WebSocket });
  const transcript = new Transcript(realtime, room.uid);
  const ended = new Promise((resolve) => realtime.listen((event) => { if (event.type === "token" && event.token === null) resolve(event.reason?.code); }));
  realtime.connect();
  await expect.poll(() => transcript.me?.uid, { timeout: 30_000 }).toBe(session.user.uid);
  await rest(session).logout();
  await ended;
  await rest(await rest().loginAsGuest()).postMessage({ room: room.uid, message: "still here?" });
  await expect.poll(() => transcript.messages.at(-1)?.message, { timeout: 30_000 }).toBe("still here?");
  expect(transcript.me).toBeNull();
  realtime.close();
});
