import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { copyFile, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, test, type TestContext } from "node:test";
import type { PlanResult, StatusResult, VerifyResult } from "../../src/index.ts";
import { compareDecimals } from "../../src/schema/decimals.ts";
import { addDecimals } from "../../src/schema/sums.ts";
import { placeBucket } from "../support/dated.ts";
import { temporaryFolder } from "../support/folders.ts";
import { billhouse, type Ended, oneThread } from "../support/in-process.ts";
import { cases, notYet, type Action, type Case, type MonthAnswer, type Screen } from "./table.ts";
import { parseResult } from "../support/json.ts";

const root = resolve(import.meta.dirname, "../..", process.env["BILLHOUSE_CASES"] || "../shared/cases");

describe("deliveries that once went wrong", () => {
  test("are all in the table, and nothing else is", async (t) => {
    if (!isThere(t)) return;
    const folders = (await readdir(root, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    const listed = new Set(cases.map(({ folder }) => folder));
    assert.deepEqual([...listed].toSorted(), folders.map(({ name }) => name).toSorted());
    const titles = new Set(cases.map(titleOf));
    for (const title of notYet.keys()) assert.ok(titles.has(title), `${title} is a case`);
  });

  for (const one of cases) {
    const title = titleOf(one);
    test(title, async (t) => {
      if (!isThere(t)) return;
      const reason = notYet.get(title);
      if (reason === undefined) {
        await replay(t, one);
        return;
      }
      await assert.rejects(replay(t, one), isExpectation, `${title} passes: take it out of notYet`);
      t.diagnostic(`not yet: ${reason}`);
    });
  }
});

/** Whether the case failed by what it must do, and not because it could not be replayed. */
function isExpectation(error: unknown): boolean {
  return error instanceof assert.AssertionError || error instanceof AggregateError;
}

function titleOf({ folder, variant }: Case): string {
  return variant === undefined ? folder : `${folder}: ${variant}`;
}

/** Whether the cases are there; without them a test says `not run`, or fails with `BILLHOUSE_REQUIRE_SAMPLES=1`. */
function isThere(t: TestContext): boolean {
  if (existsSync(root)) return true;
  const reason = `there are no cases in ${root} (BILLHOUSE_CASES names another place)`;
  assert.notEqual(process.env["BILLHOUSE_REQUIRE_SAMPLES"], "1", reason);
  t.diagnostic(`not run: ${reason}`);
  return false;
}

async function replay(t: TestContext, one: Case): Promise<void> {
  const folder = await temporaryFolder(t);
  let steps = 0;
  for (const [index, action] of one.actions.entries()) {
    if (action.step !== undefined) {
      steps += 1;
      const source = join(root, one.folder, action.step);
      await placeBucket(join(source, "bucket"), join(folder, "bucket"), {
        number: steps,
        isFresh: action.isFresh ?? false,
      });
      await copyFile(join(source, "billhouse.toml"), join(folder, "billhouse.toml"));
    }
    await act(folder, one, action, `${titleOf(one)}, command ${index + 1}`);
  }
}

async function act(folder: string, one: Case, action: Action, where: string): Promise<void> {
  const now = new Date(Date.now() + (action.minutesLater ?? 0) * 60_000);
  const call = (words: readonly string[]): Promise<Ended> => billhouse(folder, words, oneThread, { now });
  const ask = async <T>(words: readonly string[]): Promise<T> => {
    const { stdout, stderr } = await call([...words, "--json"]);
    assert.notEqual(stdout, "", `${where}: ${words.join(" ")} printed nothing; on stderr: ${stderr}`);
    return parseResult(stdout) as T;
  };

  const answers = Object.entries(action.months ?? {});
  const planned = answers.length === 0 ? null : await ask<PlanResult>(["plan"]);
  const command = action.command ?? ["run"];
  const ended = await call(command);
  const exits = action.exits ?? [0];
  assert.ok(
    exits.includes(ended.code),
    `${where}: exit code ${ended.code}, not ${exits.join(" or ")}\n${screen(ended)}`,
  );

  const screens: Record<Screen, () => Promise<Ended>> = {
    command: async () => ended,
    plan: () => call(["plan"]),
    status: () => call(["status"]),
    verify: () => call(["verify"]),
    init: () => call(["init", "bucket", "--config", "init.toml"]),
  };
  for (const name of Object.keys(screens) as Screen[]) {
    const [words, forbidden] = [action.says?.[name] ?? [], action.saysNot?.[name] ?? []];
    if (words.length + forbidden.length === 0) continue;
    const text = screen(await screens[name]());
    for (const word of words) assert.ok(has(text, word), `${where}: ${name} says "${word}"\n${text}`);
    for (const word of forbidden) assert.ok(!has(text, word), `${where}: ${name} does not say "${word}"\n${text}`);
  }
  for (const { command: words, exit } of action.also ?? []) {
    const other = await call(words);
    assert.equal(other.code, exit, `${where}: ${words.join(" ")}\n${screen(other)}`);
  }
  if (action.months === undefined && action.types === undefined && action.noColumn === undefined) return;

  const status = await ask<StatusResult>(["status"]);
  const title = status.pipelines[0]?.table ?? "";
  const query: Query = async (sql) => {
    const { code, stdout } = await call(["query", sql, "--json"]);
    return code === 0 ? (JSON.parse(stdout) as Record<string, string | number | null>[]) : [];
  };
  const columns = new Map(
    (
      await query(
        `SELECT column_name, data_type FROM information_schema.columns WHERE table_schema || '.' || table_name = '${title}'`,
      )
    ).map((row) => [String(row["column_name"]), String(row["data_type"])] as const),
  );
  if (action.months !== undefined) {
    const isMissing = answers.some(([, { missing = [], or }]) => missing.length + (or?.missing ?? []).length > 0);
    const verified = isMissing ? screen(await call(["verify"])) : "";
    const after = await ask<PlanResult>(["plan"]);
    const seen: Seen = { where, status, planned, after, run: screen(ended), verified, title, query };
    const totals: Total[] = [];
    for (const [month, answer] of answers) totals.push(await checkMonth(seen, month, answer));
    const others = status.pipelines.flatMap(({ months }) => months).filter(({ rows }) => rows !== null);
    for (const { billingMonth: month } of others) {
      assert.ok(Object.hasOwn(action.months, month), `${where}: ${month} is loaded, and should not be`);
    }
    await checkTable(
      seen,
      totals,
      one.cost.filter((column) => columns.has(column)),
      columns.size > 0,
    );
    if (answers.length > 0 && answers.every(([, answer]) => isLoadedWhole(answer))) {
      const { ok, checks } = await ask<VerifyResult>(["verify"]);
      const failed = checks.filter((check) => !check.ok);
      assert.ok(ok, `${where}: verify finds differences\n${JSON.stringify(failed, null, 2)}`);
    }
  }
  for (const [column, type] of Object.entries(action.types ?? {})) {
    assert.match(columns.get(column) ?? "(missing)", type, `${where}: type of ${column}`);
  }
  for (const column of action.noColumn === undefined ? [] : columns.keys()) {
    assert.doesNotMatch(column, action.noColumn ?? /^$/, `${where}: columns`);
  }
  const receipts = action.receipt === undefined ? [] : await query(`FROM ${title}_load_tracking ORDER BY _dlt_load_id`);
  for (const word of action.receipt ?? []) {
    const receipt = JSON.stringify(receipts.filter((row) => row["billing_month"] !== null).at(-1));
    assert.ok(has(receipt.replaceAll("\\", ""), word), `${where}: the receipt says ${word}\n${receipt}`);
  }
}

function isLoadedWhole({ rows, waits, fails, or, missing = [] }: MonthAnswer): boolean {
  return rows !== undefined && waits === undefined && fails === undefined && or === undefined && missing.length === 0;
}

/** Everything that was read after a command. */
interface Seen {
  readonly where: string;
  readonly status: StatusResult;
  readonly planned: PlanResult | null;
  readonly after: PlanResult;
  readonly run: string;
  /** What `verify` prints, where days are missing. */
  readonly verified: string;
  /** The table as `status` names it. */
  readonly title: string;
  readonly query: Query;
}

/** Rows and cost of some months. */
interface Total {
  readonly rows: number;
  readonly cost: string;
  /** False where a case does not say the cost. */
  readonly isKnown: boolean;
}

async function checkMonth(seen: Seen, month: string, answer: MonthAnswer): Promise<Total> {
  if (answer.or === undefined) return checkAnswer(seen, month, answer);
  const { or, ...first } = answer;
  return checkAnswer(seen, month, first).catch((error: unknown) =>
    checkAnswer(seen, month, or).catch((second: unknown) => {
      throw new AggregateError(
        [error, second],
        `${seen.where}, ${month}: ${messageOf(error)}\nNor: ${messageOf(second)}`,
      );
    }),
  );
}

async function checkAnswer(seen: Seen, month: string, answer: MonthAnswer): Promise<Total> {
  const where = `${seen.where}, ${month}`;
  const found = seen.status.pipelines
    .flatMap(({ months }) => months)
    .find(({ billingMonth: each }) => each === month) as Partial<MonthJson> | undefined;
  const held = JSON.stringify(found ?? null, null, 2);
  assert.equal(found?.rows ?? null, answer.rows ?? null, `${where}: rows in ${held}\n${seen.run}`);
  const [amount = "0", currency = ""] = (answer.cost ?? "").split(" ");
  if (answer.cost !== undefined) {
    assert.deepEqual(Object.keys(found?.cost ?? {}), [currency], `${where}: currencies in ${held}`);
    assert.equal(compareDecimals(found?.cost?.[currency] ?? "", amount), 0, `${where}: cost in ${held}`);
  }
  if (answer.state !== undefined) assert.equal(found?.state, answer.state, `${where}: state in ${held}`);
  for (const state of answer.stateNot ?? []) assert.notEqual(found?.state, state, `${where}: state in ${held}`);
  if (answer.basis !== undefined) assert.equal(found?.finalBasis, answer.basis, `${where}: basis in ${held}`);
  if (answer.missing !== undefined) checkMissing(seen, month, answer.missing, found?.missingDays);
  if (answer.waits !== undefined) {
    const plan = plansOf(seen.after, month).find(({ action }) => action === "waiting");
    assert.ok(plan !== undefined, `${where}: waits\n${seen.run}`);
    for (const word of answer.waits) {
      assert.ok(has(plan.reason, word), `${where}: the reason of plan says "${word}": ${plan.reason}`);
      assert.ok(has(seen.run, word), `${where}: run says "${word}"\n${seen.run}`);
    }
  }
  for (const word of answer.fails ?? []) assert.ok(has(seen.run, word), `${where}: says "${word}"\n${seen.run}`);
  if (answer.loads !== undefined) {
    const sql = `SELECT count(*) AS loads FROM ${seen.title}_load_tracking WHERE billing_month = '${month}'`;
    assert.equal(Number((await seen.query(sql))[0]?.["loads"]), answer.loads, `${where}: loads`);
  }
  const isKnown = answer.cost !== undefined || (answer.rows ?? 0) === 0;
  return { rows: answer.rows ?? 0, cost: amount || "0", isKnown };
}

/** Plan, run, status and verify name the missing days. */
function checkMissing(seen: Seen, month: string, spans: readonly string[], found: unknown): void {
  const expected = spans.map((span) => {
    const [from = "", to = ""] = span.split("/");
    return { from, to };
  });
  const where = `${seen.where}, ${month}: missing days`;
  assert.deepEqual(found ?? [], expected, `${where} in status`);
  const plan = seen.planned === null ? [] : plansOf(seen.planned, month);
  if (plan.length > 0) assert.deepEqual(plan.at(-1)?.missingDays ?? [], expected, `${where} in plan`);
  for (const day of expected.flatMap(({ from, to }) => [from, to])) {
    assert.ok(has(seen.run, day), `${where} in run: ${day}\n${seen.run}`);
    assert.ok(has(seen.verified, day), `${where} in verify: ${day}\n${seen.verified}`);
  }
}

function plansOf(
  plan: PlanResult,
  month: string,
): readonly (PlanResult["pipelines"][number]["months"][number] & { readonly missingDays?: unknown })[] {
  return plan.pipelines.flatMap(({ months }) => months).filter(({ billingMonth: each }) => each === month);
}

/** What `status --json` says of a month, as far as cases look at it. */
interface MonthJson {
  readonly state: string;
  readonly finalBasis: string;
  readonly rows: number | null;
  readonly cost: Readonly<Record<string, string>> | null;
  readonly missingDays: unknown;
}

/** The rows of a question, asked as readers ask; none where nothing can be asked yet. */
type Query = (sql: string) => Promise<readonly Readonly<Record<string, string | number | null>>[]>;

/** The table itself holds the rows of the months, and their cost, and nothing else. */
async function checkTable(
  seen: Seen,
  totals: readonly Total[],
  costs: readonly string[],
  isThere: boolean,
): Promise<void> {
  const rows = totals.reduce((sum, total) => sum + total.rows, 0);
  if (!isThere) {
    assert.equal(rows, 0, `${seen.where}: there is a table`);
    return;
  }
  const values = costs.map((column) => `"${column}"`);
  const cost = values.length === 0 ? "0" : `sum(coalesce(${values.join(", ")}))`;
  const [held] = await seen.query(`SELECT count(*) AS rows, CAST(${cost} AS VARCHAR) AS cost FROM ${seen.title}`);
  assert.equal(Number(held?.["rows"]), rows, `${seen.where}: rows of ${seen.title}`);
  if (totals.some(({ isKnown }) => !isKnown)) return;
  const expected = addDecimals(totals.map((total) => total.cost));
  assert.equal(compareDecimals(String(held?.["cost"] ?? "0"), expected), 0, `${seen.where}: cost of ${seen.title}`);
}

/** Everything that a command printed. */
function screen({ stdout, stderr }: Ended): string {
  return `${stdout}\n${stderr}`;
}

/** Whether a screen has these words, wherever its lines break. */
function has(text: string, words: string): boolean {
  const plain = (one: string): string => one.replaceAll(/\s+/g, " ").toLowerCase();
  return plain(text).includes(plain(words));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
