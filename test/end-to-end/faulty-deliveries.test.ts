import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import type { ErrorCode } from "../../src/index.ts";
import { nextMonth } from "../../src/schema/periods.ts";
import { temporaryFolder } from "../support/folders.ts";
import {
  azureDelivery,
  azureParquetDelivery,
  azureRow,
  azureRows,
  curDelivery,
  curRow,
  curRows,
  deliver,
  withFile,
  type AzureOptions,
  type CurOptions,
  type Delivery,
  type Row,
} from "../support/deliveries.ts";
import {
  createProject,
  onlyResult,
  outcomes,
  runByCommand,
  runProject,
  snapshotLedger,
  snapshotMonths,
  textRows,
  type MonthSnapshot,
  type Project,
  type Sections,
} from "../support/projects.ts";

/** Three exports in one bucket and one database, so that one run meets every fault. */
const sections: Sections = {
  aws_cur: { bucket_url: "bucket", prefix: "cur" },
  azure_billing: { bucket_url: "bucket", prefix: "exports", export_name: "acme-actual" },
  azure_focus: { bucket_url: "bucket", prefix: "focus" },
};

type Section = "aws_cur" | "azure_billing" | "azure_focus";

const partitions: Readonly<Record<Section, string>> = {
  aws_cur: "bill_billing_period_start_date",
  azure_billing: "BillingPeriodStartDate",
  azure_focus: "BillingPeriodStart",
};

/** A delivery that must not be loaded. */
interface Fault {
  readonly section: Section;
  readonly code: ErrorCode;
  /** The delivery of a month; its last file is at fault. Where values are, the file before it is in the table by then. */
  readonly build: (month: string, scratch: string) => Delivery | Promise<Delivery>;
  /** What the message names, besides the file at fault. */
  readonly names?: readonly string[];
  /** Whether the message names the manifest instead of the file. */
  readonly byManifest?: boolean;
}

/** A row with a line break in a cell, so that lines are not rows: it takes the lines 2 and 3 of a file. */
const twoLines = { "lineItem/LineItemDescription": "first line\nsecond, of the same cell", Tags: '{"note": "a\nb"}' };

function cur(month: string, second: readonly Row[], more: Partial<CurOptions> = {}): Delivery {
  return curDelivery({ month, id: `bad-${month}`, files: [curRows(month, "1", "2"), second], ...more });
}

function azure(month: string, second: readonly Row[], more: Partial<AzureOptions> = {}): Delivery {
  const files = [azureRows(month, "1", "2"), second];
  return azureDelivery({ month, id: `bad-${month}`, files, ...newerRun(month), ...more, format: "csv.gz" });
}

function newerRun(month: string): { readonly pathTime: string } {
  return { pathTime: `${nextMonth(month).replace("-", "")}050042` };
}

/** A file whose bad row is on line 4. */
function curFault(code: ErrorCode, column: string, value: string, names: readonly string[] = []): Fault {
  const build = (month: string): Delivery => cur(month, [curRow(month, twoLines), curRow(month, { [column]: value })]);
  return { section: "aws_cur", code, build, names: ["line 4", column, ...names] };
}

function azureFault(code: ErrorCode, column: string, value: string, names: readonly string[] = []): Fault {
  const build = (month: string): Delivery =>
    azure(month, [azureRow(month, twoLines), azureRow(month, { [column]: value })]);
  return { section: "azure_billing", code, build, names: ["line 4", column, ...names] };
}

/** Rows enough for the packed bytes of a file to be more than its header's. */
function manyRows(month: string): Row[] {
  return Array.from({ length: 60 }, (_, index) =>
    curRow(month, {
      "identity/LineItemId": `id${(index * 7919).toString(36)}`,
      "lineItem/UnblendedCost": `${index}.5`,
    }),
  );
}

function damaged(change: (bytes: Buffer) => Uint8Array): Fault {
  return {
    section: "aws_cur",
    code: "FILE_CORRUPT",
    build: (month) => withFile(curDelivery({ month, id: `bad-${month}`, files: [manyRows(month)] }), 0, change),
  };
}

