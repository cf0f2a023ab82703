import { BillhouseError } from "../../../errors.ts";
import { invalidValue } from "../../../schema/invalid-rows.ts";
import type { MonthReplacement } from "../../warehouse.ts";
import { isNested } from "../sql/casts.ts";
import { fileOf, positionOf, textOf } from "./file-failures.ts";
import { runNewJob } from "../api/jobs.ts";
import { monthCondition, type PeriodColumn } from "../sql/months.ts";
import { createParameters } from "../api/parameters.ts";
import { askForParts, part, type QuerySettings } from "../api/statements.ts";
import { type Refusal, refusalOf } from "../api/api-error.ts";
import { columnFor, relationOf, type Staged, type StagedColumn, tableValue, titleOfGroup } from "./sources.ts";
import { loadConfiguration } from "./staging.ts";
import { dropTable, nativeTypeOf } from "../api/tables.ts";

/** A column with values that do not fit. */
interface Misfit {
  readonly column: StagedColumn;
  /** One of the values. */
  readonly value: string;
  readonly rows: number;
}

/**
 * The error that a person can act on for the first value in a staging table that does not fit its column: VALUE_INVALID.
 * Undefined when all of them fit.
 */
export async function findMisfit(
  settings: QuerySettings,
  staged: Staged,
  replacement: MonthReplacement,
  period: PeriodColumn,
  location: string,
): Promise<BillhouseError | undefined> {
  const [misfit] = await listMisfits(settings, staged, replacement, period, location);
  if (misfit === undefined) return undefined;
  const { column, value, rows } = misfit;
  const place = await placeOf(settings, staged, replacement, misfit, location);
  const inColumn = `column "${column.sourceName}"`;
  const where = place === undefined ? `${titleOfGroup(staged)}, ${inColumn}` : `${place}, ${inColumn}`;
  return invalidValue(where, value, `a valid ${column.nativeType}`, { rows });
}

async function listMisfits(
  settings: QuerySettings,
  staged: Staged,
  { stamped, spansMonths, billingMonth, table }: MonthReplacement,
  period: PeriodColumn,
  location: string,
): Promise<readonly Misfit[]> {
  const parameters = createParameters();
  const suspects = staged.columns.filter(
    ({ nativeType, field }) => nativeType !== "STRING" && nativeType !== nativeTypeOf(field),
  );
  if (suspects.length === 0) return [];
  const cells = suspects.flatMap((column, index) => {
    const { value } = column;
    const isWrong = `${value} IS NOT NULL AND ${tableValue(column, "SAFE_CAST", parameters)} IS NULL`;
    const text = isNested(column.field) ? `TO_JSON_STRING(${value})` : `CAST(${value} AS STRING)`;
    return [
      [`count${index}`, `COUNTIF(${isWrong})`],
      [`value${index}`, `MIN(IF(${isWrong}, ${text}, NULL))`],
    ] as const;
  });
  const month = stamped ? undefined : columnFor(staged.columns, period.name);
  const moment = month === undefined ? undefined : tableValue(month, "SAFE_CAST", parameters);
  // Rows of other months are not loaded, whatever they hold.
  const inMonth =
    spansMonths && moment !== undefined
      ? ` WHERE ${moment} IS NULL OR ${monthCondition(moment, period, billingMonth)}`
      : "";
  const sql = part("misfits", Object.fromEntries(cells), `${relationOf([staged])}${inMonth}`);
  const labels = { billhouse: "verify", table: table.name, month: billingMonth };
  const row = (await askForParts(settings, { sql, parameters, location, labels })).get("misfits")?.[0] ?? {};
  return suspects.flatMap((column, index) => {
    const rows = Number(row[`count${index}`] ?? 0);
    return rows === 0 ? [] : [{ column, rows, value: row[`value${index}`] ?? "" }];
  });
}

/**
 * File and byte of a value, learned from a load that takes its column by its type and stops there; undefined when that
 * load stops elsewhere, because BigQuery reads fewer forms than we do, or not at all. Only CSV tells places.
 */
async function placeOf(
  settings: QuerySettings,
  staged: Staged,
  replacement: MonthReplacement,
  { column, value }: Misfit,
  location: string,
): Promise<string | undefined> {
  if (staged.files[0]?.mapped.file.format !== "csv") return undefined;
  const table = { ...staged.table, tableId: `${staged.table.tableId}_diagnosis` };
  const typed = { position: column.position, type: column.nativeType.replace(/\(.*/, "") };
  const configuration = loadConfiguration(settings, staged, replacement, table, typed);
  try {
    await runNewJob(settings.connection, "diagnosis", { location, configuration });
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    const position = positionOf(refusal);
    if (position === undefined || !isAbout(refusal, value)) return undefined;
    return `${fileOf(refusal, staged) ?? titleOfGroup(staged)}, byte ${position}`;
  } finally {
    await dropTable(settings.connection, table).catch(() => undefined);
  }
  return undefined;
}

function isAbout(refusal: Refusal, value: string): boolean {
  return textOf(refusal).includes(value.slice(0, 50));
}
