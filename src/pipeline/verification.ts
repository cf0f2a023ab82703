import type { Config, PipelineConfig } from "../config.ts";
import { BillhouseError } from "../errors.ts";
import type { BillingMonth, Receipt } from "../model.ts";
import { monthsOf } from "../schema/periods.ts";
import type { Warehouse } from "../warehouses/warehouse.ts";
import { difference, same, sameSums, type MonthCheck } from "./checks.ts";
import { rereadMonth } from "./deep.ts";
import type { Check, VerifyResult } from "./events.ts";
import { reading } from "./inspect.ts";
import { measuredColumns, readLoaded, type LoadedTable } from "./loaded.ts";
import { checkMonths, isSelected, selectPipelines, type MonthSelection } from "./select.ts";
import { survey, type Survey } from "./survey.ts";

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

/**
 * Holds every table against its receipts (months, rows, costs) and the receipts against the storage (files, newer
 * deliveries, gaps). Changes nothing. A storage or a state that cannot be looked at is a failed check.
 * Errors: CONFIG_INVALID, USAGE_INVALID, INTERRUPTED, and those of opening the warehouse.
 */
export async function verify(config: Config, options: VerifyOptions = {}): Promise<VerifyResult> {
  const pipelines = selectPipelines(config, options.pipelines);
  checkMonths(options.months ?? {});
  return reading(config, async (warehouse) => {
    const checks: Check[] = [];
    for (const pipeline of pipelines) {
      for await (const finding of findings(pipeline, warehouse, options)) {
        options.signal?.throwIfAborted();
        checks.push({ pipeline: pipeline.name, ...finding });
      }
    }
    return { ok: checks.every(({ ok }) => ok), checks };
  });
}

