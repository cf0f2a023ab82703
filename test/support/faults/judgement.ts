import assert from "node:assert/strict";
import { errorCodes } from "../../../src/errors.ts";
import type { Books } from "./books.ts";
import { wholeMonths } from "./kills.ts";
import { months } from "./bills.ts";
import type { End, Fault, Outcome, Reference } from "./fault.ts";
import type { Ended } from "./runs.ts";
import type { World } from "./worlds.ts";

/** The books that a disturbed run left: each month old or new, whole, and nothing that does not fit together. */
export async function lookAtWhatIsLeft(world: World, fault: Fault, reference: Reference): Promise<Books | undefined> {
  const [left, read] = [await world.books(), await world.published()];
  if (fault.foreign === "loads") return left;
  for (const books of [left, read]) {
    assert.deepEqual(books?.faults ?? [], []);
    if (books !== undefined) wholeMonths(plain(books), plainReference(reference));
  }
  return left;
}

/** How a disturbed run ended, which must be a way that is allowed, and told as a person can use it. */
export function judge(ended: Ended, fault: Fault, left: Books | undefined, reference: Reference): Outcome {
  const { ends } = fault;
  const isDone = left !== undefined && differences(left, reference.undisturbed, fault).length === 0;
  const told = `${JSON.stringify(ended.problems)}\n${ended.stderr}`;
  const codes = [...new Set(ended.problems.map(({ code }) => code))];
  for (const { code, message, hint } of ended.problems) {
    assert.ok(errorCodes.includes(code as never), `${code} is a known code: ${told}`);
    assert.ok(message.length > 10 && /[.:]/u.test(message) && hint.length > 10, told);
  }
  const end = endOf(ended, isDone);
  assert.ok(
    end !== undefined && ends.includes(end),
    `the run ended ${end ?? "otherwise"} (exit code ${ended.code}, signal ${ended.signal}): ${told}`,
  );
  for (const pipeline of ended.finished?.pipelines ?? []) {
    if (pipeline.error !== undefined || end === "unseen") continue;
    const { loaded, unchanged, waiting, refused, failed } = pipeline;
    const named = [...loaded, ...unchanged, ...waiting, ...refused, ...failed].map((month) => month.billing_month);
    assert.deepEqual(named.toSorted(), months, "each month is told of");
  }
  return { end, codes };
}

function endOf({ code, signal, problems }: Ended, isDone: boolean): End | undefined {
  if (signal === "SIGKILL") return "killed";
  if (code === 130) return "stopped";
  if (code === 0) return isDone ? "at once" : "unseen";
  return (code === 1 || code === 3) && problems.length > 0 ? "told" : undefined;
}

/**
 * What must be true behind the next run: everything as if nothing had been, one more summary, readers see it, and nothing
 * lies around.
 */
export async function requireHealed(
  world: World,
  fault: Fault,
  { old, undisturbed }: Reference,
  left: Books | undefined,
): Promise<void> {
  const healed = await world.books();
  assert.ok(healed !== undefined);
  assert.deepEqual(healed.faults, []);
  assert.deepEqual(differences(healed, undisturbed, fault), []);
  for (const [table, count] of Object.entries(healed.summaries)) {
    const [before, most] = [left?.summaries[table] ?? 0, (old?.summaries[table] ?? 0) + 2];
    if (fault.foreign === undefined) assert.ok(count === before + 1 && count <= most, `${count} summaries`);
  }
  const seen = await world.published();
  // Readers may see the summary of a run that changed nothing later.
  if (seen !== undefined) assert.deepEqual({ ...seen, summaries: {} }, { ...healed, summaries: {} }, "the read copy");
  assert.deepEqual(await world.leftovers(), [], "nothing is left behind");
}

/** What books hold other than they should, in words; of receipts and columns only where the loads are all ours. */
function differences(found: Books, wished: Books, { foreign }: Fault): readonly string[] {
  const [books, wanted] = [plain(found), plain(wished)];
  const isOurs = foreign !== "loads";
  const keys = new Set([...Object.keys(books.months), ...Object.keys(wanted.months)]);
  const parts = ["rows", "hash", "entry", ...(isOurs ? (["receipts"] as const) : [])] as const;
  const other = [...keys].flatMap((key) =>
    parts.flatMap((part) => {
      const [is, should] = [books, wanted].map(({ months: held }) => JSON.stringify(held[key]?.[part]));
      return is === should ? [] : [`${part} of ${key}: ${part === "hash" ? "other rows" : `${is} and not ${should}`}`];
    }),
  );
  const lists = [books, wanted].map(({ columns, registry }) => JSON.stringify({ columns, registry }));
  return [...other, ...(isOurs && lists[0] !== lists[1] ? [`columns: ${lists.join(" and not ")}`] : [])];
}

function plainReference({ old, undisturbed }: Reference): { old: Books | undefined; undisturbed: Books } {
  return { old: old === undefined ? undefined : plain(old), undisturbed: plain(undisturbed) };
}

/** Books without the versions of files, which are each bucket's own. */
function plain(books: Books): Books {
  const receiptOf = (receipt: string): string => receipt.replaceAll(/\\"(?:version|replaced)\\":\\"[^"\\]*\\",?/gu, "");
  const all = Object.entries(books.months).map(([month, held]) => [
    month,
    { ...held, receipts: held.receipts.map(receiptOf) },
  ]);
  return { ...books, months: Object.fromEntries(all) as Books["months"] };
}
