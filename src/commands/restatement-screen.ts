import type { RestatedCosts, RestatementResult } from "../answers/restatement.ts";
import { lastName } from "../pipeline/reconcile/names.ts";
import type { ReadSource } from "../pipeline/open.ts";
import { formatAmount, formatChange, formatCount, formatNumber, formatTime, sourcePart } from "./figures.ts";
import { executionNames, noteLine, paint, type ScreenStyle, visible, wrapText } from "./output.ts";
import type { Row } from "./query-formats.ts";
import { type Column, fitNames, indented } from "./tables.ts";

/** Two loads of a month for people: of each currency the sentence and the largest changes, and the loads. */
export function restatementScreen(result: Omit<RestatementResult, keyof ReadSource>, style: ScreenStyle): string {
  const { month, asOf, currency, notes, loads } = result;
  const other = asOf === "previous" ? "its previous load" : `its load as of ${visible(asOf)}`;
  const sections = Object.entries(currency).map(([name, costs]) =>
    [`  ${wrapText(visible(costs.sentence), style.columns, 2)}`, ...changeLines(costs, name, style)].join("\n"),
  );
  const known = "By the receipts of both loads: billed cost, which cannot be split into usage and prices.";
  return `${[
    paint(style, "strong", `How ${month} differs from ${other}`),
    ...sections,
    loadLines(result, style).join("\n"),
    [known, ...notes].map((note) => noteLine(note, style)).join("\n"),
    ...sourcePart(loads, style),
  ].join("\n\n")}\n`;
}

function changeLines({ changes, rest, unattributed }: RestatedCosts, currency: string, style: ScreenStyle): string[] {
  const others = [
    ...(rest.changes > 0 ? [{ name: formatNumber(rest.changes, "other"), amount: rest.amount }] : []),
    ...(unattributed === "0" ? [] : [{ name: "not attributed", amount: unattributed }]),
  ];
  if (changes.length + others.length === 0) return [];
  const name = (value: string | null): string => visible(value ?? "(none)");
  const account = (value: string | null): string => name(value === null || style.verbose ? value : lastName(value));
  const names: Column[] = [
    { title: "service", cells: [...changes.map(({ service }) => name(service)), ...others.map((each) => each.name)] },
    { title: "account", cells: [...changes.map((change) => account(change.account)), ...others.map(() => "")] },
    { title: "charge", cells: [...changes.map(({ chargeType }) => name(chargeType)), ...others.map(() => "")] },
  ];
  const figures: Column[] = [
    {
      title: `change${currency === "" ? "" : ` ${visible(currency)}`}`,
      lean: "right",
      cells: [
        ...changes.map(({ difference }) => formatChange(difference)),
        ...others.map(({ amount }) => formatChange(amount)),
      ],
    },
  ];
  return ["", ...indented([...fitNames(names, figures, style), ...figures], style)];
}

function loadLines({ exports }: Omit<RestatementResult, keyof ReadSource>, style: ScreenStyle): string[] {
  const loads = exports.flatMap(({ name, before, after, isSame }) => [
    { name, when: "before", ...before },
    ...(isSame ? [] : [{ name: "", when: "after", ...after }]),
  ]);
  return indented(
    [
      { title: "export", cells: loads.map(({ name }) => visible(name)) },
      { title: "", cells: loads.map(({ when }) => when) },
      { title: "loaded (UTC)", cells: loads.map(({ loadedAt }) => formatTime(loadedAt)) },
      { title: "delivery", cells: loads.map(({ executionIds }) => executionNames(executionIds, style)), spare: 1 },
      { title: "rows", lean: "right", cells: loads.map(({ rows }) => formatCount(rows)) },
      {
        title: "cost",
        lean: "right",
        cells: loads.map(({ cost }) =>
          Object.entries(cost ?? {})
            .map(([currency, amount]) => `${formatAmount(amount)}${currency === "" ? "" : ` ${visible(currency)}`}`)
            .join(", "),
        ),
      },
    ],
    style,
  );
}

/** The columns of two compared loads as CSV. */
export const restatementColumns: readonly string[] =
  "currency row export service account charge_type rows_before rows_after before after amount".split(" ");

/** The rows of two compared loads: each change, and the total of each currency. */
export function* restatementRows({ currency }: Omit<RestatementResult, keyof ReadSource>): Generator<Row> {
  for (const [name, { changes, rest, unattributed, before, after, difference }] of Object.entries(currency)) {
    for (const change of changes) {
      yield {
        currency: name,
        row: "change",
        export: change.export,
        service: change.service,
        account: change.account,
        charge_type: change.chargeType,
        rows_before: change.rowsBefore,
        rows_after: change.rowsAfter,
        before: change.costBefore,
        after: change.costAfter,
        amount: change.difference,
      };
    }
    if (rest.changes > 0) yield { currency: name, row: "rest", amount: rest.amount };
    if (unattributed !== "0") yield { currency: name, row: "unattributed", amount: unattributed };
    yield { currency: name, row: "total", before, after, amount: difference };
  }
}
