import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Column, createWriter, type Format, type Row } from "../../src/commands/query-formats.ts";
import { curDelivery, curRow, deliver } from "../support/deliveries.ts";
import { createGoogleProject, upload } from "../support/google.ts";
import { billhouse, type Ended } from "../support/in-process.ts";
import { createProject, curSection, runWell, type Project } from "../support/projects.ts";
import { obeyed, recordingOutput } from "../support/recorded.ts";

const columns: readonly Column[] = [
  { name: "service", kind: "other" },
  { name: "cost", kind: "decimal" },
  { name: "lines", kind: "number" },
  { name: "tags", kind: "other" },
];

const rows: readonly Row[] = [
  { service: "AmazonEC2", cost: "18204.110000000000000001", lines: 12, tags: { a: 1 } },
  { service: 'a "b", c', cost: "-4.5", lines: null, tags: null },
];

/** An answer in a format; `width` is that of a terminal. */
function written(
  format: Format,
  answer: { readonly columns: readonly Column[]; readonly rows: readonly Row[] },
  width = 0,
): { readonly text: string; readonly hidden: readonly string[] } {
  const output = recordingOutput({ isTerminal: width > 0, columns: width });
  const writer = createWriter(format, output);
  writer.begin(answer.columns);
  for (const row of answer.rows) writer.add(row);
  return { hidden: writer.end(), text: output.text };
}

/** Columns of text. */
function named(...names: readonly string[]): readonly Column[] {
  return names.map((name) => ({ name, kind: "other" }));
}

describe("JSON", () => {
  test("is one array with exact decimals", () => {
    const { text } = written("json", { columns, rows });
    assert.deepEqual(JSON.parse(text), rows);
    assert.equal(text.split("\n").length, 5);
  });

  test("is an empty array without rows", () => {
    assert.equal(written("json", { columns, rows: [] }).text, "[]\n");
  });

  test("writes integers beyond 2^53 as text, and nothing that a terminal obeys", () => {
    const evil = "\u001b[2J\u009b\u007f\u202e\u{e0001}";
    const { text } = written("json", { columns: named("n", "evil"), rows: [{ n: 9_007_199_254_740_993n, evil }] });
    assert.doesNotMatch(text, obeyed);
    assert.deepEqual(JSON.parse(text), [{ n: "9007199254740993", evil }]);
  });
});

describe("CSV", () => {
  test("quotes where needed, keeps every byte in a file, and distinguishes NULL from empty text", () => {
    const more = { service: "x\u001b[2J\ny", cost: null, lines: 1, tags: "" };
    assert.equal(
      written("csv", { columns, rows: [...rows, more] }).text,
      [
        "service,cost,lines,tags",
        'AmazonEC2,18204.110000000000000001,12,"{""a"":1}"',
        '"a ""b"", c",-4.500000000000000000,,',
        '"x\u001b[2J\ny",,1,""\n',
      ].join("\n"),
    );
  });

  test("spells control characters out on a terminal", () => {
    const answer = { columns: named("a"), rows: [{ a: "x\u001b[2J\ny" }] };
    assert.equal(written("csv", answer, 80).text, "a\nx\\x1b[2J\\ny\n");
  });

  test("shows decimals of one column with one scale, without zeros that no value needs", () => {
    const answer = { columns: columns.slice(1, 2), rows: ["1", "0.25", "-3.5", null].map((cost) => ({ cost })) };
    assert.equal(written("csv", answer).text, "cost\n1.00\n0.25\n-3.50\n\n");
  });

  test("has its header without rows, and columns in the order of the statement", () => {
    assert.equal(written("csv", { columns: named("b", "2025", "a"), rows: [] }).text, "b,2025,a\n");
    assert.equal(written("csv", { columns: named("b", "2025"), rows: [{ 2025: "y", b: "x" }] }).text, "b,2025\nx,y\n");
  });
});

