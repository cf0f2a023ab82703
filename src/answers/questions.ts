import { checkArguments, date, optional, type Shape, text } from "../config/arguments.ts";
import type { Config } from "../config/config.ts";
import { nearest } from "../config/nearest.ts";
import { BillhouseError, quoted } from "../errors.ts";
import { openQuestions, questions } from "../focus/questions/index.ts";
import type { Question } from "../focus/questions/question.ts";
import { newestView } from "../focus/views.ts";
import type { BillingMonth } from "../model.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { dialects } from "../pipeline/views/source.ts";
import { checkMonths } from "../schema/periods.ts";
import type { QueryColumn } from "../warehouses/warehouse.ts";
import { requireCapability } from "../warehouses/warehouse.ts";
import { shareOf } from "./arithmetic.ts";
import { type AnswerOptions, monthOfAnswer, readingBills } from "./bills.ts";
import { requireLoaded } from "./periods.ts";

/** The questions with an answer, and those without one. */
export interface QuestionList {
  readonly questions: readonly ListedQuestion[];
  /** Questions of the FOCUS use-case library that bills of AWS and Azure do not answer. */
  readonly open: readonly { readonly title: string; readonly because: string }[];
}

/** A question, as lists show it. */
export interface ListedQuestion {
  readonly name: string;
  readonly title: string;
  /** The titles of the questions of the FOCUS use-case library that it answers. */
  readonly library: readonly string[];
  /** Where it differs from the query of the library, and why; null if it does not. */
  readonly difference: string | null;
}

/** Which question is asked. */
export interface QuestionOptions extends Omit<AnswerOptions, "pipelines"> {
  readonly name: string;
  /** By default the newest month that is over; of questions about several months, the twelve months that end with it. */
  readonly from?: BillingMonth;
  readonly to?: BillingMonth;
}

/** The answer to a question. */
export interface QuestionResult extends ReadSource {
  readonly name: string;
  readonly title: string;
  readonly from: BillingMonth;
  readonly to: BillingMonth;
  /** The statement, as it can be run with `query`. */
  readonly sql: string;
  /** The columns, the rates last. */
  readonly columns: readonly QueryColumn[];
  /** Amounts are exact decimal text, rates are rounded to 6 digits after the point. */
  readonly rows: readonly Readonly<Record<string, string | number | boolean | null>>[];
}

/** The questions, those with an answer first. */
export function listQuestions(): QuestionList {
  const listed = questions.map(({ name, title, library, difference = null }) => ({ name, title, library, difference }));
  return { questions: listed, open: openQuestions };
}

/** The statement of a question for some months. Error: USAGE_INVALID for an unknown name. */
export function questionSql(
  name: string,
  { from, to }: { readonly from: BillingMonth; readonly to: BillingMonth },
): string {
  return questionNamed(name).sql.replace("{from}", from).replace("{to}", to);
}

/**
 * Answers a question from the bills. Errors: CONFIG_INVALID, USAGE_INVALID for an unknown question or a month that is not
 * loaded, WAREHOUSE_NOT_FOUND if nothing is loaded, and those of opening the warehouse.
 */
export async function ask(config: Config, options: QuestionOptions): Promise<QuestionResult> {
  checkArguments(config, options, questionRules);
  const { name, from, to, ...others } = options;
  checkMonths({ ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) });
  const question = questionNamed(name);
  return readingBills(config, others, async (bills) => {
    const end = to ?? (from === undefined || question.months !== undefined ? monthOfAnswer(bills, undefined) : from);
    const period = {
      from:
        from ??
        (to === undefined || question.months !== undefined ? monthsBefore(end, (question.months ?? 1) - 1) : to),
      to: end,
    };
    checkMonths(period);
    requireLoaded(bills.exports, period);
    const sql = questionSql(name, period);
    const dataset = config.warehouse.kind === "bigquery" ? config.focus.dataset : "main";
    const view = dialects[config.warehouse.kind].tableName({ dataset }, newestView);
    const columns: QueryColumn[] = [];
    const settings = { onColumns: (found: readonly QueryColumn[]) => void columns.push(...found) };
    const rows: QuestionResult["rows"][number][] = [];
    const statement = sql.replace(`FROM ${newestView}\n`, `FROM ${view}\n`);
    for await (const row of requireCapability(bills.warehouse, "query")(statement, settings)) {
      rows.push({ ...(row as QuestionResult["rows"][number]), ...ratesOf(question, row) });
    }
    const rates = Object.keys(question.rates ?? {}).map((rate): QueryColumn => ({ name: rate, kind: "decimal" }));
    const shown = [...columns, ...rates];
    return { name, title: question.title, ...period, sql, columns: shown, rows };
  });
}

const questionRules: Shape<QuestionOptions> = {
  name: text,
  from: optional(text),
  to: optional(text),
  now: optional(date),
};

function ratesOf(
  { rates = {} }: Question,
  row: Readonly<Record<string, unknown>>,
): Readonly<Record<string, string | null>> {
  return Object.fromEntries(
    Object.entries(rates).map(([name, [amount, whole]]) => {
      const [part, of] = [row[amount], row[whole]];
      return [name, typeof part === "string" && typeof of === "string" ? shareOf(part, of) : null];
    }),
  );
}

function questionNamed(name: string): Question {
  const question = questions.find((each) => each.name === name);
  if (question !== undefined) return question;
  const close = nearest(
    name,
    questions.map((each) => each.name),
  );
  throw new BillhouseError("USAGE_INVALID", `There is no question named ${quoted(name)}.`, {
    hint: `${close === undefined ? "" : `Did you mean ${close}? `}billhouse questions list shows all of them.`,
  });
}

function monthsBefore(month: BillingMonth, count: number): BillingMonth {
  const [year, number] = month.split("-").map(Number);
  return new Date(Date.UTC(year ?? 0, (number ?? 1) - 1 - count, 1)).toISOString().slice(0, 7);
}
