import pMap from "p-map";
import { BillhouseError, describeError } from "../errors.ts";
import type { Execution } from "../model.ts";
import type { FailedMonth } from "./events.ts";
import { readHeader, verifyBytes, type FileHeader } from "./read.ts";
import { smallReads, type Survey } from "./survey.ts";

/** A month to load, with the headers of its files. */
export interface MonthHeaders {
  readonly execution: Execution;
  readonly action: "new" | "restated";
  readonly headers: readonly FileHeader[];
}

/**
 * Reads the headers of all months that will be loaded, newest month first. A month whose header cannot be read is
 * failed, and the others go on.
 *
 * The first bytes of a damaged file can still look like a header. Where a CSV header names a column that nothing knows
 * yet, its whole file is verified before a table gets that column for ever.
 */
export async function readHeaders(
  survey: Survey,
): Promise<{ readonly months: readonly MonthHeaders[]; readonly failed: readonly FailedMonth[] }> {
  const { storage, format } = survey.discovery;
  const fold = (name: string): string => (format.columns.caseSensitive ? name : name.toLowerCase());
  const known = new Set(
    [...Object.keys(format.columns.wellKnown), ...survey.ledger.registry.map(({ sourceName }) => sourceName)].map(fold),
  );
  const months: MonthHeaders[] = [];
  const failed: FailedMonth[] = [];
  for (const { action, execution } of survey.plans) {
    if ((action !== "new" && action !== "restated") || execution === null) continue;
    const declared = new Set(execution.columns.map(({ name }) => fold(name)));
    const isKnown = (name: string): boolean => known.has(fold(name)) || declared.has(fold(name));
    try {
      const headers = await pMap(
        execution.files,
        async (file) => {
          const header = await readHeader(storage, file);
          const isNews = file.format === "csv" && !header.columns.every(({ name }) => isKnown(name));
          if (isNews) await verifyBytes(storage, file);
          return header;
        },
        { concurrency: smallReads },
      );
      months.push({ execution, action, headers });
    } catch (error) {
      if (!(error instanceof BillhouseError)) throw error;
      failed.push({ billing_month: execution.billingMonth, ...describeError(error) });
    }
  }
  return { months, failed };
}