function withText(delivery: Delivery, change: (text: string) => string): Delivery {
  return withFile(delivery, 1, (bytes) => gzipSync(change(gunzipSync(bytes).toString())));
}

function flip(bytes: Buffer, at: number): Buffer {
  const position = at < 0 ? bytes.length + at : at;
  bytes[position] = (bytes[position] ?? 0) ^ 0x10;
  return bytes;
}

function twoMembers(bytes: Buffer): readonly [first: Buffer, second: Buffer] {
  const text = gunzipSync(bytes);
  const middle = text.indexOf("\n", text.length / 2) + 1;
  return [gzipSync(text.subarray(0, middle)), gzipSync(text.subarray(middle))];
}

function hostile(section: "aws_cur" | "azure_billing", key: (month: string) => string): Fault {
  return {
    section,
    code: "KEY_OUTSIDE_PREFIX",
    byManifest: true,
    build: (month) => {
      const honest = section === "aws_cur" ? cur(month, curRows(month, "1")) : azure(month, azureRows(month, "1"));
      const listedKeys = [honest.fileKeys[0] ?? "", key(month)];
      return section === "aws_cur"
        ? cur(month, curRows(month, "1"), { listedKeys })
        : azure(month, azureRows(month, "1"), { listedKeys });
    },
  };
}

function withManifest(delivery: Delivery, bytes: string): Delivery {
  return { ...delivery, objects: new Map([...delivery.objects, [delivery.manifestKey, Buffer.from(bytes)]]) };
}

const flips = [10, 12, 40, 120, 300, -30, -8, -4, -1];

