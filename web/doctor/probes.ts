/** The doctor's instruments: what can be seen from where this page stands. Each gives a fact, none throws. */
import { parseFrame } from "../sdk/src";
import { socketAddress } from "../shared/server";
import type { FramingHeaders } from "./ancestors";
import type { StorageFacts } from "./findings";

const patience = 15_000;

/** The headers that decide about frames, as they arrive here; null when the page cannot be fetched. */
export async function framingHeaders(room: string): Promise<FramingHeaders | null> {
  try {
    const { headers } = await fetch(`embed.html?room=${encodeURIComponent(room)}`, { cache: "no-store" });
    return { policy: headers.get("Content-Security-Policy"), xFrameOptions: headers.get("X-Frame-Options") };
  } catch {
    return null;
  }
}

/** Whether a WebSocket comes through to the server: it is open, and the server has spoken. */
export function socketSpeaks(server: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = new WebSocket(socketAddress(server), ["banter.v1"]);
    const end = (spoke: boolean) => {
      clearTimeout(timer);
      socket.onclose = socket.onmessage = null;
      socket.close();
      resolve(spoke);
    };
    const timer = setTimeout(() => end(false), patience);
    socket.onclose = () => end(false);
    socket.onmessage = ({ data }) => end(parseFrame(String(data))?.event === "welcome");
  });
}

/** Whether the chat in this frame says that it is ready. */
export function frameAnswers(frame: HTMLIFrameElement): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (ready: boolean) => {
      clearTimeout(timer);
      removeEventListener("message", hear);
      resolve(ready);
    };
    const hear = ({ source, origin, data }: MessageEvent<unknown>) => {
      if (source === frame.contentWindow && origin === location.origin && typeof data === "object" && data && "ready" in data) end(true);
    };
    const timer = setTimeout(() => end(false), patience);
    addEventListener("message", hear);
  });
}

export async function storageFacts(): Promise<StorageFacts> {
  const framed = parent !== window;
  return { framed, storage: hasStorage(), shared: !framed || await isShared() };
}

function hasStorage(): boolean {
  try {
    localStorage.getItem("chat_token");
    return true;
  } catch {
    return false;
  }
}

/** Browsers without the question keep it apart as well. */
async function isShared(): Promise<boolean> {
  return (await document.hasStorageAccess?.().catch(() => false)) ?? false;
}

/** The origin of the page that frames us, as far as the browser tells; null when none does. */
export function parentOrigin(): string | null {
  if (parent === window) return null;
  const said = location.ancestorOrigins?.[0] || document.referrer;
  return URL.canParse(said) ? new URL(said).origin : null;
}
