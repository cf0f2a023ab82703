import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { awsCur } from "../../../src/exports/aws-cur.ts";
import { azureCost } from "../../../src/exports/azure-cost.ts";
import type { CostLine, Receipt, ReceiptDelivery } from "../../../src/model.ts";
import {
  finalityAfter,
  finalityNow,
  type FinalityRules,
  finalityUnknown,
  type MonthFinality,
} from "../../../src/pipeline/months/finality.ts";
import { receipt } from "../../state/sample.ts";

const active = { activeFrom: null, activeTo: null };

function rules(
  day: string,
  format: FinalityRules["format"],
  pipeline: FinalityRules["pipeline"] = active,
): FinalityRules {
  return { format, pipeline, now: new Date(`${day}T12:00:00Z`) };
}

const aws = (day: string): FinalityRules => rules(day, awsCur);
const azure = (day: string): FinalityRules => rules(day, azureCost);

/** January 2025 of AWS, in which every row has an invoice id. */
const invoiced: Receipt = {
  ...receipt,
  billingMonth: "2025-01",
  loadedAt: "2025-03-01T00:00:00Z",
  submittedTime: null,
  coverage: null,
  deliveries: null,
  period: null,
  dataUntil: "2025-01-31",
  rows: 3,
  uninvoicedRows: 0,
  uninvoicedCostRows: 0,
  finality: "estimated",
  flags: [],
  missingDays: [],
  accepted: {},
};

function delivery(start: string, end: string, made: string | null): ReceiptDelivery {
  const [sample] = receipt.deliveries ?? [];
  assert.ok(sample);
  return { ...sample, coverage: { start, end }, submitted_time: made, made };
}

/** January 2025 of Azure, without a column for invoice ids, from these deliveries. */
function scheduled(...deliveries: readonly ReceiptDelivery[]): Receipt {
  return { ...invoiced, uninvoicedRows: null, uninvoicedCostRows: null, deliveries };
}

const whole = (made: string | null): ReceiptDelivery => delivery("2025-01-01", "2025-01-31", made);

/** The state, and what final rests on: `final (invoice)`. */
function title({ state, basis }: MonthFinality): string {
  return basis === null ? state : `${state} (${basis})`;
}

describe("a month of AWS", () => {
  it("is open until its last day is over in UTC", () => {
    const at = (time: string): string => finalityNow(invoiced, { ...aws("2025-01-01"), now: new Date(time) }).state;
    assert.equal(at("2025-01-31T23:59:59Z"), "open");
    assert.equal(at("2025-02-01T00:00:00Z"), "estimated");
  });

  it("is final by invoice from the 8th of the next month, when every row with a cost has an invoice id", () => {
    const early = finalityNow(invoiced, aws("2025-02-07"));
    assert.deepEqual([title(early), early.lacks], ["estimated", ["support fees may arrive until 2025-02-08"]]);
    assert.equal(title(finalityNow(invoiced, aws("2025-02-08"))), "final (invoice)");
    const free: Receipt = { ...invoiced, uninvoicedRows: 2 };
    assert.equal(title(finalityNow(free, aws("2025-02-08"))), "final (invoice)", "rows that cost nothing do not count");
    const december: Receipt = { ...invoiced, billingMonth: "2024-12", dataUntil: "2024-12-31" };
    assert.equal(title(finalityNow(december, aws("2025-01-07"))), "estimated");
    assert.equal(title(finalityNow(december, aws("2025-01-08"))), "final (invoice)");
  });

  it("is estimated otherwise, and says what is missing", () => {
    const lacks = (changes: Partial<Receipt>): readonly string[] => {
      const { state, lacks: found } = finalityNow({ ...invoiced, ...changes }, aws("2026-02-11"));
      assert.equal(state, "estimated");
      return found;
    };
    assert.deepEqual(lacks({ uninvoicedRows: 3, uninvoicedCostRows: 2 }), ["2 rows with a cost lack an invoice id"]);
    assert.deepEqual(lacks({ uninvoicedRows: 1, uninvoicedCostRows: null }), ["1 row with a cost lacks an invoice id"]);
    assert.deepEqual(lacks({ uninvoicedRows: null, uninvoicedCostRows: null }), [
      "its export lacks a column for invoice ids",
    ]);
    assert.deepEqual(lacks({ rows: 0 }), ["it does not have rows"]);
    assert.deepEqual(lacks({ measured: null }), ["its receipt does not record which rows are invoiced"]);
    assert.equal(finalityUnknown("2025-01", null, aws("2025-06-01")).state, "estimated");
  });

  it("has data that end early when the last usage day lies more than two days before its end, unless it is invoiced", () => {
    const open: Receipt = { ...invoiced, uninvoicedRows: 3, uninvoicedCostRows: 3 };
    const ends = (
      changes: Partial<Receipt>,
      day = "2025-02-01",
      bounds: FinalityRules["pipeline"] = active,
    ): string | null => finalityNow({ ...open, ...changes }, rules(day, awsCur, bounds)).dataEnds;
    assert.equal(ends({ dataUntil: "2025-01-12" }), "2025-01-12");
    assert.equal(ends({ dataUntil: "2025-01-28" }), "2025-01-28");
    assert.equal(ends({ dataUntil: "2025-01-29" }), null);
    assert.equal(ends({ dataUntil: "2025-01-12" }, "2025-01-31"), null, "the month is not over");
    assert.equal(ends({ dataUntil: null, lastUsage: "2025-01-12T23:00:00Z" }), "2025-01-12", "an older receipt");
    assert.equal(ends({ dataUntil: null, lastUsage: null }), null);
    assert.equal(ends({ dataUntil: "2025-01-12", uninvoicedCostRows: 0 }), null, "invoiced");
    assert.equal(ends({ dataUntil: "2025-01-12" }, "2025-02-01", { activeFrom: null, activeTo: "2025-01-14" }), null);
    assert.equal(finalityNow({ ...open, dataUntil: "2025-01-12" }, aws("2025-02-01")).missingDays.length, 0);
  });
});

