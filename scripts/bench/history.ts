import { copyFile, mkdir, readFile, utimes, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { monthSpan, nextMonth } from "../../src/schema/periods.ts";
import { generateAzure, generateCur } from "./bills.ts";

/** How long a history of two exports is. */
export interface HistorySize {
  readonly months: number;
  /** Rows of each delivery. */
  readonly rows: number;
  /** Deliveries of the Azure export in each month: the last one is loaded. */
  readonly azureRuns: number;
}

/**
 * Writes the buckets of an AWS export and an Azure export, `aws_cur` and `azure_billing`, and a `billhouse.toml` beside
 * them, for the months before 2026-09. All object times are in the past.
 */
export async function generateHistory(folder: string, { months, rows, azureRuns }: HistorySize): Promise<void> {
  const [aws, azure] = [join(folder, "aws"), join(folder, "azure")];
  for (const month of monthsBefore("2026-09", months)) {
    await generateCur(aws, { rows, files: 1, month, more: 10, filled: 60 });
    const { files } = await generateAzure(azure, { rows, files: 1, month });
    for (let run = 1; run < azureRuns; run += 1) await copyRun(files, month, run);
  }
  const section = (name: string, bucket: string, prefix: string): string =>
    `[sources.${name}]\nbucket_url = "${bucket}"\nprefix = "${prefix}"\n`;
  const text = [section("aws_cur", aws, "cur/bench"), section("azure_billing", azure, "exports/bench")].join("\n");
  await writeFile(join(folder, "billhouse.toml"), text);
}

/** The months before one, the oldest first. */
function monthsBefore(last: string, count: number): readonly string[] {
  const [year = 0, month = 0] = last.split("-").map(Number);
  return Array.from({ length: count }, (_, index) =>
    new Date(Date.UTC(year, month - 1 - count + index, 1)).toISOString().slice(0, 7),
  );
}

/** Copies the last run of a month as an earlier run of the same days: the runs of a month are submitted day by day. */
async function copyRun(files: readonly string[], month: string, run: number): Promise<void> {
  const source = dirname(files[0] ?? "");
  const submitted = `${month}-${String(Math.min(run, 28)).padStart(2, "0")}`;
  const hour = String(Math.max(0, run - 28)).padStart(2, "0");
  const id = `00000000-0000-0000-0000-${String(run).padStart(12, "0")}`;
  const time = `${submitted.replaceAll("-", "")}${hour}00`;
  const target = join(dirname(dirname(source)), time, id);
  await mkdir(target, { recursive: true });
  const newest = await readFile(join(source, "manifest.json"), "utf8");
  const [newestTime, newestId] = [basename(dirname(source)), basename(source)];
  const manifest = newest
    .replaceAll(`${newestTime}/${newestId}`, `${time}/${id}`)
    .replaceAll(newestId, id)
    .replace(`${monthSpan(nextMonth(month)).start}T04:00:42Z`, `${submitted}T${hour}:00:42Z`);
  await writeFile(join(target, "manifest.json"), manifest);
  for (const file of files) await copyFile(file, join(target, basename(file)));
  const past = new Date(Date.now() - 5 * 86_400_000);
  for (const name of ["manifest.json", ...files.map((file) => basename(file))]) {
    await utimes(join(target, name), past, past);
  }
}
