import { checkArguments, names, type Shape } from "../config/arguments.ts";
import type { Config, PipelineConfig } from "../config/config.ts";
import { BillhouseError } from "../errors.ts";
import type { Finding, StoredObject } from "../model.ts";
import { openStorage } from "../storages/index.ts";
import type { Storage } from "../storages/storage.ts";
import { requireCapability, type Warehouse } from "../warehouses/warehouse.ts";
import { discover } from "./discover/discover.ts";
import { measuredColumns, readLoaded } from "./months/loaded.ts";
import { selectPipelines, tableOf, tableTitle } from "./months/select.ts";
import { type ReadSource, reading } from "./open.ts";

/** What `doctor` checks. */
export interface DoctorOptions {
  /** Sections, clouds, or `all`; none means all. */
  readonly pipelines?: readonly string[];
}

/** The answer of `doctor`. */
export interface DoctorResult extends ReadSource {
  /** Whether all checks passed. */
  readonly ok: boolean;
  readonly checks: readonly (Finding & {
    /** What the check is about: `configuration`, the address of a bucket, the warehouse. */
    readonly subject: string;
  })[];
}

/**
 * Checks everything that `run` requires: storages, exports, and the warehouse with its permissions. A failure is a finding
 * with its fix, and the checks continue. Leaves nothing behind.
 * Errors: CONFIG_INVALID, USAGE_INVALID.
 */
export async function doctor(config: Config, options: DoctorOptions = {}): Promise<DoctorResult> {
  checkArguments(config, options, doctorRules);
  const pipelines = await selectPipelines(config, options.pipelines);
  const checks: DoctorResult["checks"][number][] = [];
  const add = (subject: string, findings: readonly Finding[]): void => {
    for (const finding of findings) checks.push({ subject, ...finding });
  };
  add("configuration", [
    well("file", `${config.file ?? "the environment alone"}, ${pipelines.map(({ name }) => name).join(", ")}`),
  ]);
  for (const pipeline of pipelines) add(`${pipeline.name}: ${pipeline.bucketUrl}`, await examineExport(pipeline));
  const { subject, findings, source } = await examineWarehouse(config, pipelines);
  add(subject, findings);
  return { ...source, ok: checks.every(({ ok }) => ok), checks };
}

const doctorRules: Shape<DoctorOptions> = { pipelines: names };

async function examineExport(pipeline: PipelineConfig): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const failed = await attempt("access", async () => {
    const storage = await openStorage(pipeline.bucketUrl, pipeline.storage);
    const identity = await storage.identity();
    if (identity !== null) findings.push(well("identity", identity));
    const object = await firstObject(storage, pipeline.prefix);
    findings.push(well("list", object === undefined ? "no object below the prefix" : "objects can be listed"));
    if (object !== undefined) {
      const range = { start: 0, end: 1 };
      for await (const _ of storage.read(object, range));
      findings.push(well("read", "objects can be read"));
    }
    const { format, exportName, months } = await discover(pipeline, storage);
    findings.push(well("export", `${exportName} (${format.kind}), ${months.size} billing months`));
  });
  return [...findings, ...failed];
}

async function firstObject(storage: Storage, prefix: string): Promise<StoredObject | undefined> {
  for await (const object of storage.list(prefix)) return object;
  return undefined;
}

async function examineWarehouse(
  config: Config,
  pipelines: readonly PipelineConfig[],
): Promise<{ readonly subject: string; readonly findings: readonly Finding[]; readonly source: ReadSource }> {
  const findings: Finding[] = [];
  let subject: string = config.warehouse.kind;
  let source: ReadSource = { readFrom: "database", publishedAt: null, lockedBy: null };
  const failed = await attempt("open", async () => {
    source = await reading(config, async (warehouse) => {
      subject = warehouse.description;
      findings.push(...(await requireCapability(warehouse, "doctor")(pipelines.map((pipeline) => tableOf(pipeline)))));
      for (const pipeline of pipelines) findings.push(...(await rowsWithoutPeriod(pipeline, warehouse)));
      return {};
    });
  });
  return { subject, findings: [...findings, ...failed], source };
}

/** Rows that no load leaves behind, as in tables of other programs: billhouse replaces months, and never deletes them. */
async function rowsWithoutPeriod(pipeline: PipelineConfig, warehouse: Warehouse): Promise<readonly Finding[]> {
  if (warehouse.measuring === undefined) return [];
  const loaded = await readLoaded(pipeline, warehouse);
  const [newest = ""] = [...loaded.months.keys()].toSorted().toReversed();
  const { partitionColumn } = measuredColumns(loaded, newest);
  const rows = (await warehouse.measuring.monthsIn(loaded.table, partitionColumn)).get("") ?? 0;
  if (rows === 0) return [];
  const title = tableTitle(pipeline);
  return [
    {
      check: "billing periods",
      ok: false,
      found: `${rows} ${rows === 1 ? "row" : "rows"} of ${title} without a ${partitionColumn}, which belong to no month`,
      remedy: `Look at them with billhouse query "SELECT * FROM ${title} WHERE ${partitionColumn} IS NULL", then give them a month or delete them.`,
    },
  ];
}

/** The finding of an attempt that fails; none when it succeeds. */
async function attempt(check: string, work: () => Promise<void>): Promise<readonly Finding[]> {
  try {
    await work();
    return [];
  } catch (error) {
    if (!(error instanceof BillhouseError)) throw error;
    return [{ check, ok: false, found: error.message, remedy: error.hint }];
  }
}

function well(check: string, found: string): Finding {
  return { check, ok: true, found, remedy: null };
}
