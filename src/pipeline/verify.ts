import type { Config } from "../config/config.ts";
import { BillhouseError } from "../errors.ts";
import type { BillingMonth } from "../model.ts";
import { difference, type MonthCheck } from "./verify/checks.ts";
import { rereadMonth } from "./verify/reread.ts";
import type { Check, VerifyResult } from "./events.ts";
import { reading } from "./inspect.ts";
import { readLoaded, type LoadedTable } from "./months/loaded.ts";
import { checkMonths, isSelected, selectPipelines, type MonthSelection } from "./months/select.ts";
import { filesOf, newerDeliveries } from "./verify/storage-checks.ts";
import { survey, type SurveyedWarehouse } from "./months/survey.ts";
import { heldAgainstReceipt, missingMonths, monthsWithoutTable, strayMonths } from "./verify/table-checks.ts";

/** What `verify` looks at. */
export interface VerifyOptions {
  readonly pipelines?: readonly string[];
  readonly months?: MonthSelection;
  /** Reads the files of every month again, whole. */
  readonly deep?: boolean;
  readonly signal?: AbortSignal;
  /** Told of each month that is about to be looked at. */
  readonly onMonth?: (pipeline: string, billingMonth: BillingMonth) => void;
}

/** What the warehouse told of one export, and what is to be asked of its storage. */
interface VerifiedTable {
  readonly name: string;
  readonly checks: readonly MonthCheck[];
  /** Null when the state or the table could not be read. */
  readonly loaded: LoadedTable | null;
  readonly asked: SurveyedWarehouse;
}

/**
 * Holds every table against its receipts (months, rows, costs) and the receipts against the storage (files, newer
 * deliveries, gaps). Changes nothing. A storage, a table or a state that cannot be looked at is a failed check, and the other
 * exports are looked at all the same. The warehouse is closed before a storage is asked: that may take hours, with `deep`.
 * Errors: CONFIG_INVALID, USAGE_INVALID, INTERRUPTED, and those of opening the warehouse.
 */
export async function verify(config: Config, options: VerifyOptions = {}): Promise<VerifyResult> {
  const pipelines = selectPipelines(config, options.pipelines);
  checkMonths(options.months ?? {});
  const tables = await reading(config, async (warehouse) => {
    const verified: VerifiedTable[] = [];
    for (const pipeline of pipelines) {
      const { name } = pipeline;
      const checks: MonthCheck[] = [];
      const reads: SurveyedWarehouse["reads"] = (...file) => warehouse.reads(...file);
      try {
        const loaded = await readLoaded(pipeline, warehouse);
        const asked = { ledger: async () => loaded.ledger, reads };
        const wanted = loaded.ledger.columns === null ? [] : wantedMonths(loaded, options);
        const isWanted = (month: BillingMonth): boolean => isSelected(month, pipeline, options.months ?? {});
        checks.push(...monthsWithoutTable(loaded, isWanted), ...(await strayMonths(loaded, warehouse, isWanted)));
        for (const month of wanted) {
          options.signal?.throwIfAborted();
          options.onMonth?.(name, month);
          checks.push(...(await heldAgainstReceipt(loaded, month, warehouse)));
        }
        checks.push(...missingMonths(loaded, options.months ?? {}));
        verified.push({ name, checks, loaded, asked });
      } catch (error) {
        checks.push(cannotLook("table", error, options.signal));
        verified.push({ name, checks, loaded: null, asked: { ledger: (table) => warehouse.ledger(table), reads } });
      }
    }
    return verified;
  });
  const checks: Check[] = [];
  for (const { name: pipeline, checks: own, loaded, asked } of tables) {
    checks.push(...own.map((check) => ({ pipeline, ...check })));
    if (loaded === null) continue;
    for await (const check of storageChecks(loaded, asked, options)) {
      options.signal?.throwIfAborted();
      checks.push({ pipeline, ...check });
    }
  }
  return { ok: checks.every(({ ok }) => ok), checks };
}

async function* storageChecks(
  loaded: LoadedTable,
  asked: SurveyedWarehouse,
  { months, signal, deep, onMonth }: VerifyOptions,
): AsyncGenerator<MonthCheck> {
  try {
    const found = await survey(loaded.pipeline, asked, {
      ...(months === undefined ? {} : { months }),
      ...(signal === undefined ? {} : { signal }),
    });
    for (const { billing_month: month, code, message } of found.failed) {
      yield difference("newest-delivery", month, "a delivery that can be loaded", `${code}: ${message}`);
    }
    yield* newerDeliveries(loaded, found);
    for (const month of wantedMonths(loaded, months === undefined ? {} : { months })) {
      const receipt = loaded.months.get(month)?.receipt ?? null;
      if (receipt?.files == null) continue;
      if (deep === true) onMonth?.(loaded.pipeline.name, month);
      const isThere = yield* filesOf(receipt, found, asked);
      if (deep === true && isThere) yield* rereadMonth(loaded, receipt, found, signal);
    }
  } catch (error) {
    yield cannotLook("storage", error, signal);
  }
}

function wantedMonths({ pipeline, months }: LoadedTable, options: Pick<VerifyOptions, "months">): BillingMonth[] {
  // Also what was loaded before `first_month` was set: it is in the table, and people add it up.
  const selected = { ...pipeline, firstMonth: null };
  return [...months.keys()].filter((month) => isSelected(month, selected, options.months ?? {})).toSorted();
}

function cannotLook(what: "table" | "storage", error: unknown, signal: AbortSignal | undefined): MonthCheck {
  if (!(error instanceof BillhouseError) || signal?.aborted === true) throw error;
  return difference(what, null, `a ${what} that can be looked at`, `${error.code}: ${error.message}`);
}
