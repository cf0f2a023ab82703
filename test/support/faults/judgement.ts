import assert from "node:assert/strict";
import { errorCodes } from "../../../src/errors.ts";
import type { Books } from "./books.ts";
import { months } from "./bills.ts";
import type { End, Fault, Outcome } from "./fault.ts";
import type { Reference } from "./scenarios.ts";
import type { Ended } from "./runs.ts";
import type { World } from "./worlds.ts";

/** What a disturbed run left. */
export interface Left {
  readonly books: Books | undefined;
  /** Months that are as the run leaves them, of those that it changes: `1 of 2`. */
  readonly changed: string;
  /** The same for readers; `nothing` when they lost what they had. */
  readonly published: string;
}

/**
 * Looks at what a disturbed run left: each month old or new, whole, and nothing that does not fit together. Where another
 * took tables away by hand (`foreign`), there is nothing to compare with.
 */
export async function lookAtWhatIsLeft(world: World, reference: Reference, foreign?: Fault["foreign"]): Promise<Left> {
  const [left, read] = [await world.books(), await world.published()];
  if (foreign === "loads") return { books: left, changed: "", published: "" };
  assert.deepEqual(left?.faults ?? [], []);
  assert.deepEqual(read?.faults ?? [], []);
  const published = read === undefined && reference.old !== undefined ? "nothing" : wholeMonths(read, reference);
  return { books: left, changed: wholeMonths(left, reference), published };
}

/** How many of the months that the run changes are as it leaves them. Throws when another one is not as it was before. */
function wholeMonths(found: Books | undefined, reference: Reference): string {
  const { old, undisturbed } = reference;
  const [before, now, after] = [old, found, undisturbed].map((books) =>
    books === undefined ? {} : plain(books, reference).months,
  );
  const months = Object.keys(undisturbed.months);
  for (const month of Object.keys(now ?? {})) assert.ok(months.includes(month), `${month} was not requested`);
  let [changing, changed] = [0, 0];
  for (const month of months) {
    const [was, is, willBe] = [before, now, after].map((each) => JSON.stringify(each?.[month]));
    if (is !== was && is !== willBe) assert.fail(`${month} is neither old nor new:\n${was}\n${is}\n${willBe}`);
    if (was === willBe) continue;
    changing += 1;
    if (is === willBe) changed += 1;
  }
  return `${changed} of ${changing}`;
}

/** How a disturbed run ended, which must be an allowed end with a usable error. */
export function judge(ended: Ended, fault: Fault, left: Books | undefined, reference: Reference): Outcome {
  const { ends } = fault;
  const isDone = left !== undefined && differences(left, reference, fault.foreign).length === 0;
  const report = `${JSON.stringify(ended.problems)}\n${ended.stderr}`;
  const codes = [...new Set(ended.problems.map(({ code }) => code))];
  for (const { code, message, hint } of ended.problems) {
    assert.ok(errorCodes.includes(code as never), `${code} is a known code: ${report}`);
    assert.ok(message.length > 10 && /[.:]/u.test(message) && hint.length > 10, report);
  }
  const end = endOf(ended, isDone);
  assert.ok(
    end !== undefined && ends.includes(end),
    `the run ended ${end ?? "otherwise"} (exit code ${ended.code}, signal ${ended.signal}): ${report}`,
  );
  for (const pipeline of ended.finished?.pipelines ?? []) {
    if (pipeline.error !== undefined || end === "unseen") continue;
    const { loaded, unchanged, waiting, refused, failed } = pipeline;
    const named = [...loaded, ...unchanged, ...waiting, ...refused, ...failed].map((month) => month.billingMonth);
    assert.deepEqual(named.toSorted(), months, "each month is reported");
  }
  return { end, codes };
}

function endOf({ code, signal, problems }: Ended, isDone: boolean): End | undefined {
  if (signal === "SIGKILL") return "killed";
  if (code === 130) return "stopped";
  if (code === 0) return isDone ? "at once" : "unseen";
  return (code === 1 || code === 3) && problems.length > 0 ? "reported" : undefined;
}

/**
 * What must be true after the next run: everything as if nothing had happened, readers see it, and there are no leftovers.
 * `summaries` are the run summaries that a table must have, where it is known.
 */
export async function requireHealed(
  world: World,
  reference: Reference,
  summaries: (table: string) => number | undefined,
  foreign?: Fault["foreign"],
): Promise<void> {
  const healed = await world.books();
  assert.ok(healed !== undefined);
  assert.deepEqual(healed.faults, []);
  assert.deepEqual(differences(healed, reference, foreign), []);
  for (const [table, count] of Object.entries(healed.summaries)) {
    assert.equal(count, summaries(table) ?? count, `summaries of ${table}`);
  }
  const seen = await world.published();
  // Readers may see the summary of a run that changed nothing later.
  if (seen !== undefined) assert.deepEqual({ ...seen, summaries: {} }, { ...healed, summaries: {} }, "the read copy");
  assert.deepEqual(await world.leftovers(), [], "nothing is left behind");
}

/** What books hold other than they should, in words; of receipts and columns only where the loads are all ours. */
function differences(found: Books, reference: Reference, foreign: Fault["foreign"]): readonly string[] {
  const [books, wanted] = [plain(found, reference), plain(reference.undisturbed, reference)];
  const isOurs = foreign !== "loads";
  const keys = new Set([...Object.keys(books.months), ...Object.keys(wanted.months)]);
  const parts = ["rows", "hash", "entry", ...(isOurs ? (["receipts"] as const) : [])] as const;
  const other = [...keys].flatMap((key) =>
    parts.flatMap((part) => {
      const [is, should] = [books, wanted].map(({ months: held }) => JSON.stringify(held[key]?.[part]));
      return is === should ? [] : [`${part} of ${key}: ${part === "hash" ? "other rows" : `${is} and not ${should}`}`];
    }),
  );
  const lists = [books, wanted].map(({ tables, columns, registry }) => JSON.stringify({ tables, columns, registry }));
  return [...other, ...(isOurs && lists[0] !== lists[1] ? [`tables and columns: ${lists.join(" and not ")}`] : [])];
}

/** Books without the versions and times of files and manifests, where each project has its own. */
function plain(books: Books, { ownVersions }: Reference): Books {
  if (!ownVersions) return books;
  const own = /\\"(?:version|replaced|manifest_version|made)\\":\\"[^"\\]*\\",?/gu;
  const receiptOf = (receipt: string): string => receipt.replaceAll(own, "");
  const all = Object.entries(books.months).map(([month, held]) => [
    month,
    { ...held, receipts: held.receipts.map(receiptOf) },
  ]);
  return { ...books, months: Object.fromEntries(all) as Books["months"] };
}
