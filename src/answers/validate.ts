import { checkArguments, names, optional, type Shape, text } from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import { BillhouseError, quoted } from "../errors.ts";
import { all, field, isOneOf } from "../focus/expression.ts";
import type { ChargeTable, Mapping } from "../focus/mapping.ts";
import { mappingOf } from "../focus/mappings/index.ts";
import { type AnsweredRule, answeredRules, viewOf } from "../focus/rules/answer.ts";
import { deliveredRows, isNative } from "../focus/rules/delivered.ts";
import { missing } from "../focus/rules/missing.ts";
import type { RulesVersion } from "../focus/rules/model.ts";
import { answeredBy, type CheckedRows, type Excused } from "../focus/rules/checked.ts";
import { viewNames } from "../focus/views.ts";
import type { BillingMonth } from "../model.ts";
import { readLoaded } from "../pipeline/months/loaded.ts";
import { isSelected, monthRules, selectPipelines } from "../pipeline/months/select.ts";
import { reading, type ReadSource } from "../pipeline/open.ts";
import { chargeTable, dialects } from "../pipeline/views/source.ts";
import { checkMonths, type MonthSelection } from "../schema/periods.ts";
import type { Warehouse } from "../warehouses/warehouse.ts";
import { shareOf } from "./arithmetic.ts";
import { ofExports } from "./conditions.ts";
import { askingViews, countRules, exampleKey, exampleRows, type MonthCounts } from "./rule-counts.ts";
import { type RuleResult, verdictsOf } from "./rule-verdicts.ts";

export type { RuleResult, Verdict } from "./rule-verdicts.ts";

/** What `validate` checks. */
export interface ValidateOptions {
  /** Sections, clouds, or `all`; none means all. */
  readonly pipelines?: readonly string[];
  /** By default all loaded months. */
  readonly months?: MonthSelection;
  /** Whose rules are checked, on the view of the same version; by default 1.2, the newest version with official rules. */
  readonly version?: RulesVersion;
}

/** The answer of `validate`. */
export interface ValidateResult extends ReadSource {
  readonly version: RulesVersion;
  /** Whether no rule fails. */
  readonly ok: boolean;
  readonly scores: readonly RuleScore[];
  /** Every rule for every export and month that has rows in the view. */
  readonly results: readonly RuleResult[];
  /** Loaded months without rows in the view, because another export counts for their charges. */
  readonly withoutRows: readonly { readonly pipeline: string; readonly billingMonth: BillingMonth }[];
}

/** How many rules hold for an export and month. Rules that only consist of others do not count. */
export interface RuleScore {
  readonly pipeline: string;
  readonly billingMonth: BillingMonth;
  readonly rows: number;
  readonly passed: number;
  readonly failed: number;
  readonly undecidable: number;
  /** passed / (passed + failed), rounded to 6 digits after the point; null if nothing is decided. */
  readonly score: string | null;
}

/** An export whose rows are checked. */
interface Checked {
  readonly name: string;
  readonly table: ChargeTable;
  readonly mapping: Mapping;
  readonly months: readonly BillingMonth[];
}

/**
 * Answers the rules of FOCUS on the rows of its view. Errors: CONFIG_INVALID, USAGE_INVALID, WAREHOUSE_NOT_FOUND if there is no
 * view, and those of opening the warehouse.
 */
export async function validate(config: Config, options: ValidateOptions = {}): Promise<ValidateResult> {
  checkArguments(config, options, validateRules);
  const { months = {}, version = "1.2" } = options;
  checkMonths(months);
  checkVersion(version);
  const pipelines = await selectPipelines(config, options.pipelines);
  const rules = answeredRules(version);
  return reading(config, async (warehouse) => {
    const checked: Checked[] = [];
    for (const pipeline of pipelines) {
      const { table, ledger, months: loaded } = await readLoaded(pipeline, warehouse);
      const { columns, registry } = ledger;
      const wanted = [...loaded.keys()].filter((month) => isSelected(month, pipeline, months));
      if (columns === null || wanted.length === 0) continue;
      const own = chargeTable({ table, columns, registry, tracking: [], stateIn: table.dataset }, pipeline);
      const mapping = mappingOf(own);
      if (mapping !== undefined) checked.push({ name: pipeline.name, table: own, mapping, months: wanted.toSorted() });
    }
    const results = checked.length === 0 ? [] : await resultsOf(rules, checked, { config, warehouse, version });
    const scores = scoresOf(results);
    const every = results.flatMap((each) => each.results);
    const withRows = new Set(scores.map(({ pipeline, billingMonth }) => `${pipeline} ${billingMonth}`));
    const loaded = checked.flatMap(({ name, months: own }) =>
      own.map((billingMonth) => ({ pipeline: name, billingMonth })),
    );
    return {
      version,
      ok: every.every(({ verdict }) => verdict !== "fail"),
      scores,
      results: every,
      withoutRows: loaded.filter(({ pipeline, billingMonth }) => !withRows.has(`${pipeline} ${billingMonth}`)),
    };
  });
}

