/** What axe finds wrong with a page as it stands, for those who do not see it or use no mouse. What is in frames is theirs to test. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";
import { expect } from "vitest";

const source = readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Result { violations: { id: string; nodes: { target: string[]; failureSummary?: string }[] }[] }
type Axe = { axe: { run(root: Document, options: object): Promise<Result> } };

/** Fails with a line for each violation. */
export async function expectAccessible(page: Page, state: string): Promise<void> {
  await page.evaluate(await source);
  // What is half faded in has half its contrast. What moves for ever, such as the rain of the stream page, is not waited for.
  await page.evaluate(() => Promise.all(document.getAnimations()
    .filter(({ effect }) => Number.isFinite(effect?.getComputedTiming().endTime))
    .map((animation) => animation.finished.catch(() => {}))));
  const { violations } = await page.evaluate(() => (window as unknown as Axe).axe.run(document, { iframes: false, resultTypes: ["violations"] }));
  const found = violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")} ${failureSummary ?? ""}`));
  expect(found, state).toEqual([]);
}
