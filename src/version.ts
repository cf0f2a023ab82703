import { readFileSync } from "node:fs";

/** Version of billhouse, as in its package. */
export const version: string = packageVersion();

function packageVersion(): string {
  const file = new URL(import.meta.resolve("billhouse/package.json"));
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
