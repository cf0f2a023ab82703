import { html, type Markup } from "./markup.ts";

/*
 * Charts made of cells of tables, for programs for mail: they leave out SVG, scripts and style sheets, and show a coloured cell
 * (docs/decisions/0018).
 */

/** The colours of series in the light theme of the dashboard. */
export const seriesColours: readonly string[] = [
  "#2f5bd0",
  "#e08a1e",
  "#13857b",
  "#8e1f52",
  "#7fb2f0",
  "#7d6414",
  "#9c86d9",
];

/** The colour of what lacks one of its own. */
export const restColour = "#b4b7bd";

/** The colour of the series at a place. */
export function seriesColour(index: number): string {
  return seriesColours[index] ?? restColour;
}

/** A part of a bar: its length as a part of the longest possible bar, decimal text from 0 to 1, and its colour. */
export interface BarPart {
  readonly length: string;
  readonly colour: string;
}

/** A bar of parts, one after the other, `width` pixels wide at most. Parts of less than half a pixel are left out. */
export function drawCellBar(parts: readonly BarPart[], width: number): Markup {
  const cells = parts
    .map(({ length, colour }) => ({ colour, pixels: Math.round(Math.min(Math.max(Number(length), 0), 1) * width) }))
    .filter(({ pixels }) => pixels > 0);
  if (cells.length === 0) return html`&nbsp;`;
  const total = cells.reduce((sum, { pixels }) => sum + pixels, 0);
  return html`<table role="presentation" width="${total}" cellpadding="0" cellspacing="0" border="0">
    <tr>
      ${cells.map(({ colour, pixels }) => html`<td bgcolor="${colour}" width="${pixels}" height="8" style="font-size: 1px; line-height: 8px">&nbsp;</td>`)}
    </tr>
  </table>`;
}