describe("a table", () => {
  test("aligns numbers at the point and text to the left, and shows NULL", () => {
    const answer = {
      columns: [...columns.slice(0, 2), { name: "average", kind: "number" } as const],
      rows: [
        { service: "EC2", cost: "18204.11", average: 0.125 },
        { service: "S3 Glacier", cost: "-4.5", average: 3 },
        { service: "", cost: "7", average: null },
        { service: null, cost: null, average: 1e-9 },
      ],
    };
    assert.equal(
      written("table", answer).text,
      [
        "service         cost  average",
        "──────────  ────────  ───────",
        "EC2         18204.11    0.125",
        "S3 Glacier     -4.50    3",
        "                7.00     NULL",
        "NULL            NULL     1e-9",
        "",
      ].join("\n"),
    );
  });

  test("never draws an escape sequence, not even in a column's name", () => {
    const { text } = written("table", {
      columns: named("a\u001b]0;x\u0007"),
      rows: [{ "a\u001b]0;x\u0007": "\u001b[31mred\u009b\r\n" }],
    });
    assert.equal(text.split("\n")[0], "a\\x1b]0;x\\x07");
    assert.equal(text.split("\n")[2], "\\x1b[31mred\\x9b\\r\\n");
  });

  test("is cut to the terminal: text first, then columns, which are named, never a number", () => {
    const answer = {
      columns: [...named("id"), { name: "cost", kind: "decimal" } as const, ...named("more", "last")],
      rows: [{ id: "x".repeat(50), cost: "123456789.123456789", more: "y".repeat(50), last: "z".repeat(50) }],
    };
    const fits = written("table", answer, 80);
    assert.deepEqual(fits.hidden, []);
    for (const line of fits.text.trimEnd().split("\n")) assert.ok(line.length <= 80, line);
    assert.match(fits.text, /123456789\.123456789 /);
    const narrow = written("table", answer, 40);
    assert.deepEqual(narrow.hidden, ["more", "last"]);
    assert.match(narrow.text, /123456789\.123456789/);
  });

  test("counts wide characters as two", () => {
    const answer = { columns: named("name", "n"), rows: ["東京", "ab"].map((name, index) => ({ name, n: index + 1 })) };
    assert.deepEqual(written("table", answer).text.split("\n").slice(2, 4), ["東京  1", "ab    2"]);
  });

  test("shows its header without rows", () => {
    assert.equal(written("table", { columns: named("a", "bc"), rows: [] }, 80).text, "a  bc\n─  ──\n");
  });

  test("keeps the digits of later rows that need more than the first ones", () => {
    const costs = [...Array<string>(1000).fill("1.5"), "2.125"];
    const answer = { columns: columns.slice(1, 2), rows: costs.map((cost) => ({ cost })) };
    assert.deepEqual(written("csv", answer).text.trimEnd().split("\n").slice(-2), ["1.5", "2.125"]);
  });
});

test("the vertical format has one value per line, the Markdown one a table that GitHub draws", () => {
  const answer = { columns, rows: [...rows, { service: "a|b\nc", cost: "1", lines: 0, tags: "" }] };
  assert.equal(
    written("vertical", answer).text,
    [
      "── row 1 ──",
      "service  AmazonEC2",
      "cost     18204.110000000000000001",
      "lines    12",
      'tags     {"a":1}',
      "── row 2 ──",
      'service  a "b", c',
      "cost     -4.500000000000000000",
      "lines    NULL",
      "tags     NULL",
      "── row 3 ──",
      "service  a|b\\nc",
      "cost     1.000000000000000000",
      "lines    0",
      "tags",
      "",
    ].join("\n"),
  );
  assert.equal(
    written("markdown", answer).text,
    [
      "| service   |                     cost | lines | tags    |",
      "| --------- | -----------------------: | ----: | ------- |",
      '| AmazonEC2 | 18204.110000000000000001 |    12 | {"a":1} |',
      '| a "b", c  |    -4.500000000000000000 |  NULL | NULL    |',
      "| a\\|b\\nc   |     1.000000000000000000 |     0 |         |",
      "",
    ].join("\n"),
  );
});

const delivery = curDelivery({
  month: "2025-01",
  id: "20250201T000000Z",
  files: [
    ["1.5", "20"].map((cost, index) =>
      curRow("2025-01", { "lineItem/UnblendedCost": cost, "identity/LineItemId": `line-${index}` }),
    ),
  ],
});

const statement = "SELECT line_item_unblended_cost AS cost FROM aws_cur_data ORDER BY 1";

