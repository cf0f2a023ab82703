import { testGoldenCases } from "./golden-cases.ts";

// `npm run test:long` loads the others, and all of them into BigQuery.
testGoldenCases("DuckDB", "quick");
