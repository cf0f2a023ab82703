import type { AccountNames } from "../../answers/bills.ts";
import type { ChargeLine } from "../../answers/lines.ts";
import type { Figures } from "../../drawing/figures.ts";
import { html, type Markup } from "../../drawing/markup.ts";
import { accountNamesIn } from "../accounts.ts";
import { addressOf, type View } from "../address.ts";
import { chips } from "../chips.ts";
import { accountName, nameOfKey, periodInWords } from "../names.ts";
import { answerTo, type Page, type PageContext } from "../page.ts";
import { linesQuestion } from "../questions.ts";
import { drawTile, sourceOf } from "../tile.ts";

/** How many lines are listed; CSV has more. */
const listed = 100;

/** The charge lines behind a figure, the largest first. */
export async function linesPage(context: PageContext): Promise<Page> {
  const { result } = await answerTo(context, linesQuestion, { top: listed });
  const view: View = { ...context.view, from: result.from, to: result.to };
  const period = periodInWords(view);
  const names = await accountNamesIn(view, context);
  const note = result.isCut
    ? `The ${listed} largest lines; the CSV has the 10,000 largest.`
    : result.lines.length === 1
      ? "1 line"
      : `${result.lines.length} lines`;
  const body = html`<div class="head">
      <div>
        <h1>Charge lines of ${period}</h1>
        ${chips("/lines", view, "All charges.", names)}
      </div>
      <div class="switches"><a class="button" href="${addressOf("/costs", view)}">Back to the costs</a></div>
    </div>
    <div class="tiles">
      ${drawTile({
        title: "Lines",
        note,
        place: "wide",
        body:
          result.lines.length === 0
            ? html`<div class="empty"><p>There are no such charges.</p></div>`
            : table(result.lines, names, context.figures),
        source: sourceOf("lines", view, result, context),
      })}
    </div>`;
  return { title: `Charge lines of ${period}`, path: "/costs", view, body };
}

function table(lines: readonly ChargeLine[], names: AccountNames, figures: Figures): Markup {
  const money = (amount: string | null | undefined): string =>
    amount === null || amount === undefined ? "" : figures.money(amount);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Charge lines">
    <table class="lines">
      <thead>
        <tr>
          <th scope="col">day</th>
          <th scope="col">charge</th>
          <th scope="col">account</th>
          <th scope="col">resource</th>
          <th scope="col">kind</th>
          <th scope="col" class="n">quantity</th>
          <th scope="col" class="n">list</th>
          <th scope="col" class="n">effective</th>
          <th scope="col" class="n">billed</th>
          <th scope="col">delivery</th>
        </tr>
      </thead>
      <tbody>
        ${lines.map(
          (line) =>
            html`<tr>
              <td>${line["day"] ?? ""}</td>
              <td>
                <span title="${line["description"] ?? ""}"
                  >${line["service"] ?? ""}
                  <span class="minor">${line["meter"] ?? line["sku"] ?? line["description"] ?? ""}</span></span
                >
              </td>
              <td class="minor">${accountCell(line["account"] ?? null, names)}</td>
              <td class="minor" title="${line["resource"] ?? ""}">
                ${line["resource"] === null ? "" : nameOfKey(line["resource"] ?? null, "resource")}
              </td>
              <td class="minor">
                ${[line["class"], line["category"], line["pricing"]].filter((word) => word !== null && word !== undefined).join(", ")}
              </td>
              <td class="n">
                ${line["quantity"] === null ? "" : html`${figures.quantity(line["quantity"] ?? "0")} <span class="minor">${line["unit"] ?? ""}</span>`}
              </td>
              <td class="n minor">${money(line["list"])}</td>
              <td class="n">${money(line["effective"])} <span class="minor">${line["currency"] ?? ""}</span></td>
              <td class="n minor">${money(line["billed"])}</td>
              <td class="minor">${(line["execution"] ?? "").slice(0, 8)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** An account by its name, where it has one, and its id. */
function accountCell(account: string | null, names: AccountNames): Markup | string {
  const [name, id] = [accountName(account, "account", names), nameOfKey(account, "account")];
  return name === null ? id : html`${name} <span class="said">${id}</span>`;
}
