import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { BillhouseError } from "../src/errors.ts";
import { readAgreed, type Agreed } from "../test/support/hostile/agreement.ts";
import { corpusFolder, corpusOf, readers, readInput } from "../test/support/hostile/inputs.ts";
import { mutate, numbersOf, oddCsv } from "../test/support/hostile/mutations.ts";

/*
 * Mutates stored manifests, CSV headers and Parquet files at random and reads them. A finding is an input that
 * throws anything but a BillhouseError, takes more than some seconds, fills memory or ends the process. It is
 * written to test/fixtures/fuzz/, with a sentence beside it; `npm test` reads all files there.
 *
 * CSV files of odd cells are read with billhouse's scanner, with DuckDB and, if installed, with Python: a file that
 * is not refused and in which a cell, or the sum of the last column, differs between them is a finding, too.
 *
 * Exits with 1 if there is one.
 *
 *   node scripts/test-fuzz.ts                      60 60 seconds, with a seed from the clock
 *   node scripts/test-fuzz.ts --seconds 300 --seed 7
 */

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 2 ** 32) },
    // The folder for the input of the reading process; only this script sets it.
    work: { type: "string" },
  },
});

/** An input is a finding if it takes longer, or the process uses more memory. */
const timeout = 5000;
const mostMemory = 1024 * 1024 * 1024;

if (options.work === undefined) await watch(Number(options.seconds), Number(options.seed));
else await read(options.work, Number(options.seconds), Number(options.seed));

/** Lets another process read, because an input can hang or end it; continues with the next seed after a finding. */
async function watch(seconds: number, seed: number): Promise<void> {
  const end = Date.now() + seconds * 1000;
  const work = await mkdtemp(join(tmpdir(), "billhouse-fuzz-"));
  let findings = 0;
  let inputs = 0;
  console.log(`seed ${seed}, ${seconds} seconds`);
  try {
    for (let turn = seed; Date.now() < end && findings < 20; turn += 1) {
      await writeFile(join(work, "input"), "");
      const words = ["--work", work, "--seconds", String(Math.ceil((end - Date.now()) / 1000)), "--seed", String(turn)];
      const script = fileURLToPath(import.meta.url);
      const child = spawn(process.execPath, ["--max-old-space-size=1024", script, ...words]);
      let [said, wrong] = ["", ""];
      child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (wrong = (wrong + text).slice(-4000)));
      const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
      const code = await Promise.race([ended, stalled(join(work, "input"))]);
      if (code === "stalled") child.kill("SIGKILL");
      await ended;
      inputs += Number(/(\d+) inputs\n$/.exec(said)?.[1] ?? 0);
      if (code === 0) break;
      findings += 1;
      const why =
        code === "stalled"
          ? `took more than ${timeout / 1000} seconds`
          : `ended with ${/^\w*(?:Error|FATAL).*$/m.exec(wrong)?.[0] ?? `code ${code}`}`;
      console.error(wrong);
      await keep(join(work, "input"), `Found with --seed ${turn}: it ${why}.\n`);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  console.log(`${inputs} inputs, ${findings} findings`);
  if (findings > 0) process.exitCode = 1;
}

/** Resolves when the input has not changed for too long. */
async function stalled(path: string): Promise<"stalled"> {
  for (;;) {
    await sleep(1000);
    const changed = await stat(path).catch(() => undefined);
    // A new process needs a moment to start.
    if (changed !== undefined && changed.size > 0 && Date.now() - changed.mtimeMs > timeout) return "stalled";
  }
}

async function keep(path: string, sentence: string): Promise<void> {
  const bytes = await readFile(path);
  const cut = bytes.indexOf(0x0a);
  const reader = bytes.subarray(0, cut).toString("utf8");
  const name = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
  const target = join(corpusFolder, reader, name);
  await writeFile(target, bytes.subarray(cut + 1));
  await writeFile(`${target}.txt`, sentence);
  console.error(`✖ ${target}\n${sentence}`);
}

/** Reads changed inputs until the time is up. An input that throws ends the process, which is the finding. */
async function read(work: string, seconds: number, seed: number): Promise<void> {
  const end = Date.now() + seconds * 1000;
  const next = numbersOf(seed);
  const names = Object.keys(readers);
  const corpora = new Map<string, readonly Buffer[]>();
  for (const name of names) corpora.set(name, [...(await corpusOf(name)).values()]);
  const witness = startPython();
  let inputs = 0;
  for (; Date.now() < end; inputs += 1) {
    const reader = next(2) === 0 ? "cells" : (names[next(names.length)] ?? "");
    const corpus = corpora.get(reader) ?? [];
    const [kept = Buffer.alloc(0), donor = Buffer.alloc(0)] = [
      corpus[next(corpus.length)],
      corpus[next(corpus.length)],
    ];
    const bytes = reader === "cells" && next(4) > 0 ? oddCsv(next) : mutate(kept, donor, next);
    writeFileSync(join(work, "input"), Buffer.concat([Buffer.from(`${reader}\n`), bytes]));
    if (reader === "cells") await readCells(bytes, witness);
    else await readInput(reader, bytes);
    const { rss } = process.memoryUsage();
    if (rss > mostMemory) throw new Error(`the process has ${Math.round(rss / 2 ** 20)} MB`);
  }
  witness?.end();
  console.log(`${inputs} inputs`);
}

async function readCells(bytes: Buffer, witness: Witness | null): Promise<void> {
  try {
    const agreed = await readAgreed(bytes);
    if (agreed !== null) await witness?.judge(agreed);
  } catch (error) {
    if (!(error instanceof BillhouseError)) throw error;
  }
}

/** Python, as one more reader of CSV and of decimals. */
interface Witness {
  /** Throws an Error if Python reads something else. */
  judge(agreed: Agreed): Promise<void>;
  end(): void;
}

/** Null without Python, which is reported once. */
function startPython(): Witness | null {
  const python = ["python3", "python"].find((name) => spawnSync(name, ["-c", "import csv, decimal"]).status === 0);
  if (python === undefined) {
    console.error("Python is missing: CSV is compared only between billhouse and DuckDB.");
    return null;
  }
  const child = spawn(python, [fileURLToPath(new URL("../test/witnesses/csv/judge.py", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async judge({ bytes, rows, sum }) {
      child.stdin.write(`${JSON.stringify({ bytes: bytes.toString("base64"), rows, sum })}\n`);
      const answer = await answers.next();
      const words: unknown = answer.done === true ? "Python ended" : JSON.parse(answer.value);
      if (words !== "same") throw new Error(String(words));
    },
    end: () => child.stdin.end(),
  };
}
