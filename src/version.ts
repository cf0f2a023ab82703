import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Version of billhouse, as in its package. */
export const version: string = packageVersion();

/** A hash of the sources of the bundled program; null where the code runs from its files, which can change. */
export const builtFrom: string | null = typeof hashOfSources === "undefined" ? null : hashOfSources;

// Written into the bundle by scripts/build.ts.
declare const hashOfSources: string | undefined;

/** The path of a page of the documentation, such as `errors.md`: the package contains `docs/`. */
export function docsPage(name: string): string {
  return fileURLToPath(new URL(`docs/${name}`, packageFile()));
}

function packageVersion(): string {
  return (JSON.parse(readFileSync(packageFile(), "utf8")) as { version: string }).version;
}

function packageFile(): URL {
  return new URL(import.meta.resolve("billhouse/package.json"));
}
