import { existsSync, lstatSync, readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

/**
 * The file that the path of a database leads to, whether it exists or not. The files beside a database (its log,
 * scratch files, the read copy) are beside this file: a log beside a link would be found under only one of its names.
 */
export function databaseFile(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  const target = danglingTarget(path);
  if (target !== null) return resolve(dirname(path), target);
  return existsSync(dirname(path)) ? join(realpathSync(dirname(path)), basename(path)) : path;
}

/**
 * The target of a symbolic link whose file does not exist; null for anything else. A missing permission is reported when
 * the file is opened.
 */
function danglingTarget(path: string): string | null {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : null;
  } catch {
    return null;
  }
}

/** The path of the copy for readers: `billhouse.read.duckdb` beside `billhouse.duckdb`. */
export function readCopyPath(path: string): string {
  const file = databaseFile(path);
  return file.endsWith(".duckdb") ? file.replace(/\.duckdb$/, ".read.duckdb") : `${file}.read.duckdb`;
}
