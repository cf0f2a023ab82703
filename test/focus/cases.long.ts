import { testGoldenCases } from "./golden-cases.ts";

testGoldenCases("DuckDB", "others");
testGoldenCases("BigQuery", "all");
