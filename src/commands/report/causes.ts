import { magnitude, shareOf } from "../../answers/arithmetic.ts";
import type { AccountNames } from "../../answers/bills.ts";
import type { Driver } from "../../answers/explanation.ts";
import { partNames, parts } from "../../answers/parts.ts";
import type { ReportResult } from "../../answers/report.ts";
import { compareDecimals } from "../../schema/decimals.ts";
import { accountCell, formatAmount, formatChange, formatShare, isShownAsZero } from "../figures.ts";
import {
  columnsOf,
  money,
  othersOf,
  plainRow,
  type ReportRow,
  type ReportSection,
  type ReportTable,
  withUnit,
} from "./section.ts";

/** Why the month cost more or less than the previous one: the parts of the difference, and the largest drivers. */
export function causes({ explain, notExplained, month }: ReportResult): ReportSection {
  const title = explain === null ? `Why ${month} changed` : `Why ${explain.month} differs from ${explain.vs}`;
  if (explain === null) return { title, sentences: [], tables: [], notes: notExplained === null ? [] : [notExplained] };
  const tables = Object.entries(explain.currency).flatMap(([currency, own]): ReportTable[] => {
    const shown = parts.filter((part) => !isShownAsZero(own.parts[part]));
    const most =
      shown
        .map((part) => magnitude(own.parts[part]))
        .toSorted(compareDecimals)
        .at(-1) ?? "0";
    const total = (name: string, amount: string): ReportRow => ({
      ...plainRow(name, formatAmount(amount)),
      isTotal: true,
    });
    const partRows = shown.map((part) => ({
      ...plainRow(partNames[part], formatChange(own.parts[part])),
      bar: shareOf(magnitude(own.parts[part]), most),
    }));
    const drivers = own.drivers.map((driver) =>
      plainRow(
        ...explain.by.map((name) => driverName(driver, name, explain.accountNames)),
        whatOf(driver),
        formatChange(driver.amount),
      ),
    );
    const others = plainRow(...othersOf(explain.by, own.rest.drivers), "", formatChange(own.rest.amount));
    return [
      {
        columns: columnsOf(["part"], [withUnit("cost", currency)]),
        rows: [total(explain.vs, own.before), ...partRows, total(explain.month, own.after)],
      },
      ...(drivers.length === 0
        ? []
        : [
            {
              columns: columnsOf([...explain.by, "driver"], [withUnit("amount", currency)]),
              rows: [...drivers, ...(own.rest.drivers > 0 ? [others] : [])],
            },
          ]),
    ];
  });
  return { title, sentences: [], tables, notes: [] };
}

function driverName({ keys, meter }: Driver, name: keyof Driver["keys"], names: AccountNames): string {
  const value = name === "sku" ? (meter ?? keys.sku ?? null) : (keys[name] ?? null);
  if (value === null) return "(none)";
  return name === "account" ? accountCell(value, names, { verbose: false }) : value;
}

/** What a driver is: `usage`, `new SKU`. */
function whatOf({ part, label }: Driver): string {
  if (label === null) return partNames[part];
  return part === "other" ? label : `${part} ${label === "sku" ? "SKU" : label}`;
}

/** What is unused of reservations and savings plans. */
export function commitmentSection({ commitments, month }: ReportResult): ReportSection {
  const paid = Object.entries(commitments.currency).filter(([, { rows }]) => rows.length > 0);
  const sentences = paid.map(([currency, { total, coverage, coverageOf }]) =>
    [
      `${money(total.unused, currency)} of commitments was not used, and ${formatShare(total.utilisation)} was.`,
      `They saved ${money(total.netSavings, currency)}, and cover ${formatShare(coverage)} of ${coverageOf}.`,
    ].join(" "),
  );
  const tables = paid.map(([currency, { rows, total }]): ReportTable => ({
    columns: columnsOf(["commitment", "type"], [withUnit("used", currency), "unused", "utilisation", "net savings"]),
    rows: [
      ...rows.map(({ commitmentId, name, type, ...use }) => ({
        ...plainRow(name ?? commitmentId?.split(/[/:]/).at(-1) ?? "(none)", type ?? "(none)", ...figuresOf(use)),
      })),
      { ...plainRow("total", "", ...figuresOf(total)), isTotal: true },
    ],
  }));
  const open =
    commitments.isOver || paid.length === 0
      ? []
      : [`${month} is not over: fees of the whole month can already count as unused.`];
  return { title: "Commitments", sentences, tables, notes: open };
}

function figuresOf({
  used,
  unused,
  utilisation,
  netSavings,
}: ReportResult["commitments"]["currency"][string]["total"]) {
  return [formatAmount(used), formatAmount(unused), formatShare(utilisation), formatChange(netSavings)];
}