describe("a month of Azure", () => {
  const states = (one: Receipt, day = "2025-06-01", bounds: FinalityRules["pipeline"] = active): MonthFinality =>
    finalityNow(one, rules(day, azureCost, bounds));

  it("is final by schedule when every delivery was made on the 5th of the next month or later", () => {
    const early = states(scheduled(whole("2025-02-04T23:59:59.1234567Z")));
    assert.deepEqual(
      [title(early), early.lacks],
      [
        "estimated",
        [
          "the export's last scheduled run, on 2025-02-05, was not delivered: the month has a delivery of 2025-02-04. If no newer one arrives, check that the export still runs",
        ],
      ],
    );
    assert.equal(title(states(scheduled(whole("2025-02-05T00:42:06.1234567Z")))), "final (schedule)");
    const halves = [
      delivery("2025-01-01", "2025-01-15", "2025-02-04T00:00:00Z"),
      delivery("2025-01-16", "2025-01-31", "2025-03-01T00:00:00Z"),
    ];
    assert.equal(title(states(scheduled(...halves))), "estimated", "one of them is older");
    assert.equal(title(states(scheduled(whole(null)))), "estimated", "when it was made is not known");
    const python: Receipt = { ...scheduled(), deliveries: null, files: null, restoredLoadId: null, finality: null };
    assert.equal(title(states(python)), "final (schedule)", "by when it was loaded");
  });

  it("is not final while its data end early", () => {
    const short = { ...scheduled(whole("2025-02-06T00:00:00Z")), dataUntil: "2025-01-12" };
    assert.deepEqual([title(states(short)), states(short).dataEnds], ["estimated", "2025-01-12"]);
    const closed = { activeFrom: null, activeTo: "2025-01-12" };
    assert.equal(title(states(short, "2025-06-01", closed)), "final (schedule)", "nothing is expected after it");
  });

  it("is final by invoice where there are invoice ids", () => {
    const some: Receipt = { ...invoiced, deliveries: [whole("2025-02-03T00:00:00Z")], uninvoicedRows: 1 };
    assert.equal(title(states({ ...some, uninvoicedCostRows: 0 }, "2025-02-03")), "final (invoice)");
    const mixed = states({ ...some, uninvoicedCostRows: 1 });
    assert.deepEqual([title(mixed), mixed.lacks], ["estimated", ["1 row with a cost lacks an invoice id"]]);
    const empty: Receipt = {
      ...some,
      deliveries: [whole("2025-02-06T00:00:00Z")],
      uninvoicedRows: 3,
      uninvoicedCostRows: 2,
    };
    assert.equal(title(states(empty)), "final (schedule)", "a column that is empty in all rows is none");
  });

  it("is partial when a delivery covers no day of it, whatever else holds", () => {
    const gap = scheduled(
      delivery("2025-01-01", "2025-01-07", "2025-02-06T00:00:00Z"),
      delivery("2025-01-09", "2025-01-31", "2025-02-06T00:00:00Z"),
    );
    const missing = [{ start: "2025-01-08", end: "2025-01-08" }];
    assert.deepEqual([title(states(gap)), states(gap).missingDays], ["partial", missing]);
    assert.deepEqual([title(states(gap, "2025-01-31")), states(gap, "2025-01-31").missingDays], ["open", missing]);
    assert.equal(title(states({ ...gap, finality: "final", uninvoicedRows: 0, uninvoicedCostRows: 0 })), "partial");
    assert.equal(title(states({ ...gap, finality: "restated-after-final" })), "partial");
  });

  it("misses the days after the last delivery once it is over, and those only that are expected", () => {
    const stopped = scheduled(delivery("2025-01-01", "2025-01-31", "2025-01-13T03:00:00Z"));
    assert.deepEqual(states(stopped, "2025-01-20").missingDays, []);
    assert.deepEqual(states(stopped).missingDays, [{ start: "2025-01-14", end: "2025-01-31" }]);
    const bounds = { activeFrom: "2025-01-10", activeTo: "2025-01-15" };
    assert.deepEqual(states(stopped, "2025-06-01", bounds).missingDays, [{ start: "2025-01-14", end: "2025-01-15" }]);
    assert.deepEqual(states(stopped).unsettledDays, [{ start: "2025-01-10", end: "2025-01-13" }]);
    const older: Receipt = { ...stopped, deliveries: null, coverage: { start: "2025-01-01", end: "2025-01-31" } };
    assert.deepEqual(states({ ...older, loadedAt: "2025-01-13T04:00:00Z" }).missingDays, states(stopped).missingDays);
    assert.deepEqual(states({ ...stopped, period: { start: "2024-12-15", end: "2025-01-13" } }).missingDays, [
      { start: "2024-12-15", end: "2024-12-31" },
    ]);
  });

  it("is partial and accepted as far as the missing days are those that were accepted", () => {
    const gap = { who: "ann", when: "2025-02-10T00:00:00Z", why: null };
    const stopped: Receipt = {
      ...scheduled(delivery("2025-01-01", "2025-01-31", "2025-01-13T03:00:00Z")),
      missingDays: [{ start: "2025-01-14", end: "2025-01-31" }],
    };
    assert.equal(states(stopped).isAccepted, false);
    assert.equal(states({ ...stopped, accepted: { gap } }).isAccepted, true);
    const fewer = { ...stopped, accepted: { gap }, missingDays: [{ start: "2025-01-14", end: "2025-01-20" }] };
    assert.equal(states(fewer).isAccepted, false, "more days are missing today");
  });

  it("is what it was at its load where the receipt does not keep when its delivery was made", () => {
    const of = (finality: Receipt["finality"], changes: Partial<Receipt> = {}): string =>
      title(states({ ...scheduled(whole(null)), finality, ...changes }));
    assert.equal(of("estimated"), "estimated");
    assert.equal(of("final"), "final (schedule)");
    assert.equal(of("open"), "estimated");
    assert.equal(
      of("estimated", { deliveries: null, files: null, restoredLoadId: "7" }),
      "estimated",
      "an undo wrote it",
    );
  });
});

