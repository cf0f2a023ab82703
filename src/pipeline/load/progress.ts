import type { ReadBytes } from "../../files/decompress.ts";
import type { BillingMonth, DataFile } from "../../model.ts";
import type { ReplaceProgress } from "../../warehouses/warehouse.ts";
import type { LoadPhase, MonthProgress } from "../events.ts";

/** What is counted while a month is loaded. */
export interface MonthCounter extends ReplaceProgress {
  /** A reader of a file whose bytes are counted as they arrive. */
  reading(file: CountedFile, read: ReadBytes): ReadBytes;
  /** The whole file was read. */
  read(file: CountedFile): void;
  /** The month is proved; what is left is its commit. */
  committing(): void;
}

type CountedFile = Pick<DataFile, "key" | "size">;

/** The progress of one month, without its name. */
export type CountedMonth = Omit<MonthProgress, "event" | "name">;

/**
 * Shares of the work of a load, measured with 1,000,000 rows of CSV on two cores. Publishing comes after all months, and
 * is not part of one.
 */
const weights = { reading: 0.28, inserting: 0.69, checking: 0.02 } as const;

const phases: readonly LoadPhase[] = ["reading", "inserting", "checking", "committing"];

/** Milliseconds between two reports of one phase. */
const interval = 250;

/**
 * Counts the bytes of one month, and reports them at each change of phase and otherwise at most four times a second. A file
 * that the `warehouse` reads itself counts as read once it is loaded. No number decreases, and phases are reported in order.
 */
export function countMonth(
  billingMonth: BillingMonth,
  files: readonly { readonly file: CountedFile; readonly byWarehouse: boolean }[],
  report: (progress: CountedMonth) => void,
): MonthCounter {
  const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
  const byWarehouse = files.reduce((sum, each) => sum + (each.byWarehouse ? each.file.size : 0), 0);
  const readOf = new Map<string, number>();
  let readHere = 0;
  let inserted = 0;
  let jobs: MonthProgress["jobs"] = null;
  let phase: LoadPhase = "reading";
  let reported = -Infinity;

  const reportAt = (next: LoadPhase): void => {
    const isNew = phases.indexOf(next) > phases.indexOf(phase);
    const now = performance.now();
    if (!isNew && now - reported < interval) return;
    if (isNew) phase = next;
    reported = now;
    const bytesRead = Math.min(readHere + Math.min(inserted, byWarehouse), bytes);
    const partOf = (done: number): number => (bytes === 0 ? 0 : done / bytes);
    const share =
      weights.reading * partOf(bytesRead) +
      weights.inserting * partOf(inserted) +
      (phase === "committing" ? weights.checking : 0);
    report({ billingMonth, phase, bytesRead, bytesInserted: inserted, jobs, share });
  };

  const addRead = ({ key, size }: CountedFile, count: number): void => {
    const before = readOf.get(key) ?? 0;
    // A range can be read again, such as the directory of a zip archive.
    const now = Math.min(before + count, size);
    readOf.set(key, now);
    readHere += now - before;
    reportAt("reading");
  };

  return {
    reading: (file, read) => countBytes(read, (count) => addRead(file, count)),
    read: (file) => addRead(file, file.size),
    inserting(done) {
      inserted = Math.max(inserted, Math.min(done.bytes, bytes));
      jobs = done.jobs ?? jobs;
      reportAt("inserting");
    },
    checking() {
      inserted = bytes;
      reportAt("checking");
    },
    committing: () => reportAt("committing"),
  };
}

/** A reader that reports the number of bytes of every piece that it delivers. */
export function countBytes(read: ReadBytes, add: (bytes: number) => void): ReadBytes {
  return async function* (range) {
    for await (const piece of read(range)) {
      add(piece.length);
      yield piece;
    }
  };
}
