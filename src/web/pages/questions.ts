import { listQuestions } from "../../answers/questions.ts";
import { html } from "../../drawing/markup.ts";
import { addressOf } from "../address.ts";
import type { Page, PageContext } from "../page.ts";
import { drawTile } from "../tile.ts";

/** The questions that have a page with their answer, and those that bills do not answer. */
export function questionsPage({ view }: PageContext): Promise<Page> {
  const { questions, open } = listQuestions();
  const { from, to, currency } = view;
  const body = html`<div class="head">
      <div>
        <h1>Questions</h1>
        <p class="note">
          What finance and engineers ask first. Each has one SQL statement, which <code>billhouse query</code> runs too.
        </p>
      </div>
    </div>
    <div class="tiles">
      ${drawTile({
        title: `${questions.length} questions`,
        place: "wide",
        body: html`<div class="scroll">
          <table>
            <thead>
              <tr>
                <th scope="col">question</th>
                <th scope="col">name</th>
              </tr>
            </thead>
            <tbody>
              ${questions.map(
                ({ name, title }) =>
                  html`<tr>
                    <td><a href="${addressOf(`/questions/${name}`, { from, to, currency })}">${title}</a></td>
                    <td class="minor"><code>${name}</code></td>
                  </tr>`,
              )}
            </tbody>
          </table>
        </div>`,
      })}${drawTile({
        title: "Not answered",
        note: "Questions of the FOCUS use-case library, with what the bills of AWS and Azure lack",
        place: "wide",
        body: html`<details>
          <summary>Show ${open.length} questions</summary>
          <div class="scroll" tabindex="0" role="region" aria-label="Questions that are not answered">
            <table>
              <thead>
                <tr>
                  <th scope="col">question</th>
                  <th scope="col">reason</th>
                </tr>
              </thead>
              <tbody>
                ${open.map(
                  ({ title, because }) =>
                    html`<tr>
                      <td>${title}</td>
                      <td class="minor">${because}</td>
                    </tr>`,
                )}
              </tbody>
            </table>
          </div>
        </details>`,
      })}
    </div>`;
  return Promise.resolve({ title: "Questions", path: "/questions", view, body });
}