const faults: Readonly<Record<string, Fault>> = {
  "a gzip file cut in half": damaged((bytes) => bytes.subarray(0, bytes.length / 2)),
  "a gzip file without its last byte": damaged((bytes) => bytes.subarray(0, -1)),
  "a gzip file without its trailer": damaged((bytes) => bytes.subarray(0, -8)),
  ...Object.fromEntries(
    flips.map((at) => [`a gzip file with one bit flipped at byte ${at}`, damaged((bytes) => flip(bytes, at))]),
  ),
  "a gzip file whose second member is cut": damaged((bytes) => {
    const [first, second] = twoMembers(bytes);
    return Buffer.concat([first, second.subarray(0, second.length / 2)]);
  }),
  "a gzip file whose second member begins with a flipped bit": damaged((bytes) => {
    const [first, second] = twoMembers(bytes);
    return Buffer.concat([first, flip(second, 0)]);
  }),
  "a gzip file with bytes behind its end": damaged((bytes) => Buffer.concat([bytes, Buffer.from("trailing garbage")])),
  "a gzip file with another one behind zeros": damaged((bytes) => {
    const [first, second] = twoMembers(bytes);
    return Buffer.concat([first, Buffer.alloc(512), second]);
  }),
  "a gzip file whose first byte is flipped": {
    ...damaged((bytes) => flip(bytes, 0)),
    code: "FILE_INVALID",
  },
  "a zip archive": { ...damaged(() => Buffer.from("PK\u0003\u0004, not a CSV\n")), code: "FILE_INVALID" },
  "a file of no bytes": { ...damaged(() => Buffer.alloc(0)), code: "FILE_INVALID" },

  "a cost that is not a number": curFault("VALUE_INVALID", "lineItem/UnblendedCost", "abc", ['"abc"']),
  "a quantity that is not a number": curFault("VALUE_INVALID", "lineItem/UsageAmount", "abc", ['"abc"']),
  "a time that does not exist": curFault("VALUE_INVALID", "lineItem/UsageStartDate", "2025-02-30T00:00:00Z", [
    '"2025-02-30T00:00:00Z"',
  ]),
  "a time that is none": curFault("VALUE_INVALID", "lineItem/UsageEndDate", "yesterday", ['"yesterday"']),
  "a billing period that is none": curFault("VALUE_INVALID", "bill/BillingPeriodStartDate", "soon", ['"soon"']),
  "a row of another month": {
    ...curFault("MONTH_MISMATCH", "bill/BillingPeriodStartDate", "2021-05-01T00:00:00Z"),
    byManifest: true,
    names: ["1 row of 2021-05", "USD"],
  },
  "a row with a cell too few": {
    section: "aws_cur",
    code: "FILE_INVALID",
    build: (month) =>
      withText(cur(month, [curRow(month, twoLines), ...curRows(month, "1")]), (text) =>
        text.replace(/,eu-central-1\n$/, "\n"),
      ),
    names: ["line 4", "16", "17"],
  },
  "a row with a cell too many": {
    section: "aws_cur",
    code: "FILE_INVALID",
    build: (month) =>
      withText(cur(month, [curRow(month, twoLines), ...curRows(month, "1")]), (text) => text.replace(/\n$/, ",more\n")),
    names: ["line 4", "18", "17"],
  },
  "a quoted cell that is never closed": {
    section: "aws_cur",
    code: "FILE_INVALID",
    build: (month) =>
      withText(cur(month, [curRow(month, twoLines), ...curRows(month, "1")]), (text) =>
        text.replace(/eu-central-1\n$/, '"eu-central-1\n'),
      ),
    names: ["line 4"],
  },
  "bytes that are not UTF-8": {
    section: "aws_cur",
    code: "FILE_INVALID",
    build: (month) =>
      withFile(cur(month, [curRow(month, twoLines), curRow(month, { "product/region": "@" })]), 1, (bytes) => {
        const text = gunzipSync(bytes);
        text[text.lastIndexOf("@")] = 0xfc;
        return gzipSync(text);
      }),
    names: ["line 4"],
  },
  "a key that climbs out of the bucket": hostile("aws_cur", () => "cur/../../../etc/passwd"),
  "a key that climbs behind its period": hostile(
    "aws_cur",
    (month) => `cur/acme-cur/${month.replace("-", "")}01-20300101/../../../secret.csv.gz`,
  ),
  "an absolute key": hostile("aws_cur", () => "/etc/passwd"),
  "a key of another bucket": hostile("aws_cur", () => "s3://somebody-else/cur/acme-cur/x.csv.gz"),
  "an address of this machine": hostile("aws_cur", () => "file:///etc/passwd"),
  "a manifest that names no execution": {
    section: "aws_cur",
    code: "MANIFEST_INVALID",
    byManifest: true,
    names: ["assemblyId"],
    build: (month) => withManifest(cur(month, curRows(month, "1")), '{"reportKeys": []}'),
  },

  "fewer rows than the manifest declares for a blob": {
    section: "azure_billing",
    code: "ROW_COUNT_MISMATCH",
    build: (month) => azure(month, azureRows(month, "1", "2"), { declared: { blobs: [2, 3] } }),
    names: ["2 rows", "declares 3"],
  },
  "more rows than the manifest declares for the run": {
    section: "azure_billing",
    code: "ROW_COUNT_MISMATCH",
    byManifest: true,
    build: (month) => azure(month, azureRows(month, "1", "2"), { declared: { total: 3, blobs: [null, null] } }),
    names: ["4 rows", "declares 3"],
  },
  "a gzip file that lost a whole member": {
    section: "azure_billing",
    code: "ROW_COUNT_MISMATCH",
    build: (month) => withFile(azure(month, azureRows(month, "1", "2", "3", "4")), 1, (bytes) => twoMembers(bytes)[0]),
    names: ["declares 4"],
  },
  "an Azure cost that is not a number": azureFault("VALUE_INVALID", "CostInBillingCurrency", "abc", ['"abc"']),
  "an Azure quantity that is not a number": azureFault("VALUE_INVALID", "Quantity", "1,5", ['"1,5"']),
  "an Azure date that does not exist": azureFault("VALUE_INVALID", "Date", "13/32/2025", ['"13/32/2025"']),
  "an Azure row of another month": {
    ...azureFault("MONTH_MISMATCH", "BillingPeriodStartDate", "05/01/2021"),
    byManifest: true,
    names: ["1 row of 2021-05", "EUR"],
  },
  "an Azure blob that climbs": hostile("azure_billing", () => "exports/../../secret.csv.gz"),
  "an absolute Azure blob": hostile("azure_billing", () => "/secret.csv.gz"),

  "a Parquet file that is cut": {
    section: "azure_focus",
    code: "FILE_CORRUPT",
    build: async (month, scratch) => withFile(await focus(month, scratch), 1, (bytes) => bytes.subarray(0, -20)),
  },
  "a Parquet file without its beginning": {
    section: "azure_focus",
    code: "FILE_CORRUPT",
    build: async (month, scratch) => withFile(await focus(month, scratch), 1, (bytes) => bytes.subarray(100)),
  },
  "a Parquet file whose pages are overwritten with zeros": {
    section: "azure_focus",
    code: "FILE_CORRUPT",
    build: async (month, scratch) => withFile(await focus(month, scratch), 1, (bytes) => bytes.fill(0, 4, 200)),
  },
  "a Parquet row of another month": {
    section: "azure_focus",
    code: "MONTH_MISMATCH",
    build: (month, scratch) =>
      focus(month, scratch, [azureRow(month), azureRow(month, { BillingPeriodStart: "2021-05-01T00:00:00Z" })]),
    byManifest: true,
    names: ["1 row of 2021-05", "EUR"],
  },
};

