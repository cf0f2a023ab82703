import { subscribe } from "node:diagnostics_channel";

import { openDuckdb } from "../../../src/warehouses/duckdb/driver.ts";
import type { MappedFile } from "../../../src/warehouses/warehouse.ts";
import { load } from "../../conformance/bills.ts";

// A process of its own that opens a database and loads one file, for tests that kill it, starve it or lock it out.
// Prints `opened`, then `loaded` or the error.
const { path, file, killAt, lockWait, asNobody } = JSON.parse(process.argv[2] ?? "{}") as {
  path: string;
  file: MappedFile | null;
  killAt: string | null;
  lockWait: number;
  /** As a user to whom nothing belongs, where this one is root. */
  asNobody: boolean;
};
if (asNobody && process.getuid?.() === 0) process.setuid?.(65_534);
subscribe("billhouse:point", (message) => {
  if ((message as { name: string }).name === killAt) process.kill(process.pid, "SIGKILL");
});
try {
  const warehouse = await openDuckdb(
    { path, storageVersion: "v1.3.0", memoryLimit: null, threads: null, lockWait },
    "write",
  );
  console.log("opened");
  if (file !== null) {
    await load(warehouse, [file]);
    await warehouse.publish();
    console.log("loaded");
  }
  // The test of the lock lets this process continue when it has seen enough.
  if (killAt === "input") await new Promise((resolve) => process.stdin.once("data", resolve));
  await warehouse.close();
} catch (error) {
  console.log(Object.assign({ code: "" }, error).code, (error as Error).message);
}
process.exit();
