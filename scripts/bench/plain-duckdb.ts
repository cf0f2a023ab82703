import { readFileSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";
import { identifier, literal } from "../../src/warehouses/duckdb/sql.ts";
import type { PeerJob } from "./peers.ts";

/*
 * Loads one delivery into a new DuckDB file with one statement and the defaults of the engine that billhouse brings:
 * the time that every check, receipt and published copy of billhouse is compared with.
 *
 *   node scripts/bench/plain-duckdb.ts JOB.json
 */

const job = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as PeerJob;
const instance = await DuckDBInstance.create(job.database);
const connection = await instance.connect();
const files = `[${job.files.map(literal).join(", ")}]`;
const columns = job.columns.map(([name, type]) => `${literal(name)}: ${literal(type)}`).join(", ");
const source =
  job.format === "parquet"
    ? `SELECT * FROM read_parquet(${files})`
    : `SELECT * FROM read_csv(${files}, header = true, columns = {${columns}})`;
await connection.run(`CREATE TABLE bill AS ${source}`);
await connection.run("CHECKPOINT");
const answer = await connection.runAndReadAll(
  `SELECT count(*)::INTEGER AS rows, CAST(sum(${identifier(job.cost)}) AS VARCHAR) AS cost FROM bill`,
);
console.log(JSON.stringify(answer.getRowObjectsJson()[0]));
connection.closeSync();
instance.closeSync();