describe("a month that was final", () => {
  const [line] = receipt.summary ?? [];
  assert.ok(line);
  const usage: CostLine = line;
  const before: Receipt = { ...invoiced, summary: [usage], cost: { USD: "12.34" }, effectiveCost: null };
  const after = (changes: Partial<Receipt>, previous: Receipt | null = before): MonthFinality =>
    finalityAfter({ ...before, ...changes }, previous, aws("2025-03-01"));
  const withLine = (added: Partial<CostLine>, changes: Partial<Receipt> = {}): Partial<Receipt> => ({
    rows: 4,
    cost: { USD: "13.34" },
    summary: [usage, { ...usage, rows: 1, cost: "1", ...added }],
    uninvoicedRows: 1,
    uninvoicedCostRows: 1,
    ...changes,
  });

  it("is restated after final when rows, costs or any line of the summary change", () => {
    for (const changes of [
      { rows: before.rows + 1 },
      { cost: { USD: "12.35" } },
      { summary: [{ ...usage, account: "moved" }] },
      { rows: 1, uninvoicedCostRows: 1 },
      withLine({ account: "new" }),
      withLine({ charge_type: "Fee", service: "AmazonEC2" }),
      withLine({ charge_type: "Tax" }, { summary: null }),
    ]) {
      assert.equal(after(changes).state, "restated-after-final", JSON.stringify(changes));
    }
  });

  it("stays final with late charges when only support, tax, credits or corrections change, invoiced or not", () => {
    for (const [charge_type, service] of [
      ["Fee", "AWSSupportBusiness"],
      ["Tax", "AmazonEC2"],
      ["Credit", "AmazonEC2"],
      ["Refund", null],
    ] as const) {
      const found = after(withLine({ charge_type, service }));
      assert.deepEqual([title(found), found.lateCharges], ["final (invoice)", true], charge_type);
    }
    const changed = { ...usage, charge_type: "Tax", cost: "3" };
    const taxed: Receipt = { ...before, summary: [usage, { ...changed, cost: "2" }] };
    assert.equal(
      after({ cost: { USD: "13.34" }, summary: [usage, changed] }, taxed).lateCharges,
      true,
      "a line that grew",
    );
    const plus = withLine({ charge_type: "Tax" }, { effectiveCost: { USD: "10" } });
    assert.equal(after(plus, { ...before, effectiveCost: { USD: "9" } }).lateCharges, true);
    assert.equal(after(plus, { ...before, effectiveCost: { USD: "8" } }).state, "restated-after-final");
  });

  it("keeps its late charges while the same is loaded again, and gets more of them", () => {
    const late: Receipt = {
      ...before,
      ...withLine({ charge_type: "Tax" }),
      finality: "final",
      flags: ["late-charges"],
    };
    assert.deepEqual(
      [title(finalityNow(late, aws("2025-03-01"))), after(late, late).lateCharges],
      ["final (invoice)", true],
    );
    const more = withLine({ charge_type: "Tax", cost: "2" }, { cost: { USD: "14.34" } });
    assert.deepEqual([after(more, late).state, after(more, late).lateCharges], ["final", true]);
    const other = after({ ...more, summary: [{ ...usage, cost: "9" }] }, late);
    assert.deepEqual([other.state, other.lateCharges], ["restated-after-final", false]);
  });

  it("was not changed as far as the receipt of another program shows", () => {
    const foreign: Receipt = { ...before, cost: null, effectiveCost: null, summary: null };
    assert.equal(title(after({}, foreign)), "final (invoice)");
    assert.equal(after({ rows: before.rows + 1 }, foreign).state, "restated-after-final");
  });

  it("stays final when the same is delivered again, whatever the order of currencies", () => {
    const two: Receipt = { ...before, cost: { USD: "1", EUR: "2" } };
    const same = after({ cost: { EUR: "2", USD: "1" } }, two);
    assert.deepEqual([title(same), same.lateCharges], ["final (invoice)", false]);
  });

  it("stays restated after final, through what follows", () => {
    const restated: Receipt = { ...before, finality: "restated-after-final" };
    assert.equal(after({}, restated).state, "restated-after-final");
    assert.equal(after(withLine({ charge_type: "Tax" }), restated).state, "restated-after-final");
    assert.equal(finalityNow(restated, aws("2025-03-01")).state, "restated-after-final");
  });

  it("was not final while it was estimated, partial or open", () => {
    assert.equal(after({ rows: 1 }, { ...before, uninvoicedCostRows: 2 }).state, "final");
    assert.equal(after({ rows: 1 }, null).state, "final");
    const half = scheduled(delivery("2025-01-01", "2025-01-15", "2025-02-06T00:00:00Z"));
    const all = scheduled(whole("2025-02-07T00:00:00Z"));
    assert.equal(title(finalityAfter({ ...all, rows: 9 }, half, azure("2025-03-01"))), "final (schedule)");
    assert.equal(finalityAfter({ ...half, rows: 1 }, all, azure("2025-03-01")).state, "partial");
  });
});