function focus(month: string, scratch: string, second: readonly Row[] = azureRows(month, "3", "4")): Promise<Delivery> {
  const files = [azureRows(month, "1", "2"), second];
  const where = { folder: "focus", exportName: "acme-focus" };
  return azureParquetDelivery({ month, id: `bad-${month}`, files, ...newerRun(month), ...where }, scratch);
}

/** A good delivery of a month for a section. */
function good(
  section: Section,
  month: string,
  id: string,
  scratch: string,
  newer = false,
): Delivery | Promise<Delivery> {
  if (section === "aws_cur") {
    return curDelivery({ month, id, files: [curRows(month, "0.1", "0.02")] });
  }
  const files = [azureRows(month, "0.1", "0.02")];
  const options = { month, id, files, ...(newer ? newerRun(month) : {}) };
  if (section === "azure_billing") return azureDelivery(options);
  return azureParquetDelivery({ ...options, folder: "focus", exportName: "acme-focus" }, scratch);
}

interface PlacedFault extends Fault {
  readonly name: string;
  readonly month: string;
}

/** Every fault has a month of its own; before them lie two months without fault. */
function placeFaults(): readonly PlacedFault[] {
  const next: Record<Section, string> = { aws_cur: "2018-01", azure_billing: "2018-01", azure_focus: "2018-01" };
  return Object.entries(faults).map(([name, fault]) => {
    const month = next[fault.section];
    next[fault.section] = nextMonth(month);
    return { ...fault, name, month };
  });
}

const steady = "2017-11";
const restated = "2017-12";
const sectionNames = Object.keys(partitions) as readonly Section[];

async function snapshots(project: Project): Promise<Record<Section, ReadonlyMap<string, MonthSnapshot>>> {
  const taken: [Section, ReadonlyMap<string, MonthSnapshot>][] = [];
  for (const section of sectionNames) {
    taken.push([section, await snapshotMonths(project, `billing_data.${section}_data`, partitions[section])]);
  }
  return Object.fromEntries(taken) as Record<Section, ReadonlyMap<string, MonthSnapshot>>;
}

async function ledgers(project: Project): Promise<unknown> {
  const taken: unknown[] = [];
  for (const section of sectionNames) taken.push(await snapshotLedger(project, `billing_data.${section}_data`));
  return taken;
}