const validateRules: Shape<ValidateOptions> = {
  pipelines: names,
  months: monthRules,
  version: optional(text),
};

function checkVersion(version: string): void {
  if (Object.hasOwn(viewOf, version)) return;
  throw new BillhouseError("USAGE_INVALID", `${quoted(version)} is not a version of FOCUS with rules.`, {
    hint: `Choose from ${Object.keys(viewOf).join(" and ")}.`,
  });
}

/** What the checks of a call have in common. */
interface Place {
  readonly config: Config;
  readonly warehouse: Warehouse;
  readonly version: RulesVersion;
}

interface MonthResults {
  readonly month: MonthCounts;
  readonly results: readonly RuleResult[];
}

async function resultsOf(
  rules: readonly AnsweredRule[],
  exports: readonly Checked[],
  place: Place,
): Promise<readonly MonthResults[]> {
  const rows = viewRows(exports, place);
  const counted = await countRules(rules, rows, askingViews(place.warehouse));
  const byName = new Map(exports.map((each) => [each.name, each]));
  const order = [...byName.keys()];
  const months = counted
    .toSorted(
      (one, other) =>
        order.indexOf(one.pipeline) - order.indexOf(other.pipeline) || (one.billingMonth < other.billingMonth ? -1 : 1),
    )
    .map((month) => {
      const mapping = byName.get(month.pipeline)?.mapping;
      const scope = { missing: missing[mapping?.name ?? ""] ?? [], hasMonthlyCommitments: mapping?.cloud === "aws" };
      return { month, results: verdictsOf(rules, month, scope) };
    });
  const failed = new Set(months.flatMap(({ results }) => results.filter(isFailed).map(({ rule }) => rule)));
  const failing = rules.filter(({ id }) => failed.has(id));
  const ofRows = new Set(answeredBy(failing, "rows").map(({ id }) => id));
  const keys = months.flatMap(({ month: { counts } }) =>
    [...counts].flatMap(([id, { broken, example }]) =>
      broken > 0 && ofRows.has(id) && example !== null ? [example] : [],
    ),
  );
  const examples = await exampleRows(failing, [...new Set(keys)], rows, askingViews(place.warehouse));
  const delivered = await deliveredFailures(failing, exports, months, place);
  return months.map(({ month, results }) => {
    const withExamples = results.map((result) => {
      if (!isFailed(result)) return result;
      const rule = failing.find(({ id }) => id === result.rule);
      const key = exampleKey(result.pipeline, result.billingMonth, result.rule);
      const value = month.counts.get(result.rule)?.example ?? null;
      const isValue = value !== null && rule !== undefined && rule.answer.by !== "rows";
      const shown = isValue ? [{ [nameOfValue(rule)]: value }] : [];
      const example = examples.get(key);
      const origin = delivered.has(key) ? ("cloud" as const) : ("billhouse" as const);
      return { ...result, origin, examples: example === undefined ? shown : [example] };
    });
    return { month, results: withOriginsOfParts(withExamples, failing) };
  });
}

/** The rows of the view that are checked, with what their bills lack. */
function viewRows(exports: readonly Checked[], { config, version }: Place): CheckedRows {
  const dialect = dialects[config.warehouse.kind];
  const dataset = config.warehouse.kind === "bigquery" ? config.focus.dataset : "main";
  const excused: Excused[] = exports.flatMap(({ name, mapping }) =>
    (missing[mapping.name] ?? []).flatMap(({ rules, rows }) =>
      rules.map((rule) => ({ rule, rows: all(ofExports([{ name }]), ...(rows === undefined ? [] : [rows])) })),
    ),
  );
  return {
    dialect,
    from: dialect.tableName({ dataset }, viewNames[viewOf[version]]),
    rows: rowsOf(exports),
    excused,
    commitmentExports: exports.filter(({ mapping }) => mapping.cloud === "aws").map(({ name }) => name),
  };
}

