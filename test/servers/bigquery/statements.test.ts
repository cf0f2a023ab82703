import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { bills, monthly, refuses, useBench } from "./bench.ts";
import { queryConfiguration } from "./client.ts";

const bench = useBench();

describe("statements of the BigQuery server", () => {
  test("keep BIGNUMERIC to its last digit", async () => {
    const largest = "578960446186580977117854925043439539266.34992332820282019728792003956564819967";
    const values = [
      "1e-38",
      `-${largest}`,
      largest,
      "  1.5E+3 ",
      "0.111111111111111111111111111111111111115",
      "-.5",
      "1e-39",
      "5e-39",
    ];
    const rows = await bench.client.query(
      "SELECT CAST(v AS BIGNUMERIC) FROM UNNEST(@v) AS v WITH OFFSET AS o ORDER BY o",
      {
        v: values,
      },
    );
    assert.deepEqual(rows.flat(), [
      "0.00000000000000000000000000000000000001",
      `-${largest}`,
      largest,
      "1500",
      "0.11111111111111111111111111111111111112",
      "-0.5",
      "0",
      "0.00000000000000000000000000000000000001",
    ]);
    for (const wrong of ["5.79e38", "1,5", "NaN", "0x10", "1.2.3", "-", "1e", ""]) {
      await refuses(
        bench.client.query("SELECT CAST(@v AS BIGNUMERIC)", { v: wrong }),
        `Bad BIGNUMERIC value: ${wrong}`,
      );
      assert.deepEqual(await bench.client.query("SELECT SAFE_CAST(@v AS BIGNUMERIC)", { v: wrong }), [[null]]);
    }
    const sum =
      "SELECT SUM(CAST('0.1' AS BIGNUMERIC)), SUM(CAST('-1e-38' AS BIGNUMERIC)), SUM(CAST(NULL AS BIGNUMERIC))";
    const thousand = "(SELECT 1 FROM UNNEST(@v) AS a CROSS JOIN UNNEST(@v) AS b CROSS JOIN UNNEST(@v) AS c)";
    assert.deepEqual(await bench.client.query(`${sum} FROM ${thousand} AS x`, { v: "0123456789".split("") }), [
      ["100", "-0.00000000000000000000000000000000001", null],
    ]);
  });

  test("read the text of a column as they read the same text in an expression", async () => {
    // A plain text in a column is read by SQL, and every other text by JavaScript.
    const v =
      `0 -0 0. .5 1.50 +1 00012 9999999999999999999 12345678901234567890 0.1234567890123456789 0.12345678901234567890
      -1.5 1e3 123456789012345678 1234567890123456789 -123456789012345 9223372036854775808 0.1 1234567890.0987654321
      2025-02-28T23:59:59Z 2025-02-29T00:00:00Z 2024-02-29T00:00:00Z 2025-01-01T24:00:00Z 2025-01-01T00:00:60Z 1999-12-31T01:02:03.4Z
      2025-06-28T01:02:03.123456Z 2025-06-28T01:02:03.1234567Z 2025-06-28T01:02:03+01:00 0001-01-01T00:00:00Z 2025-6-1T00:00:00Z
      2025-06-01 "quoted" back\\slash tab\tand\u000bcontrol \u001f é \uFEFF1`
        .split(/ +|\n/u)
        .concat("2025-06-28 01:02:03", "2025-06-28 01:02:03 UTC", "2025-06-28 01:02:03.5 UTC", " 1", "1 ", "", "a\nb");
    for (const read of ["BIGNUMERIC", "FLOAT64", "INT64", "TIMESTAMP"].map((type) => `SAFE_CAST(% AS ${type})`)) {
      const both = ["v", "CONCAT(v, '')"].map((text) => `CAST(${read.replace("%", text)} AS STRING)`);
      for (const row of await bench.client.query(`SELECT v, ${both.join(", ")} FROM UNNEST(@v) AS v`, { v }))
        assert.equal(row[1], row[2], `${read} of ${String(row[0])}`);
    }
    const json = "SELECT v, TO_JSON_STRING(v), TO_JSON_STRING(CONCAT(v, '')) FROM UNNEST(@v) AS v";
    for (const [text, ...both] of await bench.client.query(json, { v }))
      assert.deepEqual(both, [JSON.stringify(text), JSON.stringify(text)]);
  });

  test("compare and order BIGNUMERIC as numbers, and NULL as the smallest", async () => {
    const rows = "FROM UNNEST(['10', '9', '-1', '-1.5', NULL]) AS v";
    const order = async (way: string): Promise<unknown[]> =>
      (await bench.client.query(`SELECT CAST(v AS BIGNUMERIC) AS n ${rows} ORDER BY n ${way}`)).flat();
    assert.deepEqual(await order("ASC"), [null, "-1.5", "-1", "9", "10"]);
    assert.deepEqual(await order("DESC"), ["10", "9", "-1", "-1.5", null]);
    assert.deepEqual(
      await bench.client.query(`SELECT MIN(CAST(v AS BIGNUMERIC)), COUNTIF(CAST(v AS BIGNUMERIC) > 0) ${rows}`),
      [["-1.5", "2"]],
    );
    assert.deepEqual(
      await bench.client.query("SELECT CAST('1.0' AS BIGNUMERIC) = 1, -BIGNUMERIC '2' + 1, ROUND(BIGNUMERIC '2.5')"),
      [["true", "-1", "3"]],
    );
  });

  test("read and write times as casts do", async () => {
    const cast = async (value: string): Promise<unknown> =>
      (await bench.client.query("SELECT CAST(CAST(@v AS TIMESTAMP) AS STRING)", { v: value }))[0]?.[0];
    for (const [written, read] of [
      ["2025-1-2", "2025-01-02 00:00:00+00"],
      ["2025-01-02T03:04", "2025-01-02 03:04:00+00"],
      ["2025-01-02 03:04:05.5Z", "2025-01-02 03:04:05.500+00"],
      ["2025-01-02 03:04:05.000001 UTC", "2025-01-02 03:04:05.000001+00"],
      ["2025-01-02 03:04:05+02", "2025-01-02 01:04:05+00"],
      ["2025-01-02 03:04:05-02:30", "2025-01-02 05:34:05+00"],
      ["0001-01-01 00:00:00Z", "0001-01-01 00:00:00+00"],
      ["9999-12-31 23:59:59.999999Z", "9999-12-31 23:59:59.999999+00"],
    ] as const) {
      assert.equal(await cast(written), read);
    }
    for (const wrong of [
      "soon",
      "2025-02-30",
      "01/02/2025",
      "2025-01-02 03:04:05.1234567",
      "10/11/12",
      "infinity",
      "",
    ]) {
      await refuses(cast(wrong), `Invalid timestamp: '${wrong}'`);
    }
    const formats =
      "SELECT FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%SZ', TIMESTAMP '2025-01-02 03:04:05.6'), DATE(TIMESTAMP '2025-01-02 23:00:00-05'), DATETIME '2025-01-02 03:04:05.6'";
    assert.deepEqual(await bench.client.query(formats), [
      ["2025-01-02T03:04:05Z", "2025-01-03", "2025-01-02T03:04:05.600"],
    ]);
  });

  test("format floats and JSON", async () => {
    const sql =
      "SELECT FORMAT('%.14e', 0.1), FORMAT('%.16e', 0.1), CAST(1e17 AS STRING), CAST(0.1 AS STRING), CAST(1e-7 AS STRING)";
    assert.deepEqual(await bench.client.query(sql), [
      ["1.00000000000000e-01", "1.0000000000000001e-01", "1e+17", "0.1", "1e-07"],
    ]);
    const json = `SELECT TO_JSON_STRING(STRUCT("a""b" AS s, 1 AS i, 9007199254740993 AS w, TRUE AS b, CAST(NULL AS STRING) AS n, [1, 2] AS l))`;
    assert.deepEqual(await bench.client.query(json.replace('"a""b"', "@s"), { s: 'a"b' }), [
      [`{"s":"a\\"b","i":1,"w":"9007199254740993","b":true,"n":null,"l":[1,2]}`],
    ]);
  });

  test("know the functions and clauses of the dialect", async () => {
    const one = async (sql: string): Promise<unknown> =>
      (await bench.client.query(`SELECT ${sql}`, { none: null, a: ["x", "y"] }))[0]?.[0];
    for (const [sql, value] of [
      ["IF(1 > 2, 'a', 'b')", "b"],
      ["COALESCE(@none, NULLIF('', ''), 'c')", "c"],
      ["CASE WHEN @none IS NULL THEN 1 ELSE 2.5 END", "1"],
      ["'x' IN UNNEST(@a) AND 'z' NOT IN ('x') AND 'abc' LIKE 'a%'", "true"],
      ["@none IS DISTINCT FROM 'x'", "true"],
      [String.raw`REGEXP_REPLACE('1/2/2025', r'^(\d+)/(\d+)/(\d{4})$', r'\3-\1-\2')`, "2025-1-2"],
      ["REGEXP_EXTRACT('abc', r'b(.)')", "c"],
      ["REGEXP_CONTAINS('abc', r'^a')", "true"],
      ["SUBSTR('hello', 2, 3) || SUBSTR('hello', -2)", "elllo"],
      ["CONCAT(UPPER('a'), LOWER('B'), REPLACE('aa', 'a', 'c'))", "Abcc"],
      ["LTRIM(CONCAT(CODE_POINTS_TO_STRING([65279]), 'x'), CODE_POINTS_TO_STRING([65279]))", "x"],
      ["GREATEST(1, NULL)", null],
      ["(SELECT STRING_AGG(v, '-' ORDER BY v DESC) FROM UNNEST(@a) AS v)", "y-x"],
      ["ARRAY_TO_STRING(ARRAY(SELECT v FROM UNNEST(@a) AS v WITH OFFSET AS o ORDER BY o DESC), ',')", "y,x"],
      ["EXTRACT(YEAR FROM DATE '2025-03-04')", "2025"],
      ["FORMAT_DATE('%Y-%m', DATE_TRUNC(DATE '2025-03-04', MONTH))", "2025-03"],
      ["CAST(CAST('12' AS INT64) AS STRING)", "12"],
      ["STARTS_WITH('abc', 'ab') AND ENDS_WITH('abc', 'bc') AND STRPOS('abc', 'c') = 3", "true"],
    ] as const) {
      assert.equal(await one(sql), value, sql);
    }
    const latest =
      "SELECT k, v FROM (SELECT 'a' AS k, 1 AS v UNION ALL SELECT 'a', 2 UNION ALL SELECT 'b', 3) QUALIFY ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) = 1 ORDER BY k";
    assert.deepEqual(await bench.client.query(latest), [
      ["a", "2"],
      ["b", "3"],
    ]);
    const joined =
      "WITH x AS (SELECT 1 AS n) SELECT x.n, y.n AS m FROM x LEFT JOIN (SELECT 2 AS n) AS y ON x.n = y.n WHERE EXISTS (SELECT 1 FROM x AS z WHERE z.n = x.n)";
    assert.deepEqual(await bench.client.query(joined), [["1", null]]);
  });

  test("group by several sets of columns", async () => {
    const rows = "(SELECT 'x' AS a, 'y' AS b, CAST('0.5' AS BIGNUMERIC) AS n UNION ALL SELECT 'x', NULL, 2) AS t";
    const sets = "SELECT t.a, t.b, GROUPING(t.b), SUM(t.n), COUNT(*)";
    assert.deepEqual(
      await bench.client.query(`${sets} FROM ${rows} GROUP BY GROUPING SETS ((t.a, t.b), t.a, ()) ORDER BY 1, 3, 2`),
      [
        [null, null, "1", "2.5", "2"],
        ["x", null, "0", "2", "1"],
        ["x", "y", "0", "0.5", "1"],
        ["x", null, "1", "2.5", "2"],
      ],
    );
    await refuses(bench.client.query(`SELECT GROUPING(t.n) FROM ${rows} GROUP BY GROUPING SETS ((t.a))`), "GROUPING");
  });

  test("refuse what GoogleSQL refuses", async () => {
    await bench.createTable("t", bills);
    for (const [sql, message] of [
      [String.raw`SELECT 'a\n'`, "Illegal escape sequence"],
      ['SELECT "id" FROM d.t WHERE "id" = 1', "No matching signature for operator = for argument types: STRING, INT64"],
      ["SELECT nothing FROM d.t", "Unrecognized name: nothing at [1:8]"],
      ["SELECT t.id FROM d.t AS x", "Unrecognized name: t.id"],
      ["SELECT id FROM d.t AS a JOIN d.t AS b ON a.id = b.id", "Column name id is ambiguous"],
      ["SELECT id, id FROM d.t", "Duplicate column names"],
      ["SELECT 1 FROM d.t AS a LEFT JOIN d.t AS b ON a.id > b.id", "LEFT OUTER JOIN cannot be used without"],
      ["SELECT 1 UNION SELECT 2", "Syntax error"],
      ["SELECT id::STRING FROM d.t", "Illegal input character"],
      ["DELETE FROM d.t", "DELETE must have a WHERE clause"],
      ["UPDATE d.t SET id = 'x'", "UPDATE must have a WHERE clause"],
      [
        "INSERT INTO d.t (id, period) SELECT 'x', '2025-01-01'",
        "has type STRING which cannot be inserted into column period, which has type TIMESTAMP",
      ],
      ["INSERT INTO d.t (id) SELECT 1", "has type INT64 which cannot be inserted into column id"],
      ["INSERT INTO d.t (id) VALUES ('a', 'b')", "wrong column count"],
      ["MERGE d.t USING d.t AS s ON FALSE", "Syntax error"],
      ["SELECT id FROM t", "must be qualified with a dataset"],
      ["", "Syntax error"],
    ] as const) {
      await refuses(bench.client.query(sql), message);
    }
  });

  test("count the rows of DML, and coerce what may be coerced", async () => {
    await bench.createTable("t", bills);
    const { statistics } = await bench.client.job({
      query: queryConfiguration("INSERT INTO `p.d.t` (`id`, `cost`) SELECT v, 7 FROM UNNEST(['a', 'b']) AS v"),
    });
    assert.equal(statistics.query?.["numDmlAffectedRows"], "2");
    assert.equal(statistics.query?.["statementType"], "INSERT");
    await bench.client.query("INSERT INTO d.t (id, period, cost) VALUES (@id, @at, 1.5)", {
      id: "c",
      at: "2025-01-01 00:00:00Z",
    });
    await bench.client.query("UPDATE d.t AS x SET cost = x.cost + 1 WHERE x.id = 'c'");
    assert.deepEqual(await bench.server.rows("SELECT id, cost FROM d.t ORDER BY id"), [
      ["a", "7"],
      ["b", "7"],
      ["c", "2.5"],
    ]);
  });

  test("replace tables, and rename them", async () => {
    await bench.createTable("t", bills);
    await bench.client.query("INSERT INTO d.t (id, period) VALUES ('a', '2025-01-01'), ('b', NULL)");
    await bench.client.query(
      "CREATE TABLE `p.d.n` PARTITION BY TIMESTAMP_TRUNC(period, MONTH) CLUSTER BY id AS SELECT * FROM `p.d.t`",
    );
    await refuses(bench.client.query("ALTER TABLE `p.d.n` RENAME TO t"), "Already Exists");
    await bench.client.query("DROP TABLE `p.d.t`");
    await bench.client.query("ALTER TABLE `p.d.n` RENAME TO t");
    const table = bench.server.table("d", "t");
    assert.deepEqual([table?.timePartitioning, table?.clustering], [monthly.timePartitioning, { fields: ["id"] }]);
    await bench.client.query(
      "ALTER TABLE d.t RENAME COLUMN cost TO price; ALTER TABLE d.t DROP COLUMN price; DROP TABLE IF EXISTS d.no",
    );
    assert.deepEqual(await bench.client.query("SELECT * FROM d.t ORDER BY id"), [
      ["a", "1735689600000000"],
      ["b", null],
    ]);
    await refuses(bench.client.query("ALTER TABLE d.t DROP COLUMN period"), "used by partitioning");
  });
});
