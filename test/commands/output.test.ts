import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { displayWidth, unbroken, wrapText } from "../../src/commands/output.ts";
import { alignSentences, fitRows, fitTable } from "../../src/commands/tables.ts";
import { curDelivery, curRows, deliver } from "../support/deliveries.ts";
import { temporaryFolder } from "../support/folders.ts";
import { billhouse } from "../support/in-process.ts";
import { configure, curSection, type Project } from "../support/projects.ts";

/** Long after the deliveries, and always the same. */
const now = new Date("2030-01-01T00:00:00Z");
const timestamp = /^2030-01-01T00:00:00\.000Z /;

describe("what a run shows", () => {
  let project: Project;
  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), "billhouse-output-"));
    const bucket = join(folder, "bucket");
    await mkdir(bucket);
    project = await configure({ folder, bucket }, curSection);
    for (const month of ["2025-01", "2025-02"]) {
      await deliver(project.bucket, curDelivery({ month, id: `d-${month}`, files: [curRows(month, "1.25")] }));
    }
    await billhouse(project.folder, ["run"], {}, { now });
  });

  after(() => rm(project.folder, { recursive: true }));

  test("nothing is shown twice where stdout and stderr are one pipe", async () => {
    const { code, stdout } = await billhouse(project.folder, ["run", "--force"], {}, { shared: true, now });
    const lines = stdout.split("\n").filter((line) => line !== "");
    assert.equal(code, 0);
    assert.deepEqual(lines, [...new Set(lines)]);
    assert.equal(stdout.match(/2 months loaded/g)?.length, 1, stdout);
    assert.equal(stdout.match(/✔ 2025-01 /g)?.length, 1, stdout);
    const json = await billhouse(project.folder, ["run", "--json"], {}, { shared: true, now });
    for (const line of json.stdout.trimEnd().split("\n")) assert.ok("event" in (JSON.parse(line) as object), line);
  });

  test("the closing line is shown once where stdout and stderr are two pipes: on stdout, or on stderr with --json", async () => {
    const { stdout, stderr } = await billhouse(project.folder, ["run", "--force"], {}, { now });
    assert.match(stdout, /\n2 months loaded: 2 rows, .* in .*s\n$/);
    assert.match(stderr, /^billhouse \S+ loads aws_cur into .*\naws_cur 2025-02 .*\naws_cur 2025-01 .*\n$/);
    const json = await billhouse(project.folder, ["run", "--json"], {}, { now });
    assert.match(json.stderr, /\nNothing to load, 2 unchanged in .*s\n$/);
  });

  test("--quiet shows nothing when nothing changed, and the result when something did", async () => {
    assert.deepEqual(await billhouse(project.folder, ["run", "--quiet"], {}, { now }), {
      code: 0,
      stdout: "",
      stderr: "",
    });
    const forced = await billhouse(project.folder, ["run", "-q", "2025-01", "--force"], {}, { now });
    assert.match(forced.stdout, /✔ 2025-01/);
    assert.equal(forced.stderr, "");
  });

  test("--log-format text starts each line of stderr with the time", async () => {
    const { stdout, stderr } = await billhouse(project.folder, ["run", "--log-format", "text", "-v"], {}, { now });
    const lines = stderr.trimEnd().split("\n");
    assert.ok(lines.length > 2);
    for (const line of lines) assert.match(line, timestamp);
    assert.match(stdout, /^aws_cur -> /);
    const failed = await billhouse(project.folder, ["run", "nothing", "--log-format=text"], {}, { now });
    assert.match(failed.stderr, /^2030\S+ ✖ There is no export named nothing\. .*\n2030\S+ {3}Configured: aws_cur\./);
  });

  test("--log-format json writes an object a line, with time, level, event and what is known of it", async () => {
    const words = ["run", "aws_cur", "--month", "2025-02", "--force", "--log-format", "json"];
    const { stderr } = await billhouse(project.folder, words, {}, { now });
    const entries = stderr
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const entry of entries) {
      assert.match(String(entry["time"]), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.equal(entry["level"], "info");
    }
    assert.deepEqual(
      entries.map(({ event }) => event),
      ["run_started", "month_loaded", "run_finished"],
    );
    const loaded = entries[1] ?? {};
    assert.deepEqual([loaded["name"], loaded["billing_month"], loaded["rows"]], ["aws_cur", "2025-02", 1]);
    assert.match(String(loaded["message"]), /^aws_cur 2025-02 loaded again/);
    const failed = await billhouse(project.folder, ["run", "--month", "x", "--log-format", "json"], {}, { now });
    const { hint, ...error } = JSON.parse(failed.stderr) as Record<string, unknown>;
    assert.deepEqual(error, {
      time: now.toISOString(),
      message: '"x" is not a billing month.',
      level: "error",
      event: "failed",
      code: "USAGE_INVALID",
    });
    assert.match(String(hint), /2025-01/);
  });

  test("a log replaces the screen where stdout and stderr are one pipe", async () => {
    const words = ["run", "--log-format", "json"];
    const { stdout } = await billhouse(project.folder, words, {}, { shared: true, now });
    for (const line of stdout.trimEnd().split("\n")) assert.ok("event" in (JSON.parse(line) as object), line);
  });

  test("--csv writes a line for each month", async () => {
    const { stdout } = await billhouse(project.folder, ["plan", "--force", "--csv"], {}, { now });
    const [header, ...lines] = stdout.trimEnd().split("\n");
    assert.equal(header, "pipeline,table,billing_month,action,reason,execution_id,files,bytes,missing_days");
    assert.deepEqual(
      lines.map((line) => line.split(",").slice(0, 4).join(",")),
      ["aws_cur,billing_data.aws_cur_data,2025-02,reloaded", "aws_cur,billing_data.aws_cur_data,2025-01,reloaded"],
    );
    const status = await billhouse(project.folder, ["status", "--csv"], {}, { now });
    assert.match(status.stdout, /^pipeline,table,billing_month,state,.*\naws_cur,billing_data\.aws_cur_data,2025-0\d,/);
    const verify = await billhouse(project.folder, ["verify", "2025-01", "--csv"], {}, { now });
    assert.match(
      verify.stdout,
      /^pipeline,billing_month,check,ok,.*\n(?:.*\n)*aws_cur,2025-01,rows,true,1 rows,1 rows,\n/,
    );
    const both = await billhouse(project.folder, ["plan", "--csv", "--json"]);
    assert.deepEqual(both.code, 64);
    assert.match(both.stdout, /--csv and --json exclude each other/);
  });

  test("no line of run and plan is wider than 80 columns", async () => {
    for (const words of [
      ["plan", "--force"],
      ["run", "--force"],
      ["run", "--force", "--verbose"],
      ["plan", "-v"],
      ["run", "no-such-export"],
    ]) {
      const { stdout, stderr } = await billhouse(project.folder, words, {}, { isTerminal: true, columns: 80, now });
      // A path that is wider than the terminal stays whole.
      for (const line of `${stdout}\n${stderr}`.split("\n"))
        assert.ok(displayWidth(line) <= 80 || /^\s*\S+$/.test(stripVTControlCharacters(line)), line);
    }
  });
});

