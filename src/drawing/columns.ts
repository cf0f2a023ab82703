import { type ScaleBand, scaleBand, type ScaleLinear, scaleLinear } from "d3-scale";
import { stack, stackOffsetDiverging, stackOrderNone } from "d3-shape";
import type { Figures } from "./figures.ts";
import { html, type Markup } from "./markup.ts";

/** A chart of stacked columns over time. */
export interface ColumnChart {
  /** What the chart shows, for people who do not see it. */
  readonly title: string;
  readonly buckets: readonly Bucket[];
  /** From the bottom to the top. */
  readonly series: readonly ColumnSeries[];
  /** A line across the plot, such as a budget. */
  readonly limit?: { readonly name: string; readonly amount: string } | undefined;
  /** What a column may come to at its end, with its band; null without one. */
  readonly forecast?: Outlook | undefined;
}

/** What the column of a running period may come to. */
export interface Outlook {
  /** The index of the column. */
  readonly bucket: number;
  readonly amount: string;
  readonly band: { readonly low: string; readonly high: string } | null;
}

/** A column. */
export interface Bucket {
  readonly label: string;
  /** Where the column leads. */
  readonly href: string;
  /** Whether its costs may still grow. */
  readonly isOpen: boolean;
}

/** A part of each column. */
export interface ColumnSeries {
  readonly name: string;
  /** Its colour: `s0` to `s7`, or `rest`. */
  readonly colour: string;
  /** Exact decimal text for each column. */
  readonly amounts: readonly string[];
}

/** The size of the plot in its own units. It is stretched to the width of the page, without its text. */
const width = 1000;

/** The height of the plot in pixels, and of the labels below it. */
const [height, labelHeight] = [230, 24];

/** Draws the chart. The page has the figures in a table beside it. */
export function drawColumns({ title, buckets, series, limit, forecast }: ColumnChart, figures: Figures): Markup {
  const bands = scaleBand<number>()
    .domain(buckets.map((_, index) => index))
    .range([0, width])
    .paddingInner(buckets.length > 40 ? 0.18 : 0.28)
    .paddingOuter(0.1);
  const rows = buckets.map((_, index) => series.map(({ amounts }) => Number(amounts[index] ?? "0")));
  const layers = stack<readonly number[], number>()
    .keys(series.map((_, index) => index))
    .value((row, key) => row[key] ?? 0)
    .order(stackOrderNone)
    .offset(stackOffsetDiverging)(rows);
  const further = [limit?.amount, forecast?.amount, forecast?.band?.high].map((amount) => Number(amount ?? "0"));
  const ends = [...layers.flatMap((layer) => layer.flatMap(([from, to]) => [from, to])), ...further].filter(
    Number.isFinite,
  );
  const scale = scaleLinear()
    .domain([Math.min(0, ...ends), Math.max(1, ...ends)])
    .nice(4)
    .range([height, 8]);
  const ticks = scale.ticks(4);
  const paths = layers.map((layer, index) => {
    const columns = layer.map(([from, to], bucket) => {
      const [bottom, top] = [scale(from), scale(to)];
      const size = bottom - top;
      return Math.abs(size) < 0.05
        ? ""
        : `M${short(bands(bucket) ?? 0)} ${short(top)}h${short(bands.bandwidth())}v${short(size)}h-${short(bands.bandwidth())}z`;
    });
    return html`<path class="${series[index]?.colour ?? "rest"}" d="${columns.join("")}" />`;
  });
  const at = (bucket: number): string => `${short(((bands(bucket) ?? 0) + bands.bandwidth() / 2) / 10)}%`;
  return html`<div class="chart">
    <svg class="axis" width="52" height="${height + labelHeight}" aria-hidden="true">
      ${ticks.map((tick) => html`<text x="44" y="${short(scale(tick) + 4)}">${figures.short(String(tick))}</text>`)}
    </svg>
    <svg class="plot" width="100%" height="${height + labelHeight}" role="group" aria-label="${title}">
      ${ticks.map(
        (tick) =>
          html`<line
            class="${tick === 0 ? "zero" : "grid"}"
            x1="0"
            x2="100%"
            y1="${short(scale(tick))}"
            y2="${short(scale(tick))}"
          />`,
      )}
      <svg viewBox="0 0 ${width} ${height}" width="100%" height="${height}" preserveAspectRatio="none">
        ${paths} ${buckets.map(({ isOpen }, bucket) => isOpen && drawOpen(bucket, rows[bucket] ?? [], bands, scale))}
        ${forecast === undefined ? "" : drawOutlook(forecast, bands, scale)}
        ${limit === undefined ? "" : html`<path class="limit" d="M0 ${short(scale(Number(limit.amount)))}h${width}" />`}
        ${buckets.map(
          ({ label, href }, bucket) =>
            html`<a href="${href}" data-bucket="${bucket}" tabindex="${bucket === 0 ? 0 : -1}" aria-label="${label}"
              ><rect
                class="hit"
                x="${short((bands(bucket) ?? 0) - (bands.step() * bands.paddingInner()) / 2)}"
                width="${short(bands.step())}"
                y="0"
                height="${height}"
            /></a>`,
        )}
      </svg>
      ${buckets.map(
        ({ label }, bucket) =>
          labelled(bucket, buckets.length) &&
          html`<text class="${labelled(bucket, buckets.length)}" x="${at(bucket)}" y="${height + 17}">${label}</text>`,
      )}
    </svg>
  </div>`;
}

/** A veil over a column that may still grow. */
function drawOpen(
  bucket: number,
  amounts: readonly number[],
  bands: ScaleBand<number>,
  scale: ScaleLinear<number, number>,
): Markup {
  const top = scale(amounts.reduce((sum, amount) => sum + Math.max(amount, 0), 0));
  return html`<rect
    class="open"
    x="${short(bands(bucket) ?? 0)}"
    width="${short(bands.bandwidth())}"
    y="${short(top)}"
    height="${short(height - top)}"
  />`;
}

/** The outline of a column at its forecast end, and the band around its top. */
function drawOutlook(
  { bucket, amount, band }: Outlook,
  bands: ScaleBand<number>,
  scale: ScaleLinear<number, number>,
): Markup {
  const [left, top, wide] = [short(bands(bucket) ?? 0), scale(Number(amount)), short(bands.bandwidth())];
  const between =
    band === null
      ? ""
      : html`<rect
          class="band"
          x="${left}"
          width="${wide}"
          y="${short(scale(Number(band.high)))}"
          height="${short(scale(Number(band.low)) - scale(Number(band.high)))}"
        />`;
  return html`${between}<path class="forecast" d="M${left} ${height}V${short(top)}h${wide}V${height}" />`;
}

/**
 * Every label of a few columns; of many, about eight, and on narrow screens (without `wide`) every third of them. A label that
 * would leave the plot at its end is left out.
 */
function labelled(bucket: number, count: number): string {
  const step = Math.max(1, Math.ceil(count / 8));
  const isNearEnd = count > 12 && bucket > count * 0.95;
  if (bucket % step !== Math.floor(step / 2) || isNearEnd) return "";
  return Math.floor(bucket / step) % 3 === 0 ? "label" : "label wide";
}

/** A coordinate with as many digits as a screen shows. */
function short(value: number): string {
  return String(Math.round(value * 10) / 10);
}
