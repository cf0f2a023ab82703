import type { Execution } from "../../model.ts";
import { planColumns, type ColumnPlan, type ColumnSituation } from "../../schema/columns.ts";
import type { Survey } from "../months/survey.ts";

/**
 * The plan by which a month is described in its receipt. A run that was stopped, or that failed, has left columns in the
 * table that it made for months which it did not load: to the run that loads them now they are still new, so that the
 * receipt says what it would have said at first.
 */
export function planAsAtFirst(
  execution: Execution,
  survey: Survey,
  situation: ColumnSituation,
  plan: ColumnPlan,
): ColumnPlan {
  const { registry, table } = situation;
  const isLeft = leftFor(execution, survey);
  const left = new Set(registry.filter((row) => isLeft(row.firstExecution)).map((row) => row.columnName));
  if (left.size === 0) return plan;
  const creator = table?.flatMap(({ name }) => registry.find((row) => row.columnName === name) ?? []).at(0);
  const creates = plan.creates || (creator !== undefined && isLeft(creator.firstExecution));
  const first = planColumns(
    {
      ...situation,
      registry: registry.filter((row) => !left.has(row.columnName)),
      table: creates ? null : (table?.filter(({ name }) => !left.has(name)) ?? null),
    },
    survey.discovery.format.columns,
  );
  const added = plan.columns.flatMap(({ name, type }) => (left.has(name) ? [{ name, type: type ?? "text" }] : []));
  return { ...plan, creates, added: [...plan.added, ...added], untyped: [...plan.untyped, ...first.untyped] };
}

/**
 * Whether what an execution brought first was made for another one too, by a run that did not load that one: a run that
 * came to its end has left a summary, and could not see what was delivered later.
 */
function leftFor({ id, manifest }: Execution, { ledger, plans }: Survey): (first: string) => boolean {
  const receiptOf = (other: string): Survey["ledger"]["receipts"][number] | undefined =>
    ledger.receipts.find((receipt) => receipt.executionId === other);
  // It was loaded before, and is loaded again.
  if (receiptOf(id) !== undefined) return () => false;
  const planned = new Set(plans.map((plan) => plan.execution?.id));
  return (first) => {
    const receipt = receiptOf(first);
    if (receipt === undefined) return planned.has(first);
    const finished = ledger.lastSummary !== null && receipt.loadId <= ledger.lastSummary;
    return !finished && Date.parse(manifest.modified) < Date.parse(receipt.loadedAt);
  };
}
