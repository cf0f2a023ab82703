import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BillhouseError } from "../../src/errors.ts";
import { createTally, type Precision, type TallyOptions } from "../../src/files/tally.ts";
import { combineEvidence, verifyMonth } from "../../src/pipeline/load/proof.ts";
import type { Evidence, Execution } from "../../src/model.ts";
import type { TableMeasures } from "../../src/warehouses/warehouse.ts";

const header = ["period", "currency", "cost"];
const june = "2025-06-01T00:00:00Z";

function tallyOf(changes: Partial<TallyOptions> = {}): ReturnType<typeof createTally> {
  return createTally({
    key: "bill.csv",
    billingMonth: "2025-06",
    needsPeriod: false,
    nullValues: [],
    header,
    proof: { period: 0, currency: 1, costs: [2] },
    precisions: [18],
    decimalScale: 18,
    unit: "line",
    ...changes,
  });
}

function tallied(rows: readonly (readonly string[])[], changes: Partial<TallyOptions> = {}): Evidence {
  const tally = tallyOf(changes);
  for (const [index, row] of rows.entries())
    tally.row(
      tally.wanted.map((position) => row[position] ?? null),
      index + 2,
    );
  return tally.evidence();
}

function raises(code: string, words: RegExp, work: () => unknown): void {
  assert.throws(work, (error) => error instanceof BillhouseError && error.code === code && words.test(error.message));
}

describe("the tally of a file", () => {
  it("counts rows and sums costs exactly, per currency", () => {
    const evidence = tallied([
      [june, "USD", "0.1"],
      [june, "USD", "0.2"],
      [june, "EUR", "-1E-20"],
      [june, "USD", ""],
    ]);
    assert.deepEqual(evidence.sums, [{ USD: "0.3", EUR: "-0.00000000000000000001" }]);
    assert.deepEqual([evidence.rows, evidence.monthRows, evidence.rounded], [4, 4, [1]]);
  });

  it("refuses a file whose header is not the one in which its columns were found", () => {
    tallyOf().header([...header]);
    for (const other of [
      ["period", "cost", "currency"],
      ["period", "currency"],
      [...header, "tag"],
    ]) {
      raises("OBJECT_CHANGED", /^The header of bill\.csv changed/, () => tallyOf().header(other));
    }
  });

  it("works without a currency and without a period", () => {
    const evidence = tallied([["", "", "5"]], {
      proof: { period: null, currency: null, costs: [2, null] },
      precisions: [18, 18],
    });
    assert.deepEqual(evidence.sums, [{ "": "5" }, {}]);
  });

  it("counts rows of other months apart, by their month and with their cost", () => {
    const rows = [
      [june, "USD", "1"],
      ["2025-08-01", "USD", "not a cost"],
      ["2025-07-01", "USD", "2"],
      ["2025-07-09", "EUR", "3"],
    ];
    const evidence = tallied(rows);
    assert.deepEqual([evidence.rows, evidence.monthRows, evidence.sums], [4, 1, [{ USD: "1" }]]);
    assert.deepEqual(evidence.otherMonths, [
      { month: "2025-07", rows: 2, cost: { USD: "2", EUR: "3" } },
      { month: "2025-08", rows: 1, cost: { USD: "0" } },
    ]);
  });

  it("takes a row without a period for one of the month, and counts it", () => {
    const evidence = tallied([
      ["", "USD", "1"],
      [june, "USD", "2"],
    ]);
    assert.deepEqual([evidence.monthRows, evidence.rowsWithoutPeriod, evidence.sums], [2, 1, [{ USD: "3" }]]);
    const proof = { period: null, currency: 1, costs: [2] };
    assert.equal(tallied([["", "USD", "1"]], { proof }).rowsWithoutPeriod, 1);
  });

  it("reads words that mean that there is no value", () => {
    const rows = [
      ["None", "None", "1"],
      [june, "USD", "n/a"],
    ];
    const evidence = tallied(rows, { nullValues: ["None", "n/a"] });
    assert.deepEqual([evidence.rowsWithoutPeriod, evidence.sums], [1, [{ None: "1" }]]);
    raises("VALUE_INVALID", /line 2, column period: "None" is not a date/, () => tallied(rows));
  });

  it("names file, line, column and value of what it refuses", () => {
    raises("VALUE_INVALID", /bill\.csv, line 2, column cost: "abc"/, () => tallied([[june, "USD", "abc"]]));
    raises("VALUE_INVALID", /column period: "soon"/, () => tallied([["soon", "USD", "1"]]));
    raises("PERIOD_MISSING", /line 2, column period/, () => tallied([["", "USD", "1"]], { needsPeriod: true }));
    raises("VALUE_INVALID", /row 2, column cost: "\\u001b\[31m"/, () =>
      tallied([[june, "USD", "\u001b[31m"]], { unit: "row" }),
    );
  });

  it("reports what a table of floats or of narrow decimals keeps", () => {
    const amounts = [june, "USD", "0.12345678901234567891"];
    const keptBy = (precision: Precision): Evidence =>
      tallied([amounts, [june, "USD", "0.5"]], { precisions: [precision] });
    assert.deepEqual([keptBy("float").kept, keptBy("float").rounded], [[{ USD: "0.62345678901234568" }], [1]]);
    assert.deepEqual([keptBy(4).kept, keptBy(4).rounded], [[{ USD: "0.62345678901234567891" }], [1]]);
    assert.deepEqual(keptBy(38).rounded, [0]);
  });
});

