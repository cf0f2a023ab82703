import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { costs } from "../../src/answers/costs.ts";
import { explain } from "../../src/answers/explain.ts";
import { series } from "../../src/answers/series.ts";
import { verify } from "../../src/index.ts";
import { focusCsv, focusRow } from "../support/focus-files.ts";
import type { Project } from "../support/projects.ts";
import { runWell } from "../support/projects.ts";
import { answering, bill, charge } from "./bills.ts";

const [before, month] = ["2025-02", "2025-03"];
const sections = {
  aws_focus: { bucket_url: "bucket", prefix: "exports/acme-focus" },
  lake: { bucket_url: "bucket", prefix: "lake", kind: "focus-files" },
};

/** The same tables, of which one is not loaded any more but joined. */
function joined({ config }: Project): Project["config"] {
  const [own, lake] = config.pipelines;
  assert.ok(own !== undefined && lake !== undefined);
  const table = { name: "gcp", project: null, dataset: lake.dataset, table: lake.tableName };
  return { ...config, pipelines: [own], focus: { ...config.focus, tables: [table] } };
}

for (const [warehouse, load] of Object.entries(answering)) {
  describe(`a table of [focus.tables] in ${warehouse}`, () => {
    test("counts in costs, explain and series, and in months that only it has", async (t) => {
      const others = [focusRow(before, "2"), focusRow(month, "5"), focusRow("2025-04", "0.5")];
      const files = new Map([["lake/gcp.csv", Buffer.from(focusCsv(...others))]]);
      const lake = { id: "gcp", month, manifestKey: "", fileKeys: [...files.keys()] };
      const own = [before, month].map((each) => bill(each, [charge(each, { EffectiveCost: "10" })]));
      const project = await load(t, [...(await Promise.all(own)), { ...lake, objects: files }], sections);
      const config = joined(project);
      await runWell({ ...project, config });
      const now = new Date("2025-06-01T00:00:00Z");
      const { currency, exports, loads } = await costs(config, { by: ["export"], from: before, to: "2025-04", now });
      assert.deepEqual(
        currency["USD"]?.rows.map(({ keys, cost }) => [keys["export"], cost]),
        [
          ["aws_focus", "20"],
          ["gcp", "7.5"],
        ],
      );
      assert.equal(currency["USD"].total.cost, "27.5");
      assert.deepEqual(
        exports.map(({ name, missingMonths }) => [name, missingMonths]),
        [
          ["aws_focus", ["2025-04"]],
          ["gcp", []],
        ],
      );
      assert.deepEqual(loads.map(({ export: name }) => name).toSorted(), [
        "aws_focus",
        "aws_focus",
        "gcp",
        "gcp",
        "gcp",
      ]);
      const { currency: explained } = await explain(config, { month, now });
      assert.deepEqual([explained["USD"]?.before, explained["USD"]?.after], ["12", "15"]);
      const { currency: bars } = await series(config, { from: before, to: month, by: "export", now });
      assert.deepEqual(JSON.stringify(bars).match(/"gcp"/gu)?.length, 1);
      assert.equal((await costs(config, { by: [], now })).to, "2025-04");
      assert.equal((await verify(config)).ok, true);
    });
  });
}