describe("--output", () => {
  const config = '[sources.aws_cur]\nbucket_url = "nowhere"\n';

  test("writes the result to a file as a whole, and keeps its mode", async (t) => {
    const folder = await temporaryFolder(t);
    await writeFile(join(folder, "billhouse.toml"), config);
    await writeFile(join(folder, "old.json"), "old", { mode: 0o600 });
    await symlink("old.json", join(folder, "link.json"));
    const direct = await billhouse(folder, ["config", "--json"]);
    const written = await billhouse(folder, ["config", "--json", "-o", "link.json"]);
    assert.deepEqual(written, { code: 0, stdout: "", stderr: "" });
    assert.equal(await readFile(join(folder, "old.json"), "utf8"), direct.stdout);
    assert.equal((await stat(join(folder, "old.json"))).mode & 0o777, 0o600);
    assert.deepEqual((await readdir(folder)).toSorted(), ["billhouse.toml", "link.json", "old.json"]);
  });

  test("leaves an older file as it was when the command fails", async (t) => {
    const folder = await temporaryFolder(t);
    await writeFile(join(folder, "result.txt"), "old");
    const { code } = await billhouse(folder, ["config", "--output", "result.txt"]);
    assert.equal(code, 64);
    assert.equal(await readFile(join(folder, "result.txt"), "utf8"), "old");
    assert.deepEqual(await readdir(folder), ["result.txt"]);
  });

  test("a file that cannot be written is OUTPUT_FAILED, before the command starts", async (t) => {
    const folder = await temporaryFolder(t);
    await mkdir(join(folder, "folder"));
    for (const name of ["missing/result.txt", "folder"]) {
      const { code, stderr } = await billhouse(folder, ["config", "--output", name]);
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`^✖ The file .*${name} cannot be written: .*OUTPUT_FAILED\\n`));
    }
    assert.deepEqual(await readdir(folder), ["folder"]);
  });

  test("a device is written directly", { skip: existsSync("/dev/null") ? false : "no /dev/null here" }, async (t) => {
    const folder = await temporaryFolder(t);
    await writeFile(join(folder, "billhouse.toml"), config);
    assert.equal((await billhouse(folder, ["config", "--output", "/dev/null"])).code, 0);
    assert.ok((await stat("/dev/null")).isCharacterDevice());
  });
});

