import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { BillhouseError } from "../../src/errors.ts";
import { decodeState, encodeState, versionHash } from "../../src/state/dlt.ts";
import {
  forgetMonths,
  idColumnOf,
  loadedExecutions,
  recordLoad,
  type LoadToRecord,
} from "../../src/state/executions.ts";
import { parseJson, writeJson } from "../../src/state/json.ts";
import { fixturesOf, newestState, rowsOf, textOf, type DltFixture } from "./fixtures.ts";

const load: LoadToRecord = {
  executionIds: ["new-execution"],
  billingMonth: "2025-12",
  loadedAt: "2026-01-03T04:05:06.789000+00:00",
  submittedTime: "2026-01-02T03:04:05.1234567Z",
};
const destination = "dlt.destinations.duckdb";

function idsOf(fixture: DltFixture): Record<string, string> {
  const months = loadedExecutions(newestState(fixture), fixture.table);
  return Object.fromEntries([...months].map(([month, loaded]) => [month, loaded.executionId]));
}

describe("loadedExecutions", () => {
  it("is empty without a state, and without entries", () => {
    for (const fixture of fixturesOf("aws-summary-only")) {
      assert.equal(loadedExecutions(null, fixture.table).size, 0);
      assert.equal(loadedExecutions(newestState(fixture), fixture.table).size, 0);
    }
  });

  for (const fixture of fixturesOf("aws-second-run")) {
    it(`reads the AWS pipeline's entries: ${fixture.title}`, () => {
      assert.deepEqual(idsOf(fixture), {
        "2025-10": "4b02f8c3-11aa-4f5c-8c3b-9d2e4c5d6b04",
        "2025-09": "1c5b2b96-0e4a-4a57-8f60-0d1f7d1e2a01",
        "2025-11": "3a917e52-54b1-4c8b-a1de-77e0c9b8aa03",
      });
      const november = loadedExecutions(newestState(fixture), fixture.table).get("2025-11");
      assert.match(november?.loadedAt ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
    });
  }

  for (const fixture of fixturesOf("azure-second-run")) {
    it(`reads the Azure pipeline's entries: ${fixture.title}`, () => {
      const november = loadedExecutions(newestState(fixture), fixture.table).get("2025-11");
      assert.deepEqual(november, {
        executionId: "5d2f9a10-1c1b-4e0e-8a55-0f7f3a9f0c11",
        executionIds: ["5d2f9a10-1c1b-4e0e-8a55-0f7f3a9f0c11"],
        knownIds: ["5d2f9a10-1c1b-4e0e-8a55-0f7f3a9f0c11"],
        loadedAt: null,
        submittedTime: "2025-12-01T05:06:07.7654321Z",
      });
    });
  }

  for (const fixture of fixturesOf("aws-list-form")) {
    it(`reads the older lists, of which the last id counts: ${fixture.title}`, () => {
      const october = loadedExecutions(newestState(fixture), fixture.table).get("2025-10");
      assert.equal(october?.executionId, "4b02f8c3-11aa-4f5c-8c3b-9d2e4c5d6b04");
      assert.deepEqual(october.knownIds, ["2f6d0c11-7c43-4a0e-93c5-5b1f0a6f9d02", october.executionId]);
    });
  }

  for (const fixture of fixturesOf("aws-list-then-entry")) {
    it(`reads lists and entries side by side: ${fixture.title}`, () => {
      assert.deepEqual(Object.keys(idsOf(fixture)), ["2025-10", "2025-09", "2025-11"]);
    });
  }

  const entries: Readonly<Record<string, string>> = {
    "a number": "7",
    "an entry without an execution": '{"loaded_at":"2025-11-02T00:00:00+00:00"}',
    "a list with something else in it": '["a",1]',
  };
  for (const [title, entry] of Object.entries(entries)) {
    it(`says STATE_INVALID for ${title}, and forgets it`, () => {
      const [fixture] = fixturesOf("aws-fresh");
      assert.ok(fixture !== undefined);
      const text = writeJson(decodeState(newestState(fixture))).replace(/"2025-10":\{[^}]*\}/, `"2025-10":${entry}`);
      // The hint is about the row: state forget itself has to read the state.
      assert.throws(
        () => loadedExecutions(text, fixture.table),
        (error: BillhouseError) =>
          error.code === "STATE_INVALID" &&
          error.message.includes("2025-10") &&
          error.hint.includes("newest row from _dlt_pipeline_state"),
      );
      const forgotten = forgetMonths(text, fixture.table, ["2025-10"], "9", load.loadedAt);
      assert.deepEqual([...loadedExecutions(forgotten.state, fixture.table).keys()], ["2025-09"]);
    });
  }

  const keys: Readonly<Record<string, string>> = {
    "a name of JavaScript": "__proto__",
    "an escape sequence": "\u001b[31m",
    "a word": "m300000",
    nothing: "",
    "a month 13": "2025-13",
    "a month 0": "2025-00",
    "a day": "2025-10-01",
    "a month and a line break": "2025-10\n",
    "a year of five digits": "12025-10",
  };
  for (const [title, key] of Object.entries(keys)) {
    it(`says STATE_INVALID, and names the key, when a month is ${title}`, () => {
      const [fixture] = fixturesOf("aws-fresh");
      assert.ok(fixture !== undefined);
      const written = JSON.stringify(key);
      const text = writeJson(decodeState(newestState(fixture))).replace('"2025-10":', `${written}:`);
      assert.throws(
        () => loadedExecutions(text, fixture.table),
        (error: BillhouseError) => error.code === "STATE_INVALID" && error.message.includes(written),
      );
      // All of it is kept, and nothing else changes.
      assert.equal(writeJson(decodeState(text)), text);
      assert.equal(loadedExecutions(forgetMonths(text, fixture.table, "all", "9", "").state, fixture.table).size, 0);
    });
  }

  it("shows only the start of a long key", () => {
    const [fixture] = fixturesOf("aws-fresh");
    assert.ok(fixture !== undefined);
    const text = writeJson(decodeState(newestState(fixture))).replace("2025-10", "9".repeat(100_000));
    assert.throws(
      () => loadedExecutions(text, fixture.table),
      (error: BillhouseError) => error.code === "STATE_INVALID" && error.message.length < 200,
    );
  });

  it("reads the entries of a section whose name does not name its cloud", () => {
    const [fixture] = fixturesOf("azure-second-run");
    assert.ok(fixture !== undefined);
    const table = { ...fixture.table, idColumn: "assembly_id" } as const;
    const state = newestState(fixture);
    assert.deepEqual(loadedExecutions(state, table), loadedExecutions(state, fixture.table));
    assert.deepEqual([idColumnOf(state, table), idColumnOf(null, table)], ["run_id", "assembly_id"]);
  });

  it("takes an empty list for a month that is not loaded", () => {
    const [fixture] = fixturesOf("aws-fresh");
    assert.ok(fixture !== undefined);
    const text = writeJson(decodeState(newestState(fixture))).replace(/"2025-10":\{[^}]*\}/, '"2025-10":[]');
    assert.deepEqual([...loadedExecutions(text, fixture.table).keys()], ["2025-09"]);
  });

  it("refuses the state of another pipeline", () => {
    const [fixture] = fixturesOf("aws-fresh");
    assert.ok(fixture !== undefined);
    const table = { ...fixture.table, pipelineName: "other_pipeline" };
    assert.throws(() => loadedExecutions(newestState(fixture), table), { code: "STATE_INVALID" });
  });
});

