import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";

import { restatement } from "../../src/answers/restatement.ts";
import { history } from "../../src/index.ts";
import { azureDelivery, azureRows, deliver, type Delivery } from "../support/deliveries.ts";
import { type GoogleProject, upload } from "../support/google.ts";
import { billhouse, type Project, runProject } from "../support/projects.ts";
import { rejects } from "../support/rejects.ts";
import { answering, bill, charge } from "./bills.ts";

const month = "2025-03";
const now = new Date("2025-06-01T00:00:00Z");

const place: Readonly<Record<keyof typeof answering, (project: Project, delivery: Delivery) => unknown>> = {
  DuckDB: (project, delivery) => deliver(project.bucket, delivery),
  BigQuery: (project, delivery) => upload(project as GoogleProject, delivery),
};

/** A month that was delivered twice: one service became cheaper, one charge came, one went. */
async function twice(warehouse: keyof typeof answering, t: TestContext): Promise<Project> {
  const same = charge(month, { EffectiveCost: "10", BillingCurrency: "EUR" });
  const first = [
    same,
    charge(month, { EffectiveCost: "100.000000000000001" }),
    charge(month, { EffectiveCost: "7", ServiceName: "Disks", x_ServiceCode: "AmazonEBS" }),
  ];
  const second = [
    same,
    charge(month, { EffectiveCost: "60" }),
    charge(month, { EffectiveCost: "-2.5", ChargeCategory: "Credit", SubAccountId: "098765432109" }),
  ];
  const project = await answering[warehouse](t, [await bill(month, first)]);
  await place[warehouse](project, await bill(month, second));
  await runProject(project);
  return project;
}

for (const warehouse of ["DuckDB", "BigQuery"] as const) {
  describe(`restatement in ${warehouse}`, () => {
    test("compares the current load with an earlier one, line by line", async (t) => {
      const { config } = await twice(warehouse, t);
      const result = await restatement(config, { now, asOf: "previous" });
      const [own] = result.exports;
      assert.deepEqual([result.month, own?.before.rows, own?.after.rows, own?.isSame], [month, 3, 3, false]);
      const { changes, sentence, ...dollars } = result.currency["USD"] ?? assert.fail();
      assert.deepEqual(dollars, {
        before: "107.000000000000001",
        after: "57.5",
        difference: "-49.500000000000001",
        rest: { changes: 0, amount: "0" },
        unattributed: "0",
      });
      assert.deepEqual(
        changes.map(({ account, chargeType, difference }) => [account, chargeType, difference]),
        [
          ["012345678901", "Usage", "-40.000000000000001"],
          ["012345678901", "Usage", "-7"],
          ["098765432109", "Credit", "-2.5"],
        ],
      );
      assert.match(
        sentence,
        /^2025-03 is loaded with 57\.50 USD, 49\.50 USD \(46\.3 %\) less than the previous load\. The largest change is .* in account 012345678901 \(Usage\), -40\.00\.$/u,
      );
      assert.deepEqual([result.currency["EUR"]?.difference, result.currency["EUR"]?.changes], ["0", []]);
    });

    test("takes the load that was the current one at a time", async (t) => {
      const { config } = await twice(warehouse, t);
      const { loads } = await history(config, {});
      const [first, second] = loads.map(({ loadedAt }) => loadedAt);
      const at = async (asOf: string) => (await restatement(config, { now, asOf })).currency["USD"];
      assert.equal((await at(first ?? ""))?.difference, "-49.500000000000001");
      assert.equal((await at(second ?? ""))?.difference, "0");
      // Today the newest load counts.
      const today = (second ?? "").slice(0, 10);
      const same = await restatement(config, { now, asOf: today });
      assert.deepEqual([same.exports[0]?.isSame, same.currency["USD"]?.difference], [true, "0"]);
      assert.match(
        same.currency["USD"]?.sentence ?? "",
        /^2025-03 is loaded with 57\.50 USD, the same as the load of /u,
      );
      const error = await rejects(at("2020-01-01"), "USAGE_INVALID", "aws_focus 2025-03 was not loaded by then.");
      assert.match(error.hint, /^billhouse history --month 2025-03/u);
    });
  });
}

test("charges that several exports have are compared once", async (t) => {
  const sections = Object.fromEntries(
    ["actual", "amortized"].map((name) => [`azure_${name}`, { bucket_url: "bucket", prefix: name }]),
  );
  const delivery = (folder: string, type: "ActualCost" | "AmortizedCost", cost: string): Delivery =>
    azureDelivery({ month, id: `${folder} ${cost}`, folder, type, files: [azureRows(month, cost)] });
  const delivered = (cost: string) => [
    delivery("actual", "ActualCost", cost),
    delivery("amortized", "AmortizedCost", cost),
  ];
  const project = await answering.DuckDB(t, delivered("1.5"), sections);
  for (const one of delivered("2.25")) await deliver(project.bucket, one);
  await runProject(project);
  const { currency, exports } = await restatement(project.config, { now, asOf: "previous" });
  assert.deepEqual([exports.map(({ name }) => name), currency["EUR"]?.difference], [["azure_actual"], "0.75"]);
});

describe("explain --as-of", () => {
  test("writes the two loads for people, as JSON and as CSV, and refuses what it cannot compare", async (t) => {
    const project = await twice("DuckDB", t);
    const words = ["explain", month, "--as-of", "previous"];
    const screen = await billhouse(project, words);
    assert.match(screen.stdout, /^How 2025-03 differs from its previous load\n/u);
    assert.match(screen.stdout, /By the receipts of both loads/u);
    const csv = await billhouse(project, [...words, "--csv", "--top", "1"]);
    const lines = csv.stdout.split("\n");
    assert.equal(
      lines[0],
      "currency,row,export,service,account,charge_type,rows_before,rows_after,before,after,amount",
    );
    assert.equal(
      lines[2],
      "USD,change,aws_focus,Servers,012345678901,Usage,1,1,100.000000000000001,60,-40.000000000000001",
    );
    assert.equal(lines[3], "USD,rest,,,,,,,,,-9.5");
    assert.equal(lines[4], "USD,total,,,,,,,107.000000000000001,57.5,-49.500000000000001");
    const json = await billhouse(project, [...words, "--json"]);
    assert.equal((JSON.parse(json.stdout) as { as_of: string }).as_of, "previous");
    for (const [more, message] of [
      [["--vs", "2025-02"], /--as-of and --vs exclude each other/u],
      [["--as-of", "yesterday"], /"yesterday" is not a day or a time/u],
    ] as const) {
      const refused = await billhouse(project, [...words, ...more]);
      assert.equal(refused.code, 64);
      assert.match(refused.stderr, message);
    }
  });
});