describe("the proof of a month", () => {
  const execution = { id: "run", billingMonth: "2025-06", rows: 2 } as unknown as Execution;
  const evidence = combineEvidence([
    tallied([[june, "USD", "0.1"]]),
    tallied([[june, "USD", "0.0000000000000000005"]]),
  ]);
  const measured = (changes: Partial<TableMeasures> = {}): TableMeasures => ({
    rows: 2,
    inserted: 2,
    sums: [{ USD: "0.100000000000000001" }],
    firstUsage: null,
    lastUsage: null,
    uninvoicedRows: null,
    uninvoicedCostRows: null,
    summary: [],
    accounts: [],
    delivered: null,
    ...changes,
  });

  const command = { pipeline: "aws_cur", force: false, accept: [] };

  it("holds when rows and sums agree, up to half a last digit for each rounded value", () => {
    verifyMonth([{ execution, evidence }], measured(), [18], command);
    verifyMonth([{ execution, evidence }], measured({ sums: [{ USD: "0.1" }] }), [18], command);
  });

  it("fails on a sum that is off by more, in either direction, or in a currency that was not delivered", () => {
    for (const sums of [
      { USD: "0.100000000000000002" },
      { USD: "0.099999999999999999" },
      { USD: "0.1", EUR: "0.01" },
      {},
    ]) {
      raises("SUM_MISMATCH", /in the files, but/, () =>
        verifyMonth([{ execution, evidence }], measured({ sums: [sums] }), [18], command),
      );
    }
  });

  it("fails on a count that is off; only the declared one can be waived", () => {
    const declared = { execution: { ...execution, rows: 3 }, evidence };
    raises("ROW_COUNT_MISMATCH", /have 2 rows, but its manifest declares 3/, () =>
      verifyMonth([declared], measured(), [18], command),
    );
    verifyMonth([declared], measured(), [18], { ...command, accept: ["row-count"] });
    // Of two deliveries, each counts for itself, also where both together hold what they declare.
    const [first, second] = [1, 3].map((rows, index) => ({
      execution: { ...execution, id: `half-${index + 1}`, rows },
      evidence,
    }));
    assert.ok(first !== undefined && second !== undefined);
    raises("ROW_COUNT_MISMATCH", /of half-1 have 2 rows, but its manifest declares 1/, () =>
      verifyMonth([first, second], measured({ rows: 4, inserted: 4, sums: [{ USD: "0.2" }] }), [18], command),
    );
    for (const wrong of [{ inserted: 1 }, { rows: 3 }]) {
      raises("ROW_COUNT_MISMATCH", /2 rows/, () =>
        verifyMonth([{ execution, evidence }], measured(wrong), [18], { ...command, accept: ["row-count"] }),
      );
    }
  });
});
