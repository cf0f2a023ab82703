import assert from "node:assert/strict";

import { rejects } from "../support/rejects.ts";
import { csv, header, load, mapped, prepare, table, type Columns } from "./bills.ts";
import type { TestWarehouse } from "./warehouse.ts";

/** What becomes of names and values. */
export const valueCases: Readonly<Record<string, (test: TestWarehouse) => Promise<void>>> = {
  "keeps decimals exactly, with or without an exponent, and rounds half away from zero": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const digits = "1".repeat(warehouse.decimalScale);
    const cases: readonly (readonly [delivered: string, kept: string])[] = [
      [`0.${digits}`, `0.${digits}`],
      [`0.${digits}5`, `0.${digits.slice(1)}2`],
      [`-0.${digits}5`, `-0.${digits.slice(1)}2`],
      [`0.${digits}49999999999999999999999`, `0.${digits}`],
      ["12345678901234567890.1", "12345678901234567890.1"],
      ["1.23E-7", "0.000000123"],
      ["1.5e+3", "1500"],
      ["-.5", "-0.5"],
      // Rounded digit by digit, this becomes the smallest number that is not zero.
      [`-848888E-${warehouse.decimalScale + 10}`, "0"],
      [`123456789012345678901234567890e-12`, "123456789012345678.90123456789"],
      ["0", "0"],
    ];
    const lines = cases.map(([delivered], index) => `${String(index).padStart(3, "0")},2025-01-01,,${delivered},USD\n`);
    await load(warehouse, [await csv(test, lines.join(""))]);
    const kept = await test.rows(warehouse, "SELECT cost FROM billing.bills ORDER BY id");
    assert.deepEqual(
      kept.map((row) => row["cost"]),
      cases.map(([, expected]) => expected),
    );
    for (const wrong of ["1e40", "1,5", "NaN", "nan", "0x10", "$5", "1.2.3", "-", "1e"]) {
      const row = `a,2025-01-01,,"${wrong}",USD\n`;
      const place = test.place(header() + row, 2, wrong);
      const file = await csv(test, row);
      await rejects(load(warehouse, [file]), "VALUE_INVALID", JSON.stringify(wrong), "cost", place);
    }
  },

  "sums per currency, exactly, also where there is none": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const cents = Array.from({ length: 1000 }, () => "x,2025-01-01,,0.1,USD\n").join("");
    const others = "y,2025-01-01,,-0.000000000000000001,\nz,2025-01-01,,,CHF\n";
    const file = await csv(test, cents + others);
    assert.deepEqual((await load(warehouse, [file])).sums, [{ "": "-0.000000000000000001", CHF: "0", USD: "100" }]);
    const plain = await load(warehouse, [file], {
      currencyColumn: null,
      costColumns: ["cost", "cost"],
      usageColumn: null,
    });
    const sum = { "": "99.999999999999999999" };
    assert.deepEqual([plain.sums, plain.firstUsage], [[sum, sum], null]);
  },

  "reads every form of time that clouds write, as UTC": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const forms: readonly (readonly [delivered: string, read: string])[] = [
      ["2018-05-01T00:00:00Z", "2018-05-01T00:00:00Z"],
      ["2023-11-01T00:00:00.000Z", "2023-11-01T00:00:00Z"],
      ["2022-07-01 00:00:00.000", "2022-07-01T00:00:00Z"],
      ["2025-03-01 01:00:00+00:00", "2025-03-01T01:00:00Z"],
      ["2025-03-01 01:00:00+02:00", "2025-02-28T23:00:00Z"],
      ["2025-03-01T01:00:00 UTC", "2025-03-01T01:00:00Z"],
      ["2024-01-01T00:00Z", "2024-01-01T00:00:00Z"],
      ["2024-01-01T12:30", "2024-01-01T12:30:00Z"],
      ["2024-01-01", "2024-01-01T00:00:00Z"],
      ["9/2/2023", "2023-09-02T00:00:00Z"],
      ["09/21/2023", "2023-09-21T00:00:00Z"],
      ["09/21/2023 13:05:06", "2023-09-21T13:05:06Z"],
      ["2024-01-01T00:00:00.1234567Z", "2024-01-01T00:00:00.123456Z"],
      ["2024-01-01T00:00:00.123456789", "2024-01-01T00:00:00.123456Z"],
      ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"],
      ["9999-12-31T00:00:00Z", "9999-12-31T00:00:00Z"],
    ];
    const lines = forms.map(
      ([delivered], index) => `${String(index).padStart(3, "0")},2025-01-01,${delivered},1,USD\n`,
    );
    const measures = await load(warehouse, [await csv(test, lines.join(""))]);
    assert.deepEqual([measures.firstUsage, measures.lastUsage], ["0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"]);
    const read = await test.rows(warehouse, "SELECT used FROM billing.bills ORDER BY id");
    assert.deepEqual(
      read.map((row) => row["used"]),
      forms.map(([, expected]) => expected),
    );
    for (const wrong of [
      "21/09/2023",
      "2024-13-01",
      "2024-02-30",
      "10/11/12",
      "infinity",
      "epoch",
      "1700000000",
      "soon",
    ]) {
      const row = `a,2025-01-01,${wrong},1,USD\n`;
      const place = test.place(header() + row, 2, wrong);
      const file = await csv(test, row);
      await rejects(load(warehouse, [file]), "VALUE_INVALID", JSON.stringify(wrong), "used", place);
    }
  },

  "finds the month in every form of period": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const forms = ["2025-01-01T00:00:00Z", "1/1/2025", "01/01/2025", "2025-01-01", "2025-01-01T00:00Z"];
    const file = await csv(test, forms.map((form) => `a,${form},,1,USD\n`).join(""));
    assert.equal((await load(warehouse, [file])).rows, forms.length);
  },

  "keeps two columns apart that are equal but for case": async (test) => {
    const warehouse = await test.open();
    const columns: Columns = { period: "timestamp", product_ecu: "text", product_ecu_1: "decimal" };
    await prepare(warehouse, columns);
    const file = await csv(test, "2025-01-01,Variable,4\n", columns, ["bill/Period", "product/ecu", "product/ECU"]);
    await load(warehouse, [file], { costColumns: [], currencyColumn: null, usageColumn: null });
    assert.deepEqual(await test.rows(warehouse, "SELECT product_ecu, product_ecu_1 FROM billing.bills"), [
      { product_ecu: "Variable", product_ecu_1: "4" },
    ]);
  },

  "keeps nested values as JSON text": async (test) => {
    const warehouse = await test.open();
    const columns: Columns = { period: "timestamp", tags: "json", list: "text", one: "json", raw: "json" };
    await prepare(warehouse, columns);
    const bytes =
      await test.parquet(`SELECT TIMESTAMP '2025-01-01' AS p, MAP {'user:Name': 'a "b"', 'empty': NULL} AS t,
      [1, 2] AS l, {'Rate': 1.5, 'Name': 'x'} AS s, '"k": "v","k2": ' AS r`);
    const file = { ...(await test.put("nested.parquet", bytes)), columns: mapped(columns) };
    await load(warehouse, [file], { costColumns: [], currencyColumn: null, usageColumn: null });
    assert.deepEqual(await test.rows(warehouse, "SELECT tags, list, one, raw FROM billing.bills"), [
      {
        tags: '{"user:Name":"a \\"b\\"","empty":null}',
        list: "[1,2]",
        one: '{"Rate":1.5,"Name":"x"}',
        // Azure writes tags that are not valid JSON; they are stored unchanged.
        raw: '"k": "v","k2": ',
      },
    ]);
  },

  "takes the types of Parquet files, amounts by their shortest text": async (test) => {
    const warehouse = await test.open();
    const columns: Columns = {
      period: "timestamp",
      amount: "decimal",
      wide: "decimal",
      whole: "decimal",
      zoned: "timestamp",
      day: "timestamp",
      flag: "boolean",
      account: "text",
      number: "bigint",
      note: "text",
    };
    await prepare(warehouse, columns);
    const bytes =
      await test.parquet(`SELECT TIMESTAMP '2025-01-01' AS p, d, w, 7::INTEGER, TIMESTAMPTZ '2025-01-01 01:00:00+02',
      DATE '2025-01-31', true, '076278350205', 9007199254740993::BIGINT, 2.50::DECIMAL(5,2)
      FROM (VALUES (0.1::DOUBLE, 1.5::DECIMAL(38,18)), (1.0E-7::DOUBLE, -1.123456789012345678::DECIMAL(38,18))) v(d, w)`);
    const file = { ...(await test.put("typed.parquet", bytes)), columns: mapped(columns) };
    await load(warehouse, [file], { costColumns: ["amount"], currencyColumn: null, usageColumn: null });
    const one = {
      period: "2025-01-01T00:00:00Z",
      whole: "7",
      zoned: "2024-12-31T23:00:00Z",
      day: "2025-01-31T00:00:00Z",
      flag: true,
      account: "076278350205",
      number: "9007199254740993",
      note: "2.50",
    };
    const kept = await test.rows(warehouse, "SELECT * FROM billing.bills ORDER BY amount DESC");
    // A warehouse whose decimals do not fix a scale omits trailing zeros.
    for (const row of kept) assert.match(String(row["note"]), /^2\.50?$/u);
    assert.deepEqual(
      kept.map((row) => ({ ...row, note: one.note })),
      [
        { amount: "0.1", wide: "1.5", ...one },
        { amount: "0.0000001", wide: "-1.123456789012345678", ...one },
      ],
    );
    const wrong = await test.parquet("SELECT TIMESTAMP '2025-01-01' AS p, 'NaN'::DOUBLE AS d");
    const bad = { ...(await test.put("nan.parquet", wrong)), columns: mapped(columns).slice(0, 2) };
    await rejects(load(warehouse, [bad], { costColumns: [] }), "VALUE_INVALID", '"NaN"', "amount", bad.file.key);
  },

  "reads a float that is not a number as NULL where NaN is a word for it, as the hint says": async (test) => {
    const warehouse = await test.open();
    const columns: Columns = { period: "timestamp", amount: "decimal", used: "decimal", id: "text" };
    await prepare(warehouse, columns);
    const bytes = await test.parquet(
      `SELECT TIMESTAMP '2025-01-01' AS p, a, u, i FROM (VALUES ('NaN'::DOUBLE, 0.5::FLOAT, 'NaN'), (1.5, 'NaN', 'b')) v(a, u, i)`,
    );
    const file = { ...(await test.put("pandas.parquet", bytes)), columns: mapped(columns) };
    const measured = { costColumns: ["amount"], currencyColumn: null, usageColumn: null };
    const { hint } = await rejects(load(warehouse, [file], measured), "VALUE_INVALID", '"NaN"');
    assert.match(hint, /add it to null_values in the section of this export: null_values = \["NaN"\]\.$/);
    const { rows, sums } = await load(warehouse, [file], { ...measured, nullValues: ["NaN"] });
    assert.deepEqual([rows, sums], [2, [{ "": "1.5" }]]);
    assert.deepEqual(await test.rows(warehouse, "SELECT id, amount, used FROM billing.bills ORDER BY id"), [
      { id: "NaN", amount: null, used: "0.5" },
      { id: "b", amount: "1.5", used: null },
    ]);
  },

  "reads cells as they were written": async (test) => {
    const warehouse = await test.open();
    const cells = [
      "076278350205",
      '"two\nlines"',
      '"a ""quote"""',
      '"comma, and; more"',
      "é 日本 🧾",
      "NULL",
      " spaced ",
      '""',
      "",
    ];
    const columns: Columns = {
      period: "timestamp",
      ...Object.fromEntries(cells.map((_, index) => [`c${index}`, "text" as const])),
    };
    await prepare(warehouse, columns);
    const read = [
      "076278350205",
      "two\nlines",
      'a "quote"',
      "comma, and; more",
      "é 日本 🧾",
      "NULL",
      " spaced ",
      null,
      null,
    ];
    const lines = [Object.keys(columns).join(","), `2025-01-01,${cells.join(",")}`, ""];
    const none = { costColumns: [], currencyColumn: null, usageColumn: null };
    for (const [text, expected] of [
      [lines.join("\n"), read],
      [lines.join("\n").trimEnd(), read],
      [lines.join("\r\n"), read],
      [`\u{FEFF}${lines.join("\n")}`, read],
      [`\u{FEFF}${lines[0]}\n\u{FEFF}${lines[1]}\n`, read],
    ] as const) {
      const file = { ...(await test.put("cells.csv", text)), columns: mapped(columns) };
      // Byte order marks are removed while a file is brought to the warehouse.
      if (file.path !== null && text.includes("\u{FEFF}")) continue;
      await load(warehouse, [file], none);
      const [row] = await test.rows(
        warehouse,
        `SELECT ${cells.map((_, index) => `c${index}`).join(", ")} FROM billing.bills`,
      );
      assert.deepEqual(Object.values(row ?? {}), expected, JSON.stringify(text));
    }
  },

  "refuses other forms of CSV": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse);
    const good = "a,2025-01-01,,1,USD\n";
    for (const text of [
      `${good}b,2025-01-01,,1\n`,
      `${good}b,2025-01-01,,1,USD,more\n`,
      `${good}"b,2025-01-01,,1,USD\n`,
    ]) {
      const file = await csv(test, text);
      await rejects(load(warehouse, [file]), "FILE_INVALID", file.file.key, test.place(header() + text, 3));
    }
    assert.deepEqual(await test.rows(warehouse, "SELECT id FROM billing.bills"), []);
  },

  "takes no name and no value for SQL": async (test) => {
    const warehouse = await test.open();
    const hostile = `x"; DROP TABLE billing.bills; --`;
    const columns: Columns = { period: "timestamp", [test.oddName]: "text", note: "text" };
    const registered = {
      sourceName: hostile,
      columnName: test.oddName,
      type: "text",
      firstExecution: hostile,
    } as const;
    await prepare(warehouse, columns, [registered]);
    const sources = ["p", hostile, "'"];
    const file = await csv(test, `2025-01-01,"'); DROP TABLE billing.bills; --","\${x} {{y}} $1"\n`, columns, sources);
    await load(warehouse, [file], { costColumns: [], currencyColumn: null, usageColumn: null });
    assert.deepEqual(await test.rows(warehouse, "SELECT * FROM billing.bills"), [
      {
        period: "2025-01-01T00:00:00Z",
        [test.oddName]: "'); DROP TABLE billing.bills; --",
        note: "${x} {{y}} $1",
      },
    ]);
    assert.deepEqual((await warehouse.ledger(table)).registry, [registered]);
  },

  "answers with text where JSON numbers would lose digits": async (test) => {
    const warehouse = await test.open();
    await prepare(warehouse, { period: "timestamp", id: "bigint", cost: "decimal", day: "date", flag: "boolean" });
    const columns: Columns = { period: "timestamp", id: "bigint", cost: "decimal", day: "date", flag: "boolean" };
    const file = await csv(test, "2025-01-01,9007199254740993,100,2025-01-02T10:00:00Z,TRUE\n", columns);
    await load(warehouse, [file], { costColumns: [], currencyColumn: null, usageColumn: null });
    assert.deepEqual(await test.rows(warehouse, "SELECT id, cost, day, flag, period FROM billing.bills"), [
      { id: "9007199254740993", cost: "100", day: "2025-01-02", flag: true, period: "2025-01-01T00:00:00Z" },
    ]);
    const wrong = await csv(test, "2025-01-01,1.5,1,2025-01-01,true\n", columns);
    await rejects(load(warehouse, [wrong], { costColumns: [] }), "VALUE_INVALID", "1.5", "id");
  },
};