describe("wrapping", () => {
  test("breaks between words and hangs, but keeps words that are too wide and lines that are indented", () => {
    const text =
      "one two three four five gs://a/very/long/path/that/can/be/copied six\n  [sources.aws_cur] stays as it is here";
    assert.equal(
      wrapText(text, 27, 4),
      [
        "one two three four five",
        "    gs://a/very/long/path/that/can/be/copied",
        "    six",
        "      [sources.aws_cur] stays as it is here",
      ].join("\n"),
    );
    assert.equal(wrapText("one two three", 0, 4), "one two three");
    assert.equal(wrapText("ends with a code   CODE", 24, 2), "ends with a code\n  CODE");
    assert.equal(
      wrapText("\u001b[2mone two three four five\u001b[22m", 26, 2),
      "\u001b[2mone two three four five\u001b[22m",
    );
  });

  test("keeps a command on one line, in backticks or from unbroken", () => {
    assert.equal(
      wrapText("Run `a long command with flags`, then again", 24, 0),
      "Run\n`a long command with flags`,\nthen again",
    );
    assert.equal(
      wrapText(`To load it: ${unbroken("billhouse run aws_cur")}`, 24, 2),
      "To load it:\n  billhouse run aws_cur",
    );
    assert.equal(wrapText(unbroken("billhouse run"), 0, 0), "billhouse run");
    assert.equal(
      wrapText("a lone ` is a character like all the others", 24, 0),
      "a lone ` is a character\nlike all the others",
    );
  });

  test("a sentence with a path that is wider than its column moves below its row", () => {
    const rows = [
      ["  2025-01", "waiting", "The file cur/2025-01/part-00001.csv.gz is missing."],
      ["  2025-02", "new", "It is not loaded yet."],
    ];
    assert.deepEqual(alignSentences(rows, ["left", "left"], 40), [
      "  2025-01  waiting\n      The file\n      cur/2025-01/part-00001.csv.gz is\n      missing.",
      "  2025-02  new      It is not loaded\n                    yet.",
    ]);
  });

  test("a table moves a column below its rows before it leaves columns out", () => {
    const columns = [
      { title: "month", cells: ["2025-01", "2025-02"] },
      { title: "execution", cells: ["5b3c1f6e-0d3e-4a40", ""], below: true },
      { title: "cost", lean: "right" as const, cells: [["1.00 USD", "20.00 EUR"], "3.00 USD"] },
      { title: "age", cells: ["2 hours ago", "3 hours ago"], spare: 1 },
    ];
    const [wide, narrow] = [31, 24].map((width) => fitTable(columns, width, { colour: false }));
    assert.deepEqual(wide, [
      "month         cost  age",
      "2025-01   1.00 USD  2 hours ago",
      "         20.00 EUR",
      "    execution 5b3c1f6e-0d3e-4a40",
      "2025-02   3.00 USD  3 hours ago",
    ]);
    assert.deepEqual(narrow?.slice(0, 2), ["month         cost", "2025-01   1.00 USD"]);
  });

  test("columns are left out from the right until a row fits", () => {
    const rows = [["2025-01", "new", "10 rows", "1.00 USD", "4 files", "620 kB"]];
    const leans = ["left", "left", "right", "right", "right", "right"] as const;
    assert.deepEqual(fitRows(rows, leans, 45, 4), ["2025-01  new  10 rows  1.00 USD  4 files"]);
    assert.deepEqual(fitRows(rows, leans, 10, 4), ["2025-01  new  10 rows  1.00 USD"]);
    assert.deepEqual(fitRows(rows, leans, 0, 4), ["2025-01  new  10 rows  1.00 USD  4 files  620 kB"]);
  });
});