describe("billhouse query", () => {
  let project: Project;
  const cleanUp: (() => unknown)[] = [];
  const ask = (words: readonly string[], form?: Parameters<typeof billhouse>[3]): Promise<Ended> =>
    billhouse(project.folder, ["query", ...words], {}, form);

  before(async () => {
    project = await createProject({ after: (work) => cleanUp.push(work as () => unknown) }, curSection);
    await deliver(project.bucket, delivery);
    await runWell(project);
  });
  after(async () => {
    for (const work of cleanUp) await work();
  });

  test("finds tables without their dataset, and lists them", async () => {
    const { stdout, stderr } = await ask([statement]);
    assert.equal(stdout, "cost\n────\n 1.5\n20.0\n");
    assert.equal(stderr, "2 rows\n");
    const listed = await ask(["show tables", "--csv"]);
    assert.deepEqual(listed.stdout.split("\n").slice(0, 1), ["name"]);
    assert.ok(listed.stdout.split("\n").includes("aws_cur_data"));
    assert.equal((await ask(["SELECT count(*) AS n FROM billing_data.aws_cur_data", "--csv"])).stdout, "n\n2\n");
  });

  test("reads the statement from standard input and from a file", async () => {
    await writeFile(join(project.folder, "costs.sql"), `\uFEFF${statement};\n`);
    const expected = "cost\n1.5\n20.0\n";
    assert.equal((await ask(["-", "--csv"], { stdin: statement })).stdout, expected);
    assert.equal((await ask(["--file", "costs.sql", "--csv"])).stdout, expected);
    for (const words of [[], ["SELECT 1", "--file", "costs.sql"], ["--file", "none.sql"]]) {
      const { code, stderr } = await ask(words);
      assert.deepEqual([code, /USAGE_INVALID/.test(stderr)], [64, true], words.join(" "));
    }
  });

  test("writes a file in the format of its ending, and keeps the old one when the statement fails", async () => {
    const file = join(project.folder, "costs.csv");
    const { code, stdout } = await ask([statement, "--output", "costs.csv"]);
    assert.deepEqual([code, stdout, await readFile(file, "utf8")], [0, "", "cost\n1.5\n20.0\n"]);
    assert.equal((await ask(["SELECT nothing FROM aws_cur_data", "-o", "costs.csv"])).code, 1);
    assert.equal(await readFile(file, "utf8"), "cost\n1.5\n20.0\n");
    await ask([statement, "-o", "costs.md"]);
    assert.match(await readFile(join(project.folder, "costs.md"), "utf8"), /^\| cost \|\n\| ---: \|\n/);
    await ask([statement, "-o", "costs.json", "--format", "vertical"]);
    assert.match(await readFile(join(project.folder, "costs.json"), "utf8"), /^── row 1 ──\n/);
    assert.deepEqual(
      (await readdir(project.folder)).filter((name) => name.endsWith(".part")),
      [],
    );
    const { code: failed, stderr } = await ask([statement, "-o", "none/costs.csv"]);
    assert.deepEqual([failed, /OUTPUT_FAILED/.test(stderr)], [1, true]);
  });

  test("takes one format", async () => {
    const { code, stderr } = await ask([statement, "--csv", "--format", "markdown"]);
    assert.equal(code, 64);
    assert.match(stderr, /An answer has one format, not markdown and csv\. /);
    assert.equal((await ask([statement, "--csv", "--format", "csv"])).code, 0);
    assert.deepEqual(JSON.parse((await ask([statement, "--format", "json"])).stdout), [
      { cost: "1.5" },
      { cost: "20" },
    ]);
  });

  test("shows where a statement is wrong, and near names", async () => {
    const { code, stderr } = await ask(["SELECT *\nFORM\taws_cur_data"]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /: Parser Error: syntax error at or near "aws_cur_data"\. {3}QUERY_INVALID\n {2}LINE 2: FORM aws_cur_data\n {15}\^\n/,
    );
    const table = await ask(["FROM aws_cur_dta"]);
    assert.match(table.stderr, /aws_cur_dta does not exist\. .*\n.*\n.*\n {2}Did you mean "aws_cur_data"\? /);
    const column = await ask(["SELECT line_item_unblended_cst FROM aws_cur_data"]);
    assert.match(column.stderr, /Did you mean "line_item_unblended_cost".*\? /);
    const file = await ask(["FROM 'bucket/x.csv'"]);
    assert.match(file.stderr, /billhouse connect shows the command/);
  });

  test("names the columns that do not fit, and says how to see them", async () => {
    const { stderr, stdout } = await ask(["SELECT * FROM aws_cur_data"], { isTerminal: true, columns: 80 });
    assert.match(
      stderr.replaceAll(/\n(?=\S+,|.*--format)/g, " "),
      /^2 rows\nNot shown for lack of room: bill_billing_period_end_date, .* and 2 more\. --format vertical shows all columns\.\n$/,
    );
    for (const line of (stdout + stderr).trimEnd().split("\n")) assert.ok(line.length <= 80, line);
    assert.equal((await ask(["SELECT 1 AS a WHERE false"])).stdout, "a\n─\n");
  });
});

test("in BigQuery the datasets of the exports are searched, and SHOW TABLES lists their tables", async (t) => {
  const project = await createGoogleProject(t, {
    other: { prefix: "none", dataset: "elsewhere" },
    aws_cur: { prefix: "cur" },
  });
  upload(project, delivery);
  await billhouse(project.folder, ["run", "aws_cur"], {}, { now: new Date() });
  assert.equal((await billhouse(project.folder, ["query", statement, "--csv"])).stdout, "cost\n1.5\n20.0\n");
  const { stdout } = await billhouse(project.folder, ["query", "show tables;", "--csv"]);
  assert.ok(stdout.startsWith("dataset,name\n") && stdout.includes("\nbilling_data,aws_cur_data\n"), stdout);
  const empty = await billhouse(project.folder, ["query", statement.replace("ORDER", "WHERE FALSE ORDER")]);
  assert.equal(empty.stdout, "cost\n────\n");
});
