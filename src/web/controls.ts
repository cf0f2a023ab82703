import { measures } from "../answers/measures.ts";
import type { Config } from "../config/config.ts";
import { html, type Markup } from "../drawing/markup.ts";
import type { BillingMonth } from "../model.ts";
import { monthsOf } from "../schema/periods.ts";
import { addressOf, plainView, type View } from "./address.ts";

/** The currency of a view: the named one if there are charges in it, else the first one. */
export function currencyOf({ currency }: View, currencies: readonly string[]): string {
  return currency !== undefined && currencies.includes(currency) ? currency : (currencies[0] ?? "");
}

/** Links to the same page in other currencies; nothing where there is only one. */
export function currencySwitch(path: string, view: View, currencies: readonly string[]): Markup | "" {
  if (currencies.length < 2) return "";
  return html`<nav class="switch" aria-label="Currency">
    ${currencies.map((each) => {
      const name = each === "" ? "no currency" : each;
      return html`<a
        href="${addressOf(path, { ...view, currency: each })}"
        ${each === view.currency ? html` aria-current="true"` : ""}
        >${name}</a
      >`;
    })}
  </nav>`;
}

/** Links to the months beside the month of a view, and a list of all months. */
export function monthSwitch(path: string, view: View, months: readonly BillingMonth[]): Markup {
  const { to: month = "" } = view;
  const index = months.indexOf(month);
  const link = (other: BillingMonth | undefined, text: string, label: string): Markup =>
    other === undefined
      ? html`<span class="step" aria-hidden="true">${text}</span>`
      : html`<a
          class="step"
          href="${addressOf(path, { ...view, from: other, to: other })}"
          aria-label="${label}, ${other}"
          >${text}</a
        >`;
  return html`<div class="switch">
    ${link(index > 0 ? months[index - 1] : undefined, "‹", "The month before")}
    <form action="${path}" data-auto>
      ${hidden({ ...view, from: undefined, to: undefined })}<label
        ><span class="hidden">Month</span
        ><select name="month">
          ${months.toReversed().map((each) => option(each, each, each === month))}
        </select></label
      ><button>Show</button>
    </form>
    ${link(index === -1 ? undefined : months[index + 1], "›", "The month after")}
  </div>`;
}

/** Dimensions to group by, besides the tags of the configuration. */
const groupings = [
  "cloud",
  "provider",
  "export",
  "account",
  "category",
  "service",
  "region",
  "resource",
  "meter",
  "sku",
  "charge",
  "pricing",
  "commitment",
  "owner",
  "environment",
  "day",
];

/** The dimensions that a page offers. */
export function dimensionsOf({ focus }: Pick<Config, "focus">): readonly string[] {
  return [...groupings, ...focus.tags.map(({ key }) => `tag:${key}`)];
}

/** A form that changes by what, in which measure and in which steps a chart is drawn. */
export function chartControls(path: string, view: View, config: Pick<Config, "focus">): Markup {
  const by = dimensionsOf(config).filter((each) => each !== "day");
  const chosen = by.includes(view.by) ? by : [...by, view.by];
  return html`<form class="controls" action="${path}" data-auto>
    ${hidden({ ...view, by: plainView.by, measure: plainView.measure, grain: plainView.grain })}
    <label
      ><span>by</span
      ><select name="by">
        ${chosen.map((each) => option(each, each, each === view.by))}
      </select></label
    >
    <label
      ><span>cost</span
      ><select name="measure">
        ${measures.map((each) => option(each, each, each === view.measure))}
      </select></label
    >
    <label
      ><span>per</span
      ><select name="grain">
        ${["day", "month"].map((each) => option(each, each, each === view.grain))}
      </select></label
    >
    <button>Show</button>
  </form>`;
}

/** A choice of a list. */
export function option(value: string, name: string, isChosen: boolean): Markup {
  return html`<option value="${value}" ${isChosen ? html` selected` : ""}>${name}</option>`;
}

/** The parts of a view that a form does not change, as fields that are not shown. */
export function hidden(view: Partial<View>): Markup[] {
  const query = new URLSearchParams(addressOf("", view).replace(/^\?/u, ""));
  return [...query].map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`);
}

/** A form that chooses a period of months, and the first month of the period of equal length that it is compared with. */
export function periodForm(path: string, view: View, months: readonly BillingMonth[]): Markup {
  const { from = "", to = "" } = view;
  const newest = months.toReversed();
  const choose = (name: string, text: string, choices: readonly Markup[]): Markup =>
    html`<label
      ><span>${text}</span
      ><select name="${name}">
        ${choices}
      </select></label
    >`;
  const chosen = (of: string | undefined): Markup[] => newest.map((each) => option(each, each, each === of));
  const [first, last, length] = [
    months.indexOf(from),
    months.indexOf(to),
    monthsOf({ start: `${from}-01`, end: `${to}-01` }).length,
  ];
  const shift = (by: number): View => ({ ...view, from: months[first + by], to: months[last + by], vs: undefined });
  const step = (by: number, text: string, label: string): Markup =>
    months[first + by] === undefined || months[last + by] === undefined
      ? html`<span class="step" aria-hidden="true">${text}</span>`
      : html`<a class="step" href="${addressOf(path, shift(by))}" aria-label="${label}">${text}</a>`;
  return html`<div class="switch">
    <span class="steps">${step(-length, "‹", "The period before")}${step(length, "›", "The period after")}</span>
    <form class="controls" action="${path}" data-auto>
      ${hidden({ ...view, from: undefined, to: undefined, vs: undefined })}${choose("from", "from", chosen(from))}${choose("to", "to", chosen(to))}${choose(
        "vs",
        "compared with",
        [
          option("", "the period before", view.vs === undefined),
          ...newest
            .filter((each) => each < from)
            .map((each) => option(each, length === 1 ? each : `from ${each}`, each === view.vs)),
        ],
      )}<button>Show</button>
    </form>
  </div>`;
}

/** A form that chooses the month that another one is compared with, by what, and in which measure. */
export function changeForm(path: string, view: View, months: readonly BillingMonth[]): Markup {
  const choose = (name: string, text: string, choices: readonly string[], chosen: string | undefined): Markup =>
    html`<label
      ><span>${text}</span
      ><select name="${name}">
        ${choices.map((each) => option(each, each, each === chosen))}
      </select></label
    >`;
  const others = months.toReversed().filter((each) => each !== view.to);
  return html`<form class="controls" action="${path}" data-auto>
    ${hidden({ ...view, vs: undefined, by: plainView.by, measure: plainView.measure })}${choose("vs", "compared with", others, view.vs)}${choose("by", "by", ["service", "account", "sku"], view.by)}${choose("measure", "cost", ["effective", "billed"], view.measure)}<button>
      Show
    </button>
  </form>`;
}

/** A form that chooses the tag that is missing. */
export function tagForm(path: string, view: View, { focus }: Pick<Config, "focus">): Markup {
  const keys = [
    ...new Set([...focus.tags.map(({ key }) => key), ...(view.tag === undefined || view.tag === "" ? [] : [view.tag])]),
  ];
  return html`<form class="controls" action="${path}" data-auto>
    ${hidden({ ...view, tag: undefined })}<label
      ><span>tag</span
      ><select name="tag">
        ${option("", "any tag", view.tag === "")}${keys.map((key) => option(key, key, key === view.tag))}
      </select></label
    ><button>Show</button>
  </form>`;
}