async function* findings(
  pipeline: PipelineConfig,
  warehouse: Warehouse,
  options: VerifyOptions,
): AsyncGenerator<MonthCheck> {
  const isWanted = (month: BillingMonth): boolean => isSelected(month, pipeline, options.months ?? {});
  const loaded = await readLoaded(pipeline, warehouse);
  const months = [...loaded.months.keys()].toSorted();
  const wanted = months.filter(isWanted);
  yield* strayMonths(loaded, warehouse, isWanted);
  for (const month of wanted) {
    options.onMonth?.(pipeline.name, month);
    yield* heldAgainstReceipt(loaded, month, warehouse);
  }
  const [first = "", last = ""] = [months.at(0), months.at(-1)];
  const gaps = first === "" ? [] : monthsOf({ start: `${first}-01`, end: `${last}-01` });
  for (const month of gaps.filter((each) => !loaded.months.has(each) && isWanted(each))) {
    yield difference("missing-month", month, "loaded, as the months around it", "nothing is loaded");
  }
  let found: Survey;
  try {
    const { signal, months: selection } = options;
    found = await survey(pipeline, warehouse, {
      ledger: loaded.ledger,
      ...(selection === undefined ? {} : { months: selection }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (!(error instanceof BillhouseError) || options.signal?.aborted === true) throw error;
    yield difference("storage", null, "the storage of the export", `${error.code}: ${error.message}`);
    return;
  }
  for (const failed of found.failed) {
    yield difference(
      "newest-delivery",
      failed.billing_month,
      "a delivery that can be loaded",
      `${failed.code}: ${failed.message}`,
    );
  }
  yield* newerDeliveries(loaded, found);
  for (const month of wanted) {
    const receipt = loaded.months.get(month)?.receipt ?? null;
    if (receipt?.files == null) continue;
    yield* filesOf(receipt, found);
    if (options.deep === true) yield* rereadMonth(loaded, receipt, found, options.signal);
  }
}

/** Months of which the table holds rows and nobody knows a load. */
async function* strayMonths(
  loaded: LoadedTable,
  warehouse: Warehouse,
  isWanted: (month: BillingMonth) => boolean,
): AsyncGenerator<MonthCheck> {
  const [newest] = [...loaded.months.keys()].toSorted().toReversed();
  const { partitionColumn } = measuredColumns(loaded, newest ?? "");
  const inTable = await warehouse.monthsIn(loaded.table, partitionColumn);
  let strays = 0;
  for (const [month, rows] of inTable) {
    if (month !== "" && (loaded.months.has(month) || !isWanted(month))) continue;
    const isKnown = loaded.ledger.receipts.some(({ billingMonth }) => billingMonth === month);
    const reason = isKnown ? "a month that the state has forgotten" : "no load of such rows";
    strays += 1;
    yield difference("months", month === "" ? null : month, `0 rows (${reason})`, count(rows));
  }
  if (strays === 0 && inTable.size > 0)
    yield same("months", null, "rows of loaded months only", "rows of loaded months only");
}

/** Rows and costs of one month, held against its receipt; and the receipt against the state and the delivered text. */
async function* heldAgainstReceipt(
  loaded: LoadedTable,
  month: BillingMonth,
  warehouse: Warehouse,
): AsyncGenerator<MonthCheck> {
  const entry = loaded.months.get(month);
  const newest = loaded.ledger.receipts.find(({ billingMonth }) => billingMonth === month);
  const receipt = entry?.receipt ?? null;
  yield same("state", month, newest?.executionId ?? "no receipt", entry?.ids.at(-1) ?? "");
  if (receipt === null) return;
  const measures = await warehouse.measureMonth(measuredColumns(loaded, month));
  yield same("rows", month, count(receipt.rows), count(measures.rows));
  yield* sameSums("cost", month, receipt.tableCost, measures.sums[0]);
  yield* sameSums("effective-cost", month, receipt.tableEffectiveCost, measures.sums[1]);
  if (receipt.summary === null) return;
  const lines = new Map(measures.summary.map((line) => [lineName(line), line.cost]));
  const before = new Map(receipt.summary.map((line) => [lineName(line), line.cost]));
  const differing = [...new Set([...before.keys(), ...lines.keys()])].filter(
    (key) => before.get(key) !== lines.get(key),
  );
  const tell = (costs: ReadonlyMap<string, string>): string =>
    differing.length === 0
      ? `${costs.size} lines`
      : differing
          .slice(0, 3)
          .map((key) => `${key}: ${costs.get(key) ?? "0"}`)
          .join("; ");
  yield {
    name: "summary",
    billing_month: month,
    ok: differing.length === 0,
    expected: tell(before),
    actual: tell(lines),
  };
}

function lineName({ service, account, charge_type, currency }: NonNullable<Receipt["summary"]>[number]): string {
  return [service ?? "no service", account ?? "no account", charge_type ?? "no charge type", currency].join(" / ");
}

/** Deliveries in the storage that are not what is loaded. What was refused on purpose is no difference. */
function* newerDeliveries(loaded: LoadedTable, { plans }: Survey): Generator<MonthCheck> {
  for (const { billingMonth, action, execution, reason } of plans) {
    if (action === "refused") continue;
    const current = loaded.months.get(billingMonth)?.ids.at(-1) ?? "nothing";
    const isNewest = action === "unchanged";
    const found = isNewest
      ? (execution?.id ?? current)
      : `${execution?.id ?? "an empty manifest"} (${action}: ${reason})`;
    yield { name: "newest-delivery", billing_month: billingMonth, ok: isNewest, expected: found, actual: current };
  }
}

/** The files of a receipt, held against the listing. Where the plan found the very bytes that were loaded, versions may differ. */
function* filesOf(receipt: Receipt, { discovery, plans }: Survey): Generator<MonthCheck> {
  const { billingMonth, executionId } = receipt;
  const sameBytes = plans.some(
    (plan) => plan.billingMonth === billingMonth && plan.action === "unchanged" && plan.execution?.id === executionId,
  );
  const differing = (receipt.files ?? []).flatMap((file) => {
    const now = discovery.objects.get(file.key);
    const isSame =
      now !== undefined &&
      (now.version === file.version || sameBytes || (now.checksum !== undefined && now.checksum === file.checksum));
    return isSame ? [] : [{ file, now }];
  });
  const total = receipt.files?.length ?? 0;
  if (differing.length === 0) {
    yield same("files", billingMonth, `${total} files as loaded`, `${total} files as loaded`);
    return;
  }
  for (const { file, now } of differing) {
    const found = now === undefined ? "is gone" : `${now.size} bytes, version ${now.version}, written ${now.modified}`;
    yield difference(
      "files",
      billingMonth,
      `${file.key}: ${file.size} bytes, version ${file.version}`,
      `${file.key}: ${found}`,
    );
  }
}

function count(rows: number): string {
  return `${rows} rows`;
}