describe("deliveries at fault", { concurrency: 2 }, () => {
  for (const variant of ["first load", "restatement"] as const) {
    test(`${variant}: each fails its month, and everything else continues`, async (t) => {
      const scratch = await temporaryFolder(t);
      const project = await createProject(t, sections);
      const placed = placeFaults();
      for (const section of sectionNames) {
        await deliver(project.bucket, await good(section, steady, "steady", scratch));
        await deliver(project.bucket, await good(section, restated, "older", scratch));
      }
      if (variant === "restatement") {
        for (const { section, month } of placed) {
          await deliver(project.bucket, await good(section, month, `good-${month}`, scratch));
        }
      }
      const { finished: firstRun } = await runProject(project);
      assert.deepEqual(
        firstRun.pipelines.flatMap(({ failed, error }) => [...failed, ...(error ? [error] : [])]),
        [],
      );
      const before = await snapshots(project);
      const columns = await tableColumns(project);

      const keys = new Map<string, Delivery>();
      for (const fault of placed) {
        const delivery = await fault.build(fault.month, scratch);
        keys.set(fault.name, delivery);
        await deliver(project.bucket, delivery);
      }
      for (const section of sectionNames) {
        await deliver(project.bucket, await good(section, restated, "newer", scratch, true));
      }
      const { code, finished } = await runByCommand(project);
      const after = await snapshots(project);

      await t.test("the run ends with 3, and names no month that is not at fault", () => {
        assert.equal(code, 3);
        for (const section of sectionNames) {
          const result = onlyResult(finished, section);
          assert.equal(result.error, undefined);
          assert.deepEqual(
            result.failed.map(({ billingMonth }) => billingMonth).toSorted(),
            placed.filter((fault) => fault.section === section).map(({ month }) => month),
          );
        }
      });

      for (const fault of placed) {
        await t.test(`${fault.name}: ${fault.code}`, () => {
          const failure = onlyResult(finished, fault.section).failed.find(
            (failed) => failed.billingMonth === fault.month,
          );
          assert.ok(failure, "the month is reported as failed");
          assert.equal(failure.code, fault.code, failure.message);
          const delivery = keys.get(fault.name);
          const file = fault.byManifest ? [] : [delivery?.fileKeys.at(-1) ?? ""];
          const manifest = fault.byManifest && fault.code !== "ROW_COUNT_MISMATCH" ? [delivery?.manifestKey ?? ""] : [];
          for (const named of [...file, ...manifest, ...(fault.names ?? [])]) {
            assert.ok(failure.message.includes(named), `"${failure.message}" names ${named}`);
          }
          assert.match(failure.hint, /\.$|: billhouse run \S/, "a sentence, or a command to copy");
          assert.deepEqual(after[fault.section].get(fault.month), before[fault.section].get(fault.month));
          assert.equal(before[fault.section].get(fault.month) !== undefined, variant === "restatement");
        });
      }

      await t.test("the other months are restated, or not changed", () => {
        for (const section of sectionNames) {
          const result = onlyResult(finished, section);
          assert.deepEqual(outcomes({ ...result, failed: [] }), [
            `${steady} unchanged steady`,
            `${restated} restated newer`,
          ]);
          assert.deepEqual(after[section].get(steady), before[section].get(steady));
        }
      });

      await t.test("no file that was never proved has left a column behind", async () => {
        assert.deepEqual(await tableColumns(project), columns);
      });

      if (variant === "first load") return;
      await t.test("a run in which every month fails leaves state, loads and tracking as they are", async () => {
        const ledger = await ledgers(project);
        const again = await runProject(project);
        assert.equal(again.finished.pipelines.flatMap(({ loaded }) => loaded).length, 0);
        assert.equal(again.finished.pipelines.flatMap(({ failed }) => failed).length, placed.length);
        assert.deepEqual(await ledgers(project), ledger);
        assert.deepEqual(await snapshots(project), after);
      });

      await t.test("a month is loaded once it is delivered well", async () => {
        const healed = placed.filter(({ month }) => month === "2018-01");
        for (const { section, month } of healed) {
          await deliver(project.bucket, await good(section, month, `bad-${month}`, scratch, true));
        }
        const { finished } = await runProject(project, { months: { only: ["2018-01"] } });
        assert.deepEqual(
          finished.pipelines.map(outcomes),
          sectionNames.map(() => [`2018-01 ${variant === "restatement" ? "restated" : "new"} bad-2018-01`]),
        );
      });
    });
  }
});

async function tableColumns(project: Project): Promise<string[]> {
  return textRows(
    project,
    "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'billing_data' AND table_name LIKE '%\\_data' ESCAPE '\\' ORDER BY ALL",
  );
}
