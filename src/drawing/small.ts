import { scaleLinear } from "d3-scale";
import { area, line } from "d3-shape";
import { html, type Markup } from "./markup.ts";

/** A line without axes, for the months before a figure. The page names the figures beside it. */
export function drawLine(amounts: readonly string[]): Markup {
  const values = amounts.map(Number);
  const [first = 0] = values;
  if (values.length < 2) return html``;
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const across = scaleLinear()
    .domain([0, values.length - 1])
    .range([2, 118]);
  const up = scaleLinear()
    .domain(least === most ? [first - 1, first + 1] : [least, most])
    .range([28, 4]);
  const points = values.map((value, index): [number, number] => [rounded(across(index)), rounded(up(value))]);
  const [lastX = 0, lastY = 0] = points.at(-1) ?? [];
  return html`<svg class="spark" viewBox="0 0 120 32" width="120" height="32" aria-hidden="true">
    <path class="under" d="${area().y0(32)(points)}" />
    <path class="line" d="${line()(points)}" />
    <circle cx="${lastX}" cy="${lastY}" r="2.5" />
  </svg>`;
}

/** A bar for an amount; the longest one has the length of `most`. */
export function drawAmount(amount: string, most: string): Markup {
  const part = Number(most) === 0 ? 0 : Math.min(Math.max(Number(amount) / Number(most), 0), 1);
  return html`<svg class="bar" width="100%" height="6" aria-hidden="true">
    <rect class="part" width="${rounded(part * 100)}%" height="6" rx="2" />
  </svg>`;
}

/** A bar for a share from 0 to 1 of a whole, in a cell of a table. */
export function drawShare(share: string | null): Markup {
  const part = Math.min(Math.max(Number(share ?? 0), 0), 1);
  return html`<svg class="bar" width="100%" height="6" aria-hidden="true">
    <rect class="whole" width="100%" height="6" rx="3" />
    <rect class="part" width="${rounded(part * 100)}%" height="6" rx="3" />
  </svg>`;
}

/** A bar for the share of a budget that is spent, with a mark where the budget ends; red beyond it. `most` has the whole width. */
export function drawSpent(share: string | null, most: number): Markup {
  const spent = Number(share ?? 0);
  const part = Math.min(Math.max(spent, 0), most) / most;
  const limit = `${rounded(100 / most)}%`;
  return html`<svg class="bar ${spent > 1 ? "more" : ""}" width="100%" height="6" aria-hidden="true">
    <rect class="whole" width="${limit}" height="6" />
    <rect class="part" width="${rounded(part * 100)}%" height="6" />
    <line class="end" x1="${limit}" x2="${limit}" y1="-3" y2="9" />
  </svg>`;
}

/** The ends of an axis for changes, which always has zero on it. */
export interface ChangeRange {
  readonly least: number;
  readonly most: number;
}

/** The range of changes that are compared with each other. */
export function rangeOf(changes: readonly string[]): ChangeRange {
  const values = changes.map(Number);
  return { least: Math.min(0, ...values), most: Math.max(0, ...values) };
}

/** A bar from zero to the right for more, to the left for less. The range has the whole width. */
export function drawChange(change: string, { least, most }: ChangeRange): Markup {
  const value = Number(change);
  const across = scaleLinear()
    .domain(least === most ? [0, 1] : [least, most])
    .range([0, 100]);
  const [start, end] = [across(Math.min(value, 0)), across(Math.max(value, 0))].map(rounded) as [number, number];
  const zero = `${rounded(across(0))}%`;
  return html`<svg class="bar ${value < 0 ? "less" : "more"}" width="100%" height="6" aria-hidden="true">
    <rect class="part" x="${start}%" width="${rounded(end - start)}%" height="6" />
    <line x1="${zero}" x2="${zero}" y1="0" y2="6" />
  </svg>`;
}

/** A bar of a waterfall: from what is left before a step to what is left after it. The whole width is `most`. */
export function drawStep({ from, to }: { readonly from: string; readonly to: string }, most: string): Markup {
  const across = scaleLinear()
    .domain([0, Math.max(Number(most), Number.MIN_VALUE)])
    .range([0, 100]);
  const [start, end] = [Number(from), Number(to)];
  const kind = start === 0 ? "" : end < start ? "less" : "more";
  return html`<svg class="bar ${kind}" width="100%" height="10" aria-hidden="true">
    <rect
      class="part"
      x="${rounded(across(Math.min(start, end)))}%"
      width="${rounded(across(Math.abs(end - start)))}%"
      height="10"
    />
  </svg>`;
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
