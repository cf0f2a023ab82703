import { checkArguments, names, type Shape } from "../config/arguments.ts";
import type { Config, PipelineConfig } from "../config/config.ts";
import { BillhouseError } from "../errors.ts";
import type { Finding, StoredObject } from "../model.ts";
import { openStorage } from "../storages/index.ts";
import type { Storage } from "../storages/storage.ts";
import { requireCapability, type Warehouse } from "../warehouses/warehouse.ts";
import { discover } from "./discover/discover.ts";
import { filesOfFolder } from "./discover/folder.ts";
import { loadedElsewhere, type LoadedTable, measuredColumns, readLoaded } from "./months/loaded.ts";
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
  /** Checks of one subject follow each other. A failure that several exports share is reported once. */
  readonly checks: readonly DoctorCheck[];
}

/** One check. */
export interface DoctorCheck extends Finding {
  /** What the check is about: `configuration`, exports with the address of their bucket, the warehouse. */
  readonly subject: string;
  /** The exports that it concerns; empty for the configuration and the warehouse. */
  readonly exports: readonly string[];
}

/**
 * Checks everything that `run` requires: storages, exports, and the warehouse with its permissions. A failure is a finding
 * with its fix, and the checks continue. Leaves nothing behind.
 * Errors: CONFIG_INVALID, USAGE_INVALID.
 */
export async function doctor(config: Config, options: DoctorOptions = {}): Promise<DoctorResult> {
  checkArguments(config, options, doctorRules);
  const pipelines = await selectPipelines(config, options.pipelines);
  const file = passed(
    "file",
    `${config.file ?? "the environment alone"}, ${pipelines.map(({ name }) => name).join(", ")}`,
  );
  const ofExports: ExportFinding[] = [];
  for (const pipeline of pipelines) {
    for (const finding of await examineExport(pipeline)) ofExports.push({ pipeline, finding });
  }
  const { subject, findings, source } = await examineWarehouse(config, pipelines);
  const checks: readonly DoctorCheck[] = [
    { subject: "configuration", exports: [], ...file },
    ...byCause(ofExports),
    ...findings.map((finding) => ({ subject, exports: [], ...finding })),
  ];
  return { ...source, ok: checks.every(({ ok }) => ok), checks };
}

interface ExportFinding {
  readonly pipeline: PipelineConfig;
  readonly finding: Finding;
}

/** The findings of exports: what works export by export, then each failure once, with all exports that have it. */
function byCause(found: readonly ExportFinding[]): readonly DoctorCheck[] {
  const good = found.filter(({ finding }) => finding.ok).map((one) => [one]);
  const failed = Map.groupBy(
    found.filter(({ finding }) => !finding.ok),
    ({ finding: { check, found: what, remedy } }) => JSON.stringify([check, what, remedy]),
  );
  return [...good, ...failed.values()].flatMap((group): DoctorCheck[] => {
    const [first] = group;
    if (first === undefined) return [];
    const exports = group.map(({ pipeline }) => pipeline.name);
    const places = [...new Set(group.map(({ pipeline }) => pipeline.bucketUrl))];
    return [{ subject: `${exports.join(", ")}: ${places.join(", ")}`, exports, ...first.finding }];
  });
}

const doctorRules: Shape<DoctorOptions> = { pipelines: names };

async function examineExport(pipeline: PipelineConfig): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const failed = await attempt("access", async () => {
    const storage = await openStorage(pipeline.bucketUrl, pipeline.storage);
    const identity = await storage.identity();
    if (identity !== null) findings.push(passed("identity", identity));
    const object = await firstObject(storage, pipeline.prefix);
    findings.push(passed("list", object === undefined ? "no object below the prefix" : "objects can be listed"));
    if (object !== undefined) {
      const range = { start: 0, end: 1 };
      for await (const _ of storage.read(object, range));
      findings.push(passed("read", "objects can be read"));
    }
    const { format, exportName, months, objects } = await discover(pipeline, storage);
    // The months of a folder without manifests are in its rows, which are not read for this.
    const [found, unit] =
      format.folder === undefined
        ? [months.size, "billing month"]
        : [filesOfFolder(objects, pipeline.prefix, format).length, "file"];
    const count = `${found} ${unit}${found === 1 ? "" : "s"}`;
    findings.push(passed("export", `${exportName} (${format.kind}), ${count}`));
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
      for (const pipeline of pipelines) findings.push(...(await examineTable(pipeline, warehouse)));
      return {};
    });
  });
  return { subject, findings: [...findings, ...failed], source };
}

async function examineTable(pipeline: PipelineConfig, warehouse: Warehouse): Promise<readonly Finding[]> {
  const loaded = await readLoaded(pipeline, warehouse);
  const elsewhere = loadedElsewhere(pipeline, loaded.ledger);
  if (elsewhere === null) return rowsWithoutPeriod(loaded, warehouse);
  return [{ check: "dataset", ok: false, found: elsewhere.message, remedy: elsewhere.hint }];
}

/** Rows that no load leaves behind, as in tables of other programs: billhouse replaces months, and never deletes them. */
async function rowsWithoutPeriod(loaded: LoadedTable, warehouse: Warehouse): Promise<readonly Finding[]> {
  if (warehouse.measuring === undefined) return [];
  const [newest = ""] = [...loaded.months.keys()].toSorted().toReversed();
  const { partitionColumn } = measuredColumns(loaded, newest);
  const rows = (await warehouse.measuring.monthsIn(loaded.table, partitionColumn)).get("") ?? 0;
  if (rows === 0) return [];
  const title = tableTitle(loaded.pipeline);
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

function passed(check: string, found: string): Finding {
  return { check, ok: true, found, remedy: null };
}