function rowsOf(exports: readonly Checked[]): CheckedRows["rows"] {
  const months = [...new Set(exports.flatMap((each) => each.months))];
  return all(ofExports(exports), isOneOf(field("x_BillingMonth"), ...months));
}

/**
 * Which failing rules the exports in FOCUS columns break themselves, as the cloud delivered them, before the view corrects
 * anything: the keys of `exampleKey`.
 */
async function deliveredFailures(
  failing: readonly AnsweredRule[],
  exports: readonly Checked[],
  months: readonly MonthResults[],
  { config, warehouse, version }: Place,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const each of exports.filter(({ mapping }) => isNative(mapping))) {
    const own = months.filter(({ month }) => month.pipeline === each.name).flatMap(({ results }) => results);
    const failed = new Set(own.filter(isFailed).map(({ rule }) => rule));
    const rules = failing.filter(({ id }) => failed.has(id));
    if (rules.length === 0) continue;
    const rows: CheckedRows = {
      ...deliveredRows(each.table, each.mapping, viewOf[version], dialects[config.warehouse.kind]),
      rows: rowsOf([each]),
      excused: [],
      commitmentExports: each.mapping.cloud === "aws" ? [each.name] : [],
    };
    const isFound = ({ id }: AnsweredRule): boolean =>
      months.every(({ month, results }) => {
        const isFailing = results.some((result) => result.rule === id && isFailed(result));
        return month.pipeline !== each.name || !isFailing || found.has(exampleKey(each.name, month.billingMonth, id));
      });
    const find = async (sought: readonly AnsweredRule[], from: string): Promise<void> => {
      if (sought.length === 0) return;
      for (const month of await countRules(sought, { ...rows, from }, askingViews(warehouse))) {
        for (const [rule, { broken }] of month.counts) {
          if (broken > 0) found.add(exampleKey(month.pipeline, month.billingMonth, rule));
        }
      }
    };
    // What a cloud does wrong is mostly wrong in all rows, so that a few of them show it. BigQuery bills all rows even then.
    if (config.warehouse.kind === "duckdb") {
      await find(answeredBy(rules, "rows"), `(SELECT * FROM ${rows.from} AS d LIMIT 10000)`);
    }
    await find(
      rules.filter((rule) => !isFound(rule)),
      rows.from,
    );
  }
  return found;
}

/** The origin of a rule that consists of others is billhouse as soon as one of them fails because of it. */
function withOriginsOfParts(results: readonly RuleResult[], failing: readonly AnsweredRule[]): readonly RuleResult[] {
  const known = new Map(results.map((result) => [result.rule, result]));
  const rules = new Map(failing.map((rule) => [rule.id, rule]));
  const originOf = (id: string): RuleResult["origin"] => {
    const [answer, result] = [rules.get(id)?.answer, known.get(id)];
    if (answer?.by !== "parts" || result?.verdict !== "fail") return result?.origin ?? null;
    return answer.parts.some((part) => originOf(part) === "billhouse") ? "billhouse" : "cloud";
  };
  return results.map((result) => ({ ...result, origin: originOf(result.rule) }));
}

/** The column of the value that breaks a rule about groups or commitments. */
function nameOfValue({ answer }: AnsweredRule): string {
  return answer.by === "groups" ? answer.key : "CommitmentDiscountId";
}

function isFailed({ verdict }: RuleResult): boolean {
  return verdict === "fail";
}

function scoresOf(months: readonly MonthResults[]): readonly RuleScore[] {
  return months.map(({ month: { pipeline, billingMonth, rows }, results }) => {
    const own = results.filter(({ parts }) => parts === 0);
    const count = (verdict: RuleResult["verdict"]): number => own.filter((each) => each.verdict === verdict).length;
    const [passed, failed] = [count("pass"), count("fail")];
    const score = shareOf(String(passed), String(passed + failed));
    return { pipeline, billingMonth, rows, passed, failed, undecidable: count("undecidable"), score };
  });
}
