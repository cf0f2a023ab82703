import { spawn } from "node:child_process";
import type { Config, NotifyConfig, PipelineConfig } from "../config/config.ts";
import { BillhouseError, describeError } from "../errors.ts";
import type { BillingMonth } from "../model.ts";
import type { PipelineResult, ReportedError, RunFinished } from "../pipeline/events.ts";
import type { PipelineStatus } from "../pipeline/status.ts";
import type { MonthStatus } from "../pipeline/status/month.ts";
import { addDays, dayInWords, monthSpan } from "../schema/periods.ts";
import { maskSecrets } from "../secrets.ts";
import type { CommandContext } from "./context.ts";
import { daySpans } from "./flags.ts";
import { runSummary } from "./follow.ts";
import { paint, resultText, visible } from "./output.ts";

/** One event for the command of `[notify]`, as JSON with property names in snake_case. */
export interface Alert {
  readonly event:
    | "month_failed"
    | "month_shrunk"
    | "month_partial"
    | "month_late"
    | "month_restated"
    | "export_failed"
    | "export_stale"
    | "run_failed"
    | "run_finished";
  /** ISO 8601 UTC. */
  readonly time: string;
  /** One sentence or line for people. */
  readonly message: string;
  /** The configuration file, absolute; null without one. */
  readonly config: string | null;
  /** The export and its table; null for what concerns the whole run. */
  readonly name: string | null;
  readonly table: string | null;
  readonly billingMonth: BillingMonth | null;
  /** The error, for what failed. */
  readonly error?: ReportedError;
  /** The exports of a finished run, as in the event `run_finished` of `run --json`. */
  readonly pipelines?: readonly PipelineResult[];
  readonly seconds?: number;
}

/** What is done at the end of a run that is watched. Neither throws: a command that fails is a warning. */
export interface RunWatch {
  finished(finished: RunFinished): Promise<void>;
  failed(error: unknown): Promise<void>;
}

/** How long the command may take, in milliseconds. */
export const commandTimeout = 30_000;

/**
 * Prepares to notify of what a run changes. Reads what is known before the run: only what is new since the last run without
 * a failure is an alert, besides failures, which every run reports.
 */
export async function watchRun(
  config: Config,
  exports: readonly string[],
  context: CommandContext,
): Promise<RunWatch | null> {
  const { notify } = config;
  if (notify === null) return null;
  const { status } = await import("../pipeline/status.ts");
  const warn = (text: string): void => context.stderr.write(`${paint(context.stderr, "changed", "!")} ${text}\n`);
  const looking = async <T>(look: () => Promise<T>): Promise<T | BillhouseError> =>
    look().catch((error: unknown) => {
      if (error instanceof BillhouseError) return error;
      throw error;
    });
  const now = context.now();
  const before = await looking(async () => {
    const { pipelines } = await status(config, { pipelines: exports, offline: true, now });
    const known: PipelineStatus[] = [];
    for (const { name, lastRun } of pipelines) {
      if (lastRun === null) continue;
      known.push(...(await status(config, { pipelines: [name], offline: true, now: new Date(lastRun) })).pipelines);
    }
    return known;
  });
  const base = { time: now.toISOString(), config: config.file };
  const send = async (alerts: readonly Alert[]): Promise<void> => {
    for (const alert of alerts) {
      const failure = await runCommand(notify, alert, context);
      if (failure === null) continue;
      warn(`The command of [notify] failed for ${alert.event}: ${visible(maskSecrets(failure.reason))}`);
      if (failure.isTimeout) return;
    }
  };
  return {
    async finished(finished) {
      const waits = finished.pipelines.some(({ waiting }) => waiting.length > 0);
      const after = await looking(() => status(config, { pipelines: exports, offline: !waits, now }));
      const found: RunAlert[] = [];
      if (before instanceof BillhouseError || after instanceof BillhouseError) {
        const [unread] = [before, after].filter((looked) => looked instanceof BillhouseError);
        const reason = visible(unread?.message ?? "");
        warn(`What is new since the last run is not known, so that only failures are reported: ${reason}`);
      } else {
        for (const pipeline of after.pipelines) {
          const earlier = before.find(({ name }) => name === pipeline.name) ?? null;
          const source = config.pipelines.find(({ name }) => name === pipeline.name);
          const rules = { now, maxAge: notify.maxAge };
          if (source !== undefined) found.push(...newConditions(pipeline, earlier, { ...rules, source }));
        }
      }
      const alerts = [...finished.pipelines.flatMap(failures), ...found].map((alert): Alert => ({ ...base, ...alert }));
      const changed = finished.pipelines.some(({ loaded, acceptedGaps }) => loaded.length + acceptedGaps.length > 0);
      const summary: Alert = {
        ...base,
        event: "run_finished",
        message: runSummary(finished, { colour: false }),
        name: null,
        table: null,
        billingMonth: null,
        pipelines: finished.pipelines.map(withoutStacks),
        seconds: finished.seconds,
      };
      await send([...alerts, ...(changed ? [summary] : [])]);
    },
    async failed(thrown) {
      const error = describeError(thrown);
      // A person at the terminal sees these.
      if (["INTERRUPTED", "USAGE_INVALID"].includes(error.code)) return;
      const whole = { name: null, table: null, billingMonth: null };
      await send([{ ...base, event: "run_failed", message: error.message, ...whole, error }]);
    },
  };
}

