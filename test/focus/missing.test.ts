import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { chargesOf } from "../../src/focus/charges.ts";
import { duckdb } from "../../src/focus/dialects/duckdb.ts";
import { typeOf } from "../../src/focus/expression.ts";
import type { ChargeTable, Mapping } from "../../src/focus/mapping.ts";
import { mappings } from "../../src/focus/mappings/index.ts";
import { fieldsAsked, fieldsUsed } from "../../src/focus/reading.ts";
import { composed } from "../../src/focus/relations.ts";
import type { TableColumn } from "../../src/model.ts";

// A column that a table lacks counts as a column without values, except where a mapping asks whether the table has it.
describe("a table that lacks columns has the same charges as one in which they are empty", () => {
  for (const mapping of mappings) {
    for (const seed of [1, 2, 3]) {
      test(`${mapping.name}, columns of choice ${seed}`, async () => {
        const random = randomNumbers(seed);
        const all = columnsOf(mapping);
        const asked = new Set(fieldsAsked(mapping));
        const few = all.filter(() => random() < 0.4);
        const wide = [...few, ...all.filter((one) => !few.includes(one) && !asked.has(one.name))];
        assert.ok(few.length > 0 && few.length < wide.length);
        const rows = Array.from({ length: 40 }, () => few.map((column) => cell(column, random)));
        const [ofFew, ofWide] = await Promise.all([few, wide].map((columns) => chargesIn(mapping, columns, rows)));
        assert.deepEqual(ofFew?.rows, ofWide?.rows);
        assert.ok((ofFew?.length ?? 0) < (ofWide?.length ?? 0), "the text is shorter");
      });
    }
  }
});

/** The columns of a table with every field that a mapping reads. */
function columnsOf(mapping: Mapping): readonly TableColumn[] {
  return [...fieldsUsed(mapping).values()].map((one) => {
    const type = one.is === "members" ? "text" : typeOf(one);
    const name = one.is === "members" ? `${one.prefixes[0] ?? ""}name` : one.name;
    return { name, type, nativeType: type === "json" ? "VARCHAR" : duckdb.types[type] };
  });
}

/** The charges of a table whose first columns have these cells, and the length of the query for them. */
async function chargesIn(
  mapping: Mapping,
  columns: readonly TableColumn[],
  rows: readonly (readonly (string | null)[])[],
): Promise<{ readonly rows: readonly string[]; readonly length: number }> {
  const table: ChargeTable = {
    exportName: "bills",
    table: { dataset: "main", name: "bills", pipelineName: "bills", sourceName: "bills", idColumn: "run_id" },
    columns,
    registry: [],
    partitionColumn: columns.find(({ type }) => type === "timestamp")?.name ?? "",
    tracking: [],
    stateIn: "main",
  };
  const { relations, select } = chargesOf([table], mapping, "v1_4", duckdb);
  const query = composed(relations, select, duckdb);
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  try {
    const definitions = columns.map(({ name, nativeType }) => `${duckdb.identifier(name)} ${nativeType}`);
    await connection.run(`CREATE TABLE bills (${definitions.join(", ")})`);
    const empty = columns.slice(rows[0]?.length ?? 0).map(() => "NULL");
    const values = rows.map((row) => [...row.map((one) => (one === null ? "NULL" : duckdb.literal(one))), ...empty]);
    await connection.run(`INSERT INTO bills VALUES ${values.map((row) => `(${row.join(", ")})`).join(", ")}`);
    const found = await connection.runAndReadAll(`FROM (${query}) ORDER BY ALL`);
    return { rows: found.getRowObjectsJson().map((row) => JSON.stringify(row)), length: query.length };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Words that mappings distinguish, in columns of any meaning. */
const words = [
  "Usage",
  "DiscountedUsage",
  "SavingsPlanCoveredUsage",
  "SavingsPlanNegation",
  "SavingsPlanRecurringFee",
  "RIFee",
  "Purchase",
  "Refund",
  "Reservation",
  "SavingsPlan",
  "UnusedReservation",
  "Azure",
  "AmazonEC2",
  "us-east-1",
  "arn:aws:savingsplans::1:savingsplan/1",
  '{"a":"b","product_name":"","region":"eu-west-1"}',
  "1",
];

function cell({ type }: TableColumn, random: () => number): string | null {
  if (random() < 0.2) return null;
  if (type === "decimal") return ["0", "1.25", "-3", "0.000000000000000001"][Math.floor(random() * 4)] ?? null;
  if (type === "timestamp") return ["2025-01-01", "2025-01-31 23:00:00"][Math.floor(random() * 2)] ?? null;
  return words[Math.floor(random() * words.length)] ?? null;
}

/** Numbers from 0 to 1 that a seed determines. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}
