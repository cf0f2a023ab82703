import pMap from "p-map";
import { BillhouseError, describeError } from "../../errors.ts";
import type { DataFile, Execution } from "../../model.ts";
import type { DeliveredHeader } from "../../schema/columns.ts";
import { fold } from "../../schema/names.ts";
import type { FailedMonth } from "../events.ts";
import { readHeader, verifyBytes, type FileHeader } from "../../files/read.ts";
import { smallReads, type Survey } from "../months/survey.ts";

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
 * yet, its whole file is verified before a table gets that column for ever. (Not a file that the warehouse reads by
 * itself: not to bring its bytes here is the point of that.)
 */
export async function readHeaders(
  survey: Survey,
  isReadElsewhere: (file: DataFile) => boolean,
): Promise<{ readonly months: readonly MonthHeaders[]; readonly failed: readonly FailedMonth[] }> {
  const { storage, format } = survey.discovery;
  const { unpackedLimit } = survey.pipeline;
  const keyOf = (name: string): string => (format.columns.caseSensitive ? name : fold(name));
  const known = new Set(
    [...Object.keys(format.columns.wellKnown), ...survey.ledger.registry.map(({ sourceName }) => sourceName)].map(
      keyOf,
    ),
  );
  const months: MonthHeaders[] = [];
  const failed: FailedMonth[] = [];
  for (const { action, execution } of survey.plans) {
    if ((action !== "new" && action !== "restated") || execution === null) continue;
    const declared = new Set(execution.columns.map(({ name }) => keyOf(name)));
    const isKnown = (name: string): boolean => known.has(keyOf(name)) || declared.has(keyOf(name));
    try {
      const headers = await pMap(
        execution.files,
        async (file) => {
          const header = await readHeader(storage, file, unpackedLimit);
          const isNews = file.format === "csv" && !header.columns.every(({ name }) => isKnown(name));
          if (isNews && !isReadElsewhere(file)) await verifyBytes(storage, file, unpackedLimit);
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

/** The header of a data file, with the types that its manifest declares. */
export function delivered(execution: Execution, { file, columns }: FileHeader): DeliveredHeader {
  // The header decides which columns there are, the manifest which type they have.
  const declared = new Map(execution.columns.map(({ name, type }) => [name, type]));
  return {
    executionId: execution.id,
    format: file.format,
    columns: columns.map(({ name, type }) => ({ name, type: type ?? declared.get(name) ?? null })),
  };
}

/**
 * The header of the newest loaded month, by which a table that somebody else made gets its registry; none when no
 * loaded month is in the storage any more. Errors: as `readHeader`.
 */
export async function loadedHeader(survey: Survey): Promise<readonly DeliveredHeader[]> {
  const { plans, loaded, discovery, pipeline } = survey;
  const execution = plans.find((plan) => plan.execution !== null && loaded.has(plan.billingMonth))?.execution;
  if (execution == null) return [];
  if (execution.columns.length > 0 && execution.format === "csv") {
    return [{ executionId: execution.id, format: "csv", columns: execution.columns }];
  }
  const [file] = execution.files;
  return file === undefined
    ? []
    : [delivered(execution, await readHeader(discovery.storage, file, pipeline.unpackedLimit))];
}