/** An alert without what every alert of a run has in common. */
type RunAlert = Omit<Alert, "time" | "config">;

function failures({ name, table, failed, error }: PipelineResult): readonly RunAlert[] {
  const months = failed.map((month): RunAlert => {
    const event = month.code === "MONTH_SHRUNK" ? "month_shrunk" : "month_failed";
    const { billingMonth, message } = month;
    return { event, message, name, table, billingMonth, error: withoutStack(month) };
  });
  if (error === undefined) return months;
  const { message } = error;
  const whole: RunAlert = {
    event: "export_failed",
    message,
    name,
    table,
    billingMonth: null,
    error: withoutStack(error),
  };
  return [...months, whole];
}

function withoutStacks(pipeline: PipelineResult): PipelineResult {
  const failed = pipeline.failed.map((month) => ({ billingMonth: month.billingMonth, ...withoutStack(month) }));
  return { ...pipeline, failed, ...(pipeline.error === undefined ? {} : { error: withoutStack(pipeline.error) }) };
}

/** Stacks, which a run with `--debug` has, are for the terminal alone. */
function withoutStack({ code, message, hint }: ReportedError): ReportedError {
  return { code, message, hint };
}

/** An alert that lasts until something changes; `identity` distinguishes one state from the next. */
interface Condition extends RunAlert {
  readonly identity: string;
}

interface Rules {
  readonly source: PipelineConfig;
  readonly now: Date;
  /** Seconds. */
  readonly maxAge: number | null;
}

/** The conditions that hold now, and did not hold when the last run without a failure ended. */
function newConditions(after: PipelineStatus, before: PipelineStatus | null, rules: Rules): readonly RunAlert[] {
  const keyOf = ({ event, billingMonth, identity }: Condition): string =>
    JSON.stringify([event, billingMonth, identity]);
  const lastRun = before?.lastRun ?? null;
  const then = { ...rules, now: new Date(lastRun ?? 0) };
  const known =
    before === null || lastRun === null ? [] : [...ofLoads(before, then), ...ofAges(after, then)].map(keyOf);
  return [...ofLoads(after, rules), ...ofAges(after, rules)]
    .filter((condition) => !known.includes(keyOf(condition)))
    .map(({ event, message, name, table, billingMonth }) => ({ event, message, name, table, billingMonth }));
}

/** Conditions of what is loaded, and of what should be. */
function ofLoads(status: PipelineStatus, { source, now }: Rules): readonly Condition[] {
  const { name, table, months } = status;
  const found = months.flatMap((month): Pick<Condition, "event" | "billingMonth" | "message" | "identity">[] => {
    const { billingMonth, finality, missingDays, accepted, state, loadedAt } = month;
    const title = `${name} ${billingMonth}`;
    if (finality === "partial" && !accepted) {
      const message = `${title} is partial: ${daySpans(missingDays)} missing.`;
      return [{ event: "month_partial", billingMonth, message, identity: JSON.stringify(missingDays) }];
    }
    if (finality === "restated-after-final") {
      const message = `${title} was final and has been restated: billhouse diff ${name} ${billingMonth} shows the change.`;
      return [{ event: "month_restated", billingMonth, message, identity: `${loadedAt}` }];
    }
    if (state !== "missing" || !isOverdue(billingMonth, now)) return [];
    return [{ event: "month_late", billingMonth, message: `${title} is missing between loaded months.`, identity: "" }];
  });
  const due = overdueMonth(months, source, now);
  if (due !== null) {
    const message = `${name} ${due} is not loaded, although it ended on ${dayInWords(monthSpan(due).end)}.`;
    found.push({ event: "month_late", billingMonth: due, message, identity: "" });
  }
  return found.map((condition) => ({ name, table, ...condition }));
}

