import { execFile } from "node:child_process";
import { promisify } from "node:util";

/**
 * Runs a program and gives the URLs of the files that it loads as modules, in their order, whatever its exit code. It runs
 * with this environment and a path only.
 */
export async function modulesLoadedBy(
  program: string,
  words: readonly string[],
  options: { readonly folder: string; readonly environment?: Readonly<Record<string, string>> },
): Promise<readonly string[]> {
  const watch = `data:text/javascript,${encodeURIComponent(watchModules)}`;
  const env = { ...options.environment, PATH: process.env["PATH"], NODE_DISABLE_COMPILE_CACHE: "1" };
  const { stderr } = await promisify(execFile)(process.execPath, ["--import", watch, program, ...words], {
    cwd: options.folder,
    env,
  }).catch((error: { readonly stderr: string }) => error);
  const list = /^loaded (\[.*\])$/m.exec(stderr)?.[1];
  if (list === undefined) throw new Error(`The modules were not listed:\n${stderr}`);
  return JSON.parse(list) as readonly string[];
}

const watchModules = `
  import { registerHooks } from "node:module";
  import { writeSync } from "node:fs";
  const loaded = [];
  registerHooks({
    load(url, context, next) {
      if (!url.startsWith("node:")) loaded.push(url);
      return next(url, context);
    },
  });
  process.on("exit", () => writeSync(2, "loaded " + JSON.stringify(loaded) + "\\n"));
`;

/** The packages of files, sorted; files of the project itself have none. */
export function packagesOf(urls: readonly string[]): readonly string[] {
  const names = urls.flatMap((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []);
  return [...new Set(names)].toSorted();
}