describe("recordLoad", () => {
  for (const name of ["aws-second-run", "aws-list-form", "aws-foreign-state", "azure-second-run", "aws-summary-only"]) {
    for (const fixture of fixturesOf(name)) {
      it(`continues dlt's rows and touches nothing else: ${fixture.title}`, () => {
        const before = decodeState(newestState(fixture));
        const row = recordLoad(newestState(fixture), fixture.table, load, destination, "9999999999.000000");
        const newest = rowsOf(fixture, "_dlt_pipeline_state").at(-1);
        assert.equal(row.version, Number(newest?.["version"]) + 1);
        assert.equal(row.engineVersion, 4);
        assert.equal(row.pipelineName, fixture.table.pipelineName);
        assert.equal(row.createdAt, load.loadedAt);

        const after = decodeState(row.state);
        assert.equal(after.get("_version_hash"), row.versionHash);
        assert.equal(versionHash(after), row.versionHash);
        assert.equal(loadedExecutions(row.state, fixture.table).get("2025-12")?.executionId, "new-execution");
        const forgotten = decodeState(forgetMonths(row.state, fixture.table, ["2025-12"], "9", "").state);
        assert.equal(versionHash(forgotten), versionHash(before));
      });
    }
  }

  it("writes the state that dlt writes for the same load, but for the order of its first keys", () => {
    for (const fixture of fixturesOf("aws-fresh")) {
      const [first, second] = [...loadedExecutions(newestState(fixture), fixture.table)].map(([month, loaded]) => ({
        executionIds: [loaded.executionId],
        billingMonth: month,
        loadedAt: loaded.loadedAt ?? "",
        submittedTime: null,
      }));
      assert.ok(first !== undefined && second !== undefined);
      const one = recordLoad(null, fixture.table, first, destination, "1");
      assert.equal(one.version, 1);
      const two = recordLoad(one.state, fixture.table, second, destination, "2");
      assert.equal(two.version, 2);
      assert.equal(two.versionHash, textOf(rowsOf(fixture, "_dlt_pipeline_state").at(-1)?.["version_hash"]));
    }
  });

  it("keeps the entry of the Azure pipeline for a month of several runs, and names them beside its run_id", () => {
    for (const fixture of fixturesOf("azure-second-run")) {
      const several = { ...load, executionIds: ["first-half", "second-half"] };
      const row = recordLoad(newestState(fixture), fixture.table, several, destination, "9");
      assert.match(
        writeJson(decodeState(row.state)),
        /"2025-12":\{"run_id":"second-half","submitted_time":"2026-01-02T03:04:05\.1234567Z","run_ids":\["first-half","second-half"\]\}/,
      );
      const december = loadedExecutions(row.state, fixture.table).get("2025-12");
      assert.deepEqual(december?.executionIds, ["first-half", "second-half"]);
      assert.equal(december.executionId, "second-half");
      const again = decodeState(forgetMonths(row.state, fixture.table, ["2025-12"], "9", "").state);
      assert.equal(versionHash(again), versionHash(decodeState(newestState(fixture))));
      // The next load of the month is of one run.
      const one = recordLoad(row.state, fixture.table, { ...load, executionIds: ["whole"] }, destination, "10");
      assert.deepEqual(loadedExecutions(one.state, fixture.table).get("2025-12")?.executionIds, ["whole"]);
    }
  });

  it("reads run_id alone where run_ids are of another load, as after a pipeline that knows only run_id", () => {
    const [fixture] = fixturesOf("azure-second-run");
    assert.ok(fixture !== undefined);
    const several = { ...load, executionIds: ["a", "b"] };
    const { state } = recordLoad(newestState(fixture), fixture.table, several, destination, "9");
    for (const runIds of ['["a","c"]', "[]", '"b"', "[1]"]) {
      const text = writeJson(decodeState(state)).replace('"run_ids":["a","b"]', `"run_ids":${runIds}`);
      assert.deepEqual(loadedExecutions(text, fixture.table).get("2025-12")?.executionIds, ["b"], runIds);
    }
  });

  it("replaces a list with an entry where it stands", () => {
    for (const fixture of fixturesOf("aws-list-form")) {
      const row = recordLoad(
        newestState(fixture),
        fixture.table,
        { ...load, billingMonth: "2025-10" },
        destination,
        "9",
      );
      const months = loadedExecutions(row.state, fixture.table);
      assert.deepEqual([...months.keys()], ["2025-10", "2025-09", "2025-11"]);
      assert.deepEqual(months.get("2025-10")?.knownIds, ["new-execution"]);
    }
  });

  it("leaves submitted_time null when the manifest has none", () => {
    const [fixture] = fixturesOf("azure-second-run");
    assert.ok(fixture !== undefined);
    const row = recordLoad(null, fixture.table, { ...load, submittedTime: null }, "dlt.destinations.bigquery", "9");
    assert.match(writeJson(decodeState(row.state)), /\{"run_id":"new-execution","submitted_time":null\}/);
    assert.match(writeJson(decodeState(row.state)), /"destination_type":"dlt.destinations.bigquery"/);
  });

  it("says STATE_INVALID when something else stands where our part belongs", () => {
    const [fixture] = fixturesOf("aws-fresh");
    assert.ok(fixture !== undefined);
    const broken = new Map(decodeState(newestState(fixture))).set("sources", parseJson("[]"));
    assert.throws(() => recordLoad(encodeState(broken), fixture.table, load, destination, "9"), {
      code: "STATE_INVALID",
    });
  });
});

describe("forgetMonths", () => {
  it("forgets all months", () => {
    for (const fixture of fixturesOf("aws-list-then-entry")) {
      const row = forgetMonths(newestState(fixture), fixture.table, "all", "9", load.loadedAt);
      assert.equal(loadedExecutions(row.state, fixture.table).size, 0);
      assert.equal(row.version, Number(rowsOf(fixture, "_dlt_pipeline_state").at(-1)?.["version"]) + 1);
    }
  });

  it("keeps the version when there was nothing to forget", () => {
    for (const fixture of fixturesOf("aws-fresh")) {
      const row = forgetMonths(newestState(fixture), fixture.table, ["1999-01"], "9", load.loadedAt);
      assert.equal(row.version, 1);
    }
  });
});
