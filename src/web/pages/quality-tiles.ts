import type { RuleResult, ValidateResult, Verdict } from "../../answers/validate.ts";
import type { Figures } from "../../drawing/figures.ts";
import { html, type Markup } from "../../drawing/markup.ts";
import { drawShare } from "../../drawing/small.ts";
import { monthSpans } from "../../schema/periods.ts";
import type { PageContext } from "../page.ts";
import { drawTile, type TileSource } from "../tile.ts";

/** How many rules hold for each export and month. */
export function scoresTile(
  { scores, withoutRows }: Pick<ValidateResult, "scores" | "withoutRows">,
  source: TileSource,
  { figures }: Pick<PageContext, "figures">,
): Markup {
  const elsewhere = [...Map.groupBy(withoutRows, ({ pipeline }) => pipeline)].map(
    ([pipeline, own]) =>
      html`<p class="note after">
        ${pipeline} adds nothing to the view in ${monthSpans(own.map(({ billingMonth }) => billingMonth))}: another
        export of the cloud counts.
      </p>`,
  );
  return drawTile({
    title: "Scores",
    note: "The part of the decided rules that pass. Rows are those of the FOCUS view, which can be fewer than the bill has",
    source,
    place: "wide",
    body: html`<div class="scroll">
        <table class="list">
          <thead>
            <tr>
              <th scope="col">export</th>
              <th scope="col">month</th>
              <th scope="col" class="bars">score</th>
              <th scope="col" class="n"></th>
              <th scope="col" class="n">rows</th>
              <th scope="col" class="n">passed</th>
              <th scope="col" class="n">failed</th>
              <th scope="col" class="n">undecidable</th>
            </tr>
          </thead>
          <tbody>
            ${scores.map(
              ({ pipeline, billingMonth, rows, passed, failed, undecidable, score }) =>
                html`<tr>
                  <td>${pipeline}</td>
                  <td><a href="/loads/${pipeline}/${billingMonth}">${billingMonth}</a></td>
                  <td class="bars">${drawShare(score)}</td>
                  <td class="n">${figures.share(score)}</td>
                  <td class="n minor">${figures.count(rows)}</td>
                  <td class="n">${figures.count(passed)}</td>
                  <td class="n">${failed === 0 ? "0" : html`<b class="more">${figures.count(failed)}</b>`}</td>
                  <td class="n minor">${figures.count(undecidable)}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
      ${elsewhere}`,
  });
}

/** The rules that fail: in how many rows, because of whom, and an example. */
export function failuresTile(
  { results }: Pick<ValidateResult, "results">,
  { figures }: Pick<PageContext, "figures">,
): Markup {
  const failed = alike(results, "fail", ({ rule, pipeline, origin }) => [rule, pipeline, origin]);
  const rules = new Set(failed.map(([{ rule }]) => rule)).size;
  return drawTile({
    title: "Rules that fail",
    note:
      rules === 0
        ? "No rule fails."
        : `${figures.count(rules)} ${rules === 1 ? "rule" : "rules"}, a row for each export and for each cause`,
    place: "wide",
    body:
      rules === 0
        ? html``
        : html`<div class="scroll" tabindex="0" role="region" aria-label="Rules that fail">
            <table>
              <thead>
                <tr>
                  <th scope="col">rule</th>
                  <th scope="col">export</th>
                  <th scope="col" class="n">breaks it</th>
                  <th scope="col">comes from</th>
                  <th scope="col">example</th>
                </tr>
              </thead>
              <tbody>
                ${failed.map(
                  (same) =>
                    html`<tr>
                      <td>${ruleInWords(same[0])}</td>
                      <td>${same[0].pipeline}<span class="said">${monthsOf(same)}</span></td>
                      <td class="n">${countOf(same, figures)}</td>
                      <td>${same[0].origin === "cloud" ? "the export of the cloud" : "the mapping of billhouse"}</td>
                      <td class="path">${exampleOf(same)}</td>
                    </tr>`,
                )}
              </tbody>
            </table>
          </div>`,
  });
}

/** The rules that bills do not decide, with the reasons. */
export function undecidableTile(
  { results }: Pick<ValidateResult, "results">,
  { figures }: Pick<PageContext, "figures">,
): Markup {
  const open = alike(results, "undecidable", ({ rule, reason }) => [rule, reason]);
  const rules = new Set(open.map(([{ rule }]) => rule)).size;
  if (rules === 0) return html``;
  return drawTile({
    title: "Rules that the bills cannot decide",
    note: "They count neither as passed nor as failed.",
    place: "wide",
    body: html`<details>
      <summary>Show ${figures.count(rules)} with their reasons</summary>
      <div class="scroll" tabindex="0" role="region" aria-label="Rules that the bills cannot decide">
        <table>
          <thead>
            <tr>
              <th scope="col">rule</th>
              <th scope="col">reason</th>
              <th scope="col" class="n">concerns</th>
            </tr>
          </thead>
          <tbody>
            ${open.map(
              (same) =>
                html`<tr>
                  <td>${ruleInWords(same[0])}</td>
                  <td class="path">${same[0].reason}</td>
                  <td class="n">${countOf(same, figures)}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </details>`,
  });
}

/** Results of one rule that are shown in one line. */
type Alike = readonly [RuleResult, ...RuleResult[]];

/** The results with a verdict, together where they share something. Rules that only consist of others are left out. */
function alike(
  results: readonly RuleResult[],
  verdict: Verdict,
  shared: (result: RuleResult) => readonly (string | null)[],
): readonly Alike[] {
  const own = results.filter((result) => result.verdict === verdict && result.parts === 0);
  return [...Map.groupBy(own, (result) => JSON.stringify(shared(result))).values()].flatMap(([first, ...more]) =>
    first === undefined ? [] : [[first, ...more] as const],
  );
}

function ruleInWords({ rule, text }: RuleResult): Markup {
  return html`<code>${rule}</code><span class="said">${text}</span>`;
}

function monthsOf(same: Alike): string {
  return monthSpans(same.map(({ billingMonth }) => billingMonth));
}

/** Such as `12 rows`; nothing for a rule that is not about rows. */
function countOf(same: Alike, figures: Figures): string {
  const count = same.reduce((sum, { rows }) => sum + rows, 0);
  return count === 0 ? "" : `${figures.count(count)} ${same[0].counted}${count === 1 ? "" : "s"}`;
}

function exampleOf(same: Alike): Markup[] {
  const [example = {}] = same.flatMap(({ examples }) => examples);
  return Object.entries(example).map(([name, value]) => html`<div>${name} = ${value ?? "null"}</div>`);
}
