import type { BillingMonth, ReceiptFile } from "../../model.ts";

/** How far `verify` is. */
export interface VerifyProgress {
  readonly name: string;
  readonly billingMonth: BillingMonth;
  /** `comparing` tables with receipts, then, with `deep`, `reading` the files of all months again. */
  readonly phase: "comparing" | "reading";
  /** What was read again, of what is to be read; 0 while tables are compared. */
  readonly months: { readonly done: number; readonly total: number };
  readonly files: { readonly done: number; readonly total: number };
  /** As delivered. */
  readonly bytes: { readonly done: number; readonly total: number };
}

/** What is counted while tables are verified. */
export interface VerifyCounter {
  comparing(this: void, name: string, billingMonth: BillingMonth): void;
  /** All files that will be read again, by month. */
  expect(this: void, months: readonly (readonly ReceiptFile[])[]): void;
  reading(this: void, name: string, billingMonth: BillingMonth): void;
  add(this: void, bytes: number): void;
  read(this: void, file: Pick<ReceiptFile, "size">): void;
  /** The month is done, also if not all of its files could be read. */
  finished(this: void, files: readonly Pick<ReceiptFile, "size">[]): void;
}

/** Milliseconds between two reports of one month. */
const interval = 250;

/** Counts what `verify` reads, and reports it at each month, and otherwise at most four times a second. */
export function countVerification(report: ((progress: VerifyProgress) => void) | undefined): VerifyCounter {
  const total = { months: 0, files: 0, bytes: 0 };
  // Of all finished months; and of the month, and of the file, that is read now.
  const finished = { months: 0, files: 0, bytes: 0 };
  let own = { files: 0, bytes: 0 };
  let ofFile = 0;
  let now: Pick<VerifyProgress, "name" | "billingMonth" | "phase"> | undefined;
  let reported = -Infinity;

  const reportNow = (): void => {
    if (now === undefined || report === undefined) return;
    reported = performance.now();
    report({
      ...now,
      months: { done: finished.months, total: total.months },
      files: { done: finished.files + own.files, total: total.files },
      bytes: { done: Math.min(finished.bytes + own.bytes + ofFile, total.bytes), total: total.bytes },
    });
  };
  const start = (phase: VerifyProgress["phase"], name: string, billingMonth: BillingMonth): void => {
    now = { name, billingMonth, phase };
    reportNow();
  };

  return {
    comparing: (name, billingMonth) => start("comparing", name, billingMonth),
    expect(months) {
      const files = months.flat();
      Object.assign(total, { months: months.length, files: files.length, bytes: bytesOf(files) });
    },
    reading: (name, billingMonth) => start("reading", name, billingMonth),
    add(bytes) {
      ofFile += bytes;
      if (performance.now() - reported >= interval) reportNow();
    },
    read({ size }) {
      own = { files: own.files + 1, bytes: own.bytes + size };
      ofFile = 0;
    },
    finished(files) {
      finished.months += 1;
      finished.files += files.length;
      finished.bytes += bytesOf(files);
      own = { files: 0, bytes: 0 };
      ofFile = 0;
      reportNow();
    },
  };
}

function bytesOf(files: readonly Pick<ReceiptFile, "size">[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
