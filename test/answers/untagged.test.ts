import assert from "node:assert/strict";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";

import { untagged } from "../../src/answers/untagged.ts";
import { loadConfig } from "../../src/index.ts";
import type { Row } from "../support/deliveries.ts";
import { billhouse } from "../support/projects.ts";
import { answering, bill, charge } from "./bills.ts";

const [before, month] = ["2025-02", "2025-03"];
const now = new Date("2025-06-01T00:00:00Z");

const rows = (of: string, untaggedCost: string): readonly Row[] => [
  charge(of, { EffectiveCost: "60", Tags: '{"team":"web"}' }),
  charge(of, { EffectiveCost: untaggedCost, ResourceId: "server-2" }),
  charge(of, {
    EffectiveCost: "5",
    ResourceId: "disk-1",
    ServiceName: "Disks",
    Tags: '{"Team":"data","user:env":"live"}',
  }),
  charge(of, { EffectiveCost: "3", ResourceId: "disk-2", ServiceName: "Disks", Tags: '{"team":"n/a"}' }),
  charge(of, { EffectiveCost: "2", ResourceId: "disk-3", ServiceName: "Disks", Tags: '{"team":""}' }),
  // What cannot be tagged: without a resource, unused, negative, a correction, a fee.
  charge(of, { EffectiveCost: "10", ResourceId: "" }),
  charge(of, { EffectiveCost: "8", CommitmentDiscountId: "ri-1", CommitmentDiscountStatus: "Unused" }),
  charge(of, { EffectiveCost: "-1" }),
  charge(of, { EffectiveCost: "4", ChargeClass: "Correction" }),
  charge(of, { EffectiveCost: "9", ChargeCategory: "Purchase" }),
  // What is not part of the total.
  charge(of, { EffectiveCost: "100", ChargeCategory: "Tax" }),
  charge(of, { EffectiveCost: "-50", ChargeCategory: "Credit" }),
  // A cloud where the key was never activated.
  charge(of, { EffectiveCost: "7", ProviderName: "Microsoft", Tags: '{"owner":"x"}' }),
];

const bills = async () => [await bill(before, rows(before, "10")), await bill(month, rows(month, "20"))];

for (const [warehouse, load] of Object.entries(answering)) {
  describe(`untagged in ${warehouse}`, () => {
    test("both shares, the groups by money, the months, and clouds where the key is not activated", async (t) => {
      const { config } = await load(t, await bills());
      const result = await untagged(config, { now, tag: "team", placeholders: ["N/A"], by: ["service", "resource"] });
      const own = result.currency["USD"] ?? assert.fail();
      // 60 + 20 + 5 + 3 + 2 is taggable; all but 60 is untagged.
      assert.deepEqual(
        [own.taggable, own.untagged, own.untaggedShare, own.coverage],
        ["90", "30", "0.333333", "0.666667"],
      );
      // 90 + 10 + 8 - 1 + 4 + 9 + 7 before credits and tax, of which 60 are tagged.
      assert.deepEqual([own.total, own.unallocated, own.unallocatedShare], ["127", "67", "0.527559"]);
      assert.deepEqual(own.notActivated, [{ cloud: "Microsoft", taggable: "7" }]);
      assert.deepEqual(
        own.rows.map(({ keys, cost, share }) => [keys["service"], keys["resource"], cost, share]),
        [
          ["Servers", "server-2", "20", "0.666667"],
          ["Disks", "disk-1", "5", "0.166667"],
          ["Disks", "disk-2", "3", "0.1"],
          ["Disks", "disk-3", "2", "0.066667"],
        ],
      );
      assert.deepEqual(own.months, [
        { month: before, taggable: "80", untagged: "20", coverage: "0.75" },
        { month, taggable: "90", untagged: "30", coverage: "0.666667" },
      ]);
    });

    test("a value is a tag unless it is a placeholder, and prefixes of users do not matter", async (t) => {
      const { config } = await load(t, await bills());
      const team = (await untagged(config, { now, tag: "team" })).currency["USD"];
      assert.deepEqual([team?.untagged, team?.taggable], ["27", "90"]);
      const environment = (await untagged(config, { now, tag: "env" })).currency["USD"];
      assert.deepEqual([environment?.untagged, environment?.taggable], ["85", "90"]);
    });

    test("without a key any tag with a value counts, and groups that are not listed are added up", async (t) => {
      const { config } = await load(t, await bills());
      const own = (await untagged(config, { now, top: 1, by: ["service"] })).currency["USD"] ?? assert.fail();
      assert.deepEqual([own.untagged, own.taggable, own.notActivated], ["22", "97", []]);
      assert.deepEqual([own.rows.length, own.rest], [1, { groups: 1, cost: "2" }]);
    });
  });
}

describe("untagged", () => {
  test("a tag with configured spellings is one tag", async (t) => {
    const project = await answering.DuckDB(t, await bills());
    await appendFile(join(project.folder, "billhouse.toml"), '\n[focus.tags]\nteam = ["Team"]\n');
    const config = await loadConfig({ folder: project.folder, environment: {} });
    assert.equal((await untagged(config, { now, tag: "team" })).currency["USD"]?.untagged, "22");
  });

  test("the placeholders of [focus] count as untagged, in any case", async (t) => {
    const project = await answering.DuckDB(t, await bills());
    await appendFile(join(project.folder, "billhouse.toml"), '\n[focus]\nplaceholders = ["none", "N/A"]\n');
    const config = await loadConfig({ folder: project.folder, environment: {} });
    assert.equal((await untagged(config, { now, tag: "team" })).currency["USD"]?.untagged, "30");
  });

  test("writes JSON and CSV with the dimensions", async (t) => {
    const project = await answering.DuckDB(t, await bills());
    const words = ["untagged", month, "--tag", "team", "--placeholder", "n/a", "--by", "service"];
    const json = await billhouse(project, [...words, "--json"]);
    const { currency } = JSON.parse(json.stdout) as { currency: Record<string, Record<string, unknown>> };
    assert.deepEqual(currency["USD"]?.["rows"], [
      { keys: { service: "Servers" }, cost: "20", share: "0.666667" },
      { keys: { service: "Disks" }, cost: "10", share: "0.333333" },
    ]);
    const csv = await billhouse(project, [...words, "--csv", "--top", "1"]);
    assert.equal(
      csv.stdout,
      "currency,row,service,cost,share\nUSD,group,Servers,20,0.666667\nUSD,rest,,10,\nUSD,total,,30,\n",
    );
  });
});
