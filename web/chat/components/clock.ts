/** A second hand for countdowns: it ticks only while something is being waited for. */
import { useEffect, useState } from "preact/hooks";
import { unitText } from "../i18n";

/** The seconds left until a moment, counted down while it lies ahead; Infinity stays as it is. */
export function useSecondsUntil(moment: number): number {
  const left = () => Math.max(0, Math.ceil((moment - Date.now()) / 1000));
  const [, tick] = useState(0);
  useEffect(() => {
    if (!Number.isFinite(moment) || left() === 0) return;
    const timer = setInterval(() => {
      tick((n) => n + 1);
      if (left() === 0) clearInterval(timer);
    }, 250);
    return () => clearInterval(timer);
  }, [moment]);
  return left();
}

/** 75 → "1:15", 9 → "9 sec", a day and more in words. */
export function spanText(seconds: number): string {
  if (seconds < 60) return unitText(seconds, "second");
  if (seconds < 86_400) {
    const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    const two = (n: number) => String(n).padStart(2, "0");
    return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
  }
  return unitText(Math.round(seconds / 86_400), "day", "long");
}
