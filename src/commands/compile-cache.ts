import { mkdirSync, statSync } from "node:fs";
import { enableCompileCache as enable } from "node:module";
import { isAbsolute, join } from "node:path";

/**
 * Lets Node keep the compiled code of all modules that are imported from now on, which makes every later start faster.
 * Node executes what it finds there, so the code is kept in the cache folder of this user and never in Node's default, the
 * temporary folder, which is shared. Without a cache folder of their own, nothing is kept. With
 * `NODE_COMPILE_CACHE` and `NODE_DISABLE_COMPILE_CACHE` Node does what they say
 * (https://nodejs.org/api/module.html#module-compile-cache).
 */
export function enableCompileCache(environment: Environment, platform: NodeJS.Platform): void {
  if ([environment["NODE_COMPILE_CACHE"], environment["NODE_DISABLE_COMPILE_CACHE"]].some(Boolean)) return;
  const folder = compileCacheFolder(environment, platform);
  if (folder !== null) enable(folder);
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The folder for compiled code, which is created; null where there is none that only this user can write. */
export function compileCacheFolder(environment: Environment, platform: NodeJS.Platform): string | null {
  const base = cacheFolder(environment, platform);
  if (base === null) return null;
  const own = join(base, "billhouse");
  try {
    mkdirSync(own, { recursive: true, mode: 0o700 });
    return platform === "win32" || isOwn(own) ? join(own, "node") : null;
  } catch {
    // A read-only disk, for example: billhouse works without the cache.
    return null;
  }
}

/** The folder where programs of this user keep what can be computed again. */
function cacheFolder(environment: Environment, platform: NodeJS.Platform): string | null {
  const named = environment[platform === "win32" ? "LOCALAPPDATA" : "XDG_CACHE_HOME"];
  // Relative paths are invalid: https://specifications.freedesktop.org/basedir-spec/latest/
  if (named !== undefined && isAbsolute(named)) return named;
  const home = environment["HOME"];
  // With `sudo` the home can be that of another user, who could replace what is below it.
  if (platform === "win32" || home === undefined || !isAbsolute(home) || !isOwn(home)) return null;
  return join(home, platform === "darwin" ? "Library/Caches" : ".cache");
}

/** Whether a folder exists, belongs to this user, and cannot be written by other users. */
function isOwn(folder: string): boolean {
  const found = statSync(folder, { throwIfNoEntry: false });
  return found !== undefined && found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0;
}
