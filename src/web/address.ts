import { measures, type Measure } from "../answers/measures.ts";
import type { ValidateResult } from "../answers/validate.ts";
import { BillhouseError, quoted } from "../errors.ts";
import { isBillingMonth, isDay } from "../schema/periods.ts";

/** What a page shows. Its address holds all of it, so that a page can be kept and sent as a link. */
export interface View {
  /** The billing months, both included; undefined for those that the page chooses. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** The month that it is compared with; undefined for the previous month. */
  readonly vs?: string | undefined;
  readonly currency?: string | undefined;
  /** A dimension such as `service` or `tag:team`. */
  readonly by: string;
  readonly measure: Measure;
  readonly grain: "day" | "month";
  /** Such as `service=Amazon EC2`. */
  readonly filters: readonly string[];
  /** `1` to show the resources and days of the largest change, which takes longer than its cause. */
  readonly drill?: string | undefined;
  /** The key of the tag that untagged cost lacks; undefined for the page's choice, empty for any. */
  readonly tag?: string | undefined;
  /** Whose rules are checked. */
  readonly focus: FocusVersion;
}

/** A version of FOCUS with rules. */
export type FocusVersion = ValidateResult["version"];

/** The versions of FOCUS with rules; the first one has official rules. */
export const focusVersions: readonly FocusVersion[] = ["1.2", "1.4"];

/** What an address without a query shows. */
export const plainView: View = { by: "service", measure: "effective", grain: "day", filters: [], focus: "1.2" };

/** Reads the query of an address; unknown names are ignored. Error: USAGE_INVALID for a value that a page cannot show. */
export function readView(query: URLSearchParams): View {
  const given = (name: string): string | undefined => query.get(name)?.trim() || undefined;
  const month = given("month");
  const [from, to] = [given("from") ?? month, given("to") ?? month];
  const [measure = plainView.measure, grain = plainView.grain] = [given("measure"), given("grain")];
  for (const each of [from, to, given("vs")]) {
    if (each !== undefined && !isBillingMonth(each))
      throw wrong(each, "a billing month", "A month is written 2025-03.");
  }
  if (from !== undefined && to !== undefined && to < from) {
    throw new BillhouseError("USAGE_INVALID", `The period from ${from} to ${to} ends before it starts.`, {
      hint: "Choose a last month that is not before the first one.",
    });
  }
  if (!isMeasure(measure)) throw wrong(measure, "a measure", `Choose from ${measures.join(", ")}.`);
  if (grain !== "day" && grain !== "month") throw wrong(grain, "a step of time", "Choose from day, month.");
  const focus = focusVersions.find((version) => version === (given("focus") ?? plainView.focus));
  if (focus === undefined)
    throw wrong(given("focus") ?? "", "a version of FOCUS with rules", `Choose from ${focusVersions.join(", ")}.`);
  const day = given("day");
  if (day !== undefined && !isDay(day)) throw wrong(day, "a day", "A day is written 2025-03-07.");
  return {
    from,
    to,
    vs: given("vs"),
    currency: query.get("currency") ?? undefined,
    by: given("by") ?? plainView.by,
    measure,
    grain,
    filters: [...new Set(query.getAll("filter").filter((filter) => filter !== ""))],
    drill: given("drill") === "1" ? "1" : undefined,
    tag: query.get("tag") ?? undefined,
    focus,
  };
}

/** The address of a page with a view, without what is its default. */
export function addressOf(path: string, view: Partial<View>, more: Readonly<Record<string, string>> = {}): string {
  const { from, to, filters = [], ...others } = view;
  const query = new URLSearchParams();
  if (from !== undefined && from === to) query.set("month", from);
  else {
    if (from !== undefined) query.set("from", from);
    if (to !== undefined) query.set("to", to);
  }
  for (const [name, value] of Object.entries(others)) {
    if (typeof value === "string" && value !== plainView[name as keyof View]) query.set(name, value);
  }
  for (const filter of filters) query.append("filter", filter);
  for (const [name, value] of Object.entries(more)) query.set(name, value);
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}

/** The name and the value of a filter; the value is empty for charges that lack one. */
export function filterParts(filter: string): { readonly name: string; readonly value: string } {
  const [, name = filter, value = ""] = /^(tag:[^=]+|[^=]+)=(.*)$/su.exec(filter) ?? [];
  return { name, value };
}

function isMeasure(word: string): word is Measure {
  return measures.some((measure) => measure === word);
}

function wrong(value: string, what: string, hint: string): BillhouseError {
  return new BillhouseError("USAGE_INVALID", `${quoted(value)} is not ${what}.`, { hint });
}
