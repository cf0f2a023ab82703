import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import {
  assignHeader,
  claimedColumns,
  claimNames,
  type Claim,
  type FileHeader,
  type NamingRules,
} from "../../src/schema/assignment.ts";
import { planColumns } from "../../src/schema/columns.ts";
import { deliveredName, longestName, normaliseCurName, numberedName } from "../../src/schema/names.ts";
import { BillhouseError } from "../../src/errors.ts";
import { after, legacy, modern } from "../schema/situations.ts";

/** Names that are likely to meet: few letters in two cases, separators, numbers at the end, and anything at all. */
const near = fc.stringMatching(/^[aAbB_/ .1[\]]{0,6}$/);
const known = fc.constantFrom(
  "product/ecu",
  "product/ECU",
  "product_ecu",
  "product/ecu_1",
  "a_r_n",
  "aRN",
  "ARN",
  "billing_month",
  "BILLING_MONTH",
  "group",
  "__proto__",
  "constructor",
  "Straße",
  "STRASSE",
  "İ",
  "unknown_column",
  "",
);
const name = fc.oneof(
  { weight: 4, arbitrary: near },
  { weight: 3, arbitrary: known },
  { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 20 }) },
  fc.string({ minLength: 295, maxLength: 310 }),
);

const header: fc.Arbitrary<FileHeader> = fc.record({
  format: fc.constantFrom("csv" as const, "parquet" as const),
  columns: fc.array(fc.record({ name, type: fc.constantFrom(null, "text" as const, "decimal" as const) }), {
    minLength: 1,
    maxLength: 12,
  }),
});

const rules: fc.Arbitrary<NamingRules> = fc.constantFrom<NamingRules>(
  { naming: "cur-legacy", caseSensitive: true },
  { naming: "as-delivered", caseSensitive: false },
);

const runs = { numRuns: 1000, interruptAfterTimeLimit: 15_000 };
const reserved = ["billing_month"];

function holdings(claims: readonly Claim[]): Parameters<typeof assignHeader>[1] {
  return { columns: [...new Set(claims.map(({ columnName }) => columnName))], claims, reserved, takenOver: false };
}

/** What planning gives, or nothing for a header that two columns of which belong to one. */
function unlessShared<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof BillhouseError && error.code === "FILE_INVALID") return undefined;
    throw error;
  }
}

describe("names of columns", { timeout: 120_000 }, () => {
  it("are names that every warehouse takes", () => {
    fc.assert(
      fc.property(name, fc.nat(100_000), (source, number) => {
        assert.match(normaliseCurName(source), /^[a-z_][a-z0-9_]*$/);
        for (const made of [
          normaliseCurName(source),
          deliveredName(source),
          numberedName(deliveredName(source), number),
        ]) {
          assert.ok(made.trim() !== "" && Array.from(made).length <= longestName, made);
          assert.doesNotMatch(made, /[\p{Cc}\p{Cf}"`\\/;]/u);
        }
      }),
      runs,
    );
  });

  it("are made of themselves again", () => {
    fc.assert(
      fc.property(fc.oneof(near, known, fc.string({ unit: "binary", maxLength: 20 })), (source) => {
        assert.equal(normaliseCurName(normaliseCurName(source)), normaliseCurName(source));
        assert.equal(deliveredName(deliveredName(source)), deliveredName(source));
      }),
      runs,
    );
  });
});

describe("columns that are given to a header", { timeout: 120_000 }, () => {
  it("are as many as it has, none twice and none of billhouse's own", () => {
    fc.assert(
      fc.property(header, rules, (one, naming) => {
        const claims = assignHeader(one, holdings([]), naming);
        const columns = claims.map(({ columnName }) => columnName.toLowerCase());
        assert.equal(columns.length, one.columns.length);
        assert.equal(new Set(columns).size, columns.length);
        assert.ok(!columns.includes("billing_month"));
        assert.equal(new Set(claimNames(one, naming)).size, one.columns.length);
      }),
      runs,
    );
  });

  it("are the same each time, and stay when the header comes again", () => {
    fc.assert(
      fc.property(header, rules, (one, naming) => {
        const claims = assignHeader(one, holdings([]), naming);
        assert.deepEqual(assignHeader(one, holdings([]), naming), claims);
        assert.deepEqual(assignHeader(one, holdings(claims), naming), []);
        // A warehouse gives the registry in any order.
        assert.deepEqual(assignHeader(one, holdings(claims.toReversed()), naming), []);
        const names = claimNames(one, naming);
        assert.deepEqual(claimedColumns(names, claims.toReversed(), naming), claimedColumns(names, claims, naming));
      }),
      runs,
    );
  });

  it("never change, whatever headers follow", () => {
    fc.assert(
      fc.property(
        fc.array(header, { minLength: 1, maxLength: 5 }),
        fc.constantFrom(legacy, modern),
        (headers, naming) => {
          let situation: ReturnType<typeof after> = { registry: [], table: null };
          for (const [age, one] of headers.entries()) {
            const delivered = { ...one, executionId: `run-${age}` };
            const planned = unlessShared(() => planColumns({ headers: [delivered], reserved, ...situation }, naming));
            if (planned === undefined) continue;
            assert.deepEqual(planned.registry.slice(0, situation.registry.length), situation.registry);
            const given = planned.registry.map(({ columnName }) => columnName.toLowerCase());
            const held = new Set(planned.columns.map(({ name: column }) => column.toLowerCase()));
            assert.ok(given.every((column) => held.has(column)));
            situation = after(planned);
            const again = planColumns({ headers: [delivered], reserved, ...situation }, naming);
            assert.deepEqual([again.added, again.registered], [[], []]);
          }
        },
      ),
      runs,
    );
  });
});
