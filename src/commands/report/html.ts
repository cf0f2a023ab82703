import { drawCellBar, seriesColour } from "../../drawing/cells.ts";
import { html, type Markup } from "../../drawing/markup.ts";
import { visible } from "../output.ts";
import type { ReportDocument, ReportRow, ReportSection, ReportTable } from "./section.ts";

/*
 * Programs for mail leave out style sheets, scripts and newer elements, so the page is made of tables with attributes, as
 * in HTML 4, and of styles on its elements, without which it is still readable.
 */

const [ink, quiet, line, stripe] = ["#1c2430", "#5b6675", "#d5dbe3", "#f4f6f9"];
const font = "font-family: Arial, Helvetica, sans-serif";

/** The widest bar, in pixels. */
const barWidth = 100;

/** A report as a page of HTML without scripts, style sheets, images and links, for a mail or a wiki. */
export async function reportHtml({ title, sections }: ReportDocument): Promise<string> {
  const page = await html`<!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${visible(title)}</title>
      </head>
      <body bgcolor="#ffffff" style="margin: 0; padding: 16px; color: ${ink}; ${font}; font-size: 14px">
        <table
          role="presentation"
          align="center"
          width="100%"
          cellpadding="0"
          cellspacing="0"
          border="0"
          style="max-width: 760px"
        >
          <tr>
            <td style="color: ${ink}; ${font}; font-size: 14px; line-height: 1.45">
              <h1 style="font-size: 22px; margin: 0 0 12px">${visible(title)}</h1>
              ${sections.map(sectionMarkup)}
            </td>
          </tr>
        </table>
      </body>
    </html> `;
  return page.toString();
}

function sectionMarkup({ title, sentences, tables, notes }: ReportSection): Markup {
  return html`${
    title === "" ? "" : html`<h2 style="font-size: 16px; margin: 28px 0 8px">${visible(title)}</h2> `
  }${sentences.map(
    (sentence) => html`<p style="margin: 0 0 8px">${visible(sentence)}</p> `,
  )}${tables.map(tableMarkup)}${notes.map(
    (note) => html`<p style="margin: 0 0 8px; color: ${quiet}; font-size: 12px">${visible(note)}</p> `,
  )}`;
}

function tableMarkup({ columns, rows }: ReportTable): Markup {
  const hasBars = rows.some(({ bar }) => bar !== null);
  const parts = rows[0]?.parts?.length ?? 0;
  return html`<table
    width="100%"
    cellpadding="5"
    cellspacing="0"
    border="0"
    style="border-collapse: collapse; margin: 0 0 12px; ${font}; font-size: 13px"
  >
    <tr bgcolor="${stripe}">
      ${columns.map(
        ({ title, lean }, index) =>
          html`<th
            align="${lean}"
            valign="bottom"
            scope="col"
            style="border-bottom: 1px solid ${line}; color: ${quiet}; font-weight: normal"
          >
            ${index >= 1 && index <= parts ? html`<font color="${seriesColour(index - 1)}">&#9632;</font>&nbsp;` : ""}${visible(title)}
          </th>`,
      )}${hasBars ? html`<th width="${barWidth}" style="border-bottom: 1px solid ${line}">&nbsp;</th>` : ""}
    </tr>
    ${rows.map((row) => rowMarkup(row, columns, hasBars))}
  </table> `;
}

function rowMarkup(
  { cells, bar, parts, isTotal }: ReportRow,
  columns: ReportTable["columns"],
  hasBars: boolean,
): Markup {
  const border = `border-bottom: 1px solid ${line}`;
  return html`<tr>
    ${columns.map(({ lean }, index) => {
      const text = visible(cells[index] ?? "");
      const isFigure = lean === "right";
      return html`<td align="${lean}" valign="top" ${isFigure ? html` nowrap` : ""} style="${border}">
        ${isTotal ? html`<b>${text}</b>` : text}
      </td>`;
    })}${hasBars ? html`<td width="${barWidth}" valign="middle" style="${border}">${bar === null ? html`&nbsp;` : barMarkup(bar, parts)}</td>` : ""}
  </tr> `;
}

/** The bar of a row; in parts, where it has some, each in the colour of its column. */
function barMarkup(bar: string, parts: readonly string[] | undefined): Markup {
  const shown = parts?.map((length, index) => ({ length, colour: seriesColour(index) }));
  return drawCellBar(shown ?? [{ length: bar, colour: seriesColour(0) }], barWidth);
}