/** A delivery may wait this long, in milliseconds, before it is late. */
const longestWait = 24 * 60 * 60 * 1000;

/** Conditions that come about by time alone. */
function ofAges({ name, table, months, newestLoad }: PipelineStatus, { now, maxAge }: Rules): readonly Condition[] {
  const late = months.flatMap(({ billingMonth, waitingSince, reason }): Condition[] => {
    if (waitingSince === null || now.getTime() - Date.parse(waitingSince) <= longestWait) return [];
    const message = `${name} ${billingMonth} has been waiting for more than 24 hours. ${reason ?? ""}`.trimEnd();
    return [{ event: "month_late", message, name, table, billingMonth, identity: waitingSince }];
  });
  const isStale = maxAge !== null && newestLoad !== null && (now.getTime() - Date.parse(newestLoad)) / 1000 > maxAge;
  if (!isStale) return late;
  const message = `The newest load of ${name} is of ${newestLoad}, which is older than max_age allows.`;
  return [...late, { event: "export_stale", message, name, table, billingMonth: null, identity: newestLoad }];
}

/** How many days after its end a month is due. */
const daysUntilDue = 5;

function isOverdue(month: BillingMonth, now: Date): boolean {
  return now.toISOString().slice(0, 10) > addDays(monthSpan(month).end, daysUntilDue);
}

/** The last month before this one, when it is due, charges are expected in it, and no load or delivery of it is there. */
function overdueMonth(
  months: readonly MonthStatus[],
  { activeFrom, activeTo, firstMonth }: PipelineConfig,
  now: Date,
): BillingMonth | null {
  const month = addDays(`${now.toISOString().slice(0, 7)}-01`, -1).slice(0, 7);
  const { start, end } = monthSpan(month);
  const isExpected =
    (activeFrom === null || activeFrom <= end) &&
    (activeTo === null || activeTo >= start) &&
    (firstMonth === null || firstMonth <= month);
  // An export without months still lacks its first delivery, or a later month has replaced it.
  const isThere = months.length === 0 || months.some(({ billingMonth }) => billingMonth >= month);
  return isExpected && !isThere && isOverdue(month, now) ? month : null;
}

interface CommandFailure {
  readonly reason: string;
  readonly isTimeout: boolean;
}

/**
 * Runs the command with the alert as one line of JSON on its standard input and the event in BILLHOUSE_EVENT; null when it
 * ends with 0. It has the environment of this process and nothing else: keys from files are not passed on.
 */
async function runCommand(
  { command, folder }: NotifyConfig,
  alert: Alert,
  { environment, signal }: CommandContext,
): Promise<CommandFailure | null> {
  const [program = "", ...words] = typeof command === "string" ? [command] : command;
  const child = spawn(program, words, {
    shell: typeof command === "string",
    cwd: folder,
    env: { ...environment, BILLHOUSE_EVENT: alert.event },
    stdio: ["pipe", "ignore", "pipe"],
    // A group of its own, so that what a shell started ends with it.
    detached: process.platform !== "win32",
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-500);
  });
  // A command that does not read its input is not a failure.
  child.stdin.on("error", () => {});
  child.stdin.end(`${maskSecrets(resultText(alert))}\n`);
  return new Promise((resolve) => {
    let isTimeout = false;
    const kill = (): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(process.platform === "win32" ? child.pid : -child.pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    };
    const timer = setTimeout(() => {
      isTimeout = true;
      kill();
    }, commandTimeout);
    signal.addEventListener("abort", kill);
    const end = (failure: CommandFailure | null): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", kill);
      resolve(failure);
    };
    child.on("error", (error) => end({ reason: error.message, isTimeout: false }));
    child.on("close", (code, killed) => {
      const last = errors.trim().split("\n").at(-1) ?? "";
      const how = isTimeout
        ? `it took longer than ${commandTimeout / 1000} seconds, and was killed.`
        : `${code === null ? `signal ${killed}` : `exit code ${code}`}${last === "" ? "." : `: ${last}`}`;
      end(code === 0 && !isTimeout ? null : { reason: how, isTimeout });
    });
  });
}
