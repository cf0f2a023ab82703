import { createHash } from "node:crypto";
import type { UndoneLoad } from "../model.ts";

/** One text for some files as they lie there, whatever their order: SHA-256 of their keys and versions, in hex. */
export function fingerprintOf(files: readonly { readonly key: string; readonly version: string }[]): string {
  const lines = files.map(({ key, version }) => JSON.stringify([key, version])).toSorted();
  return createHash("sha256").update(lines.join("\n")).digest("hex");
}

/**
 * Whether an execution is one that was undone. Its id tells; only where the same execution was written again under its own
 * name, and what it was before is loaded, its files tell the two apart.
 */
export function isUndone(
  execution: { readonly id: string; readonly files: readonly { readonly key: string; readonly version: string }[] },
  loaded: { readonly ids: readonly string[]; readonly undone: readonly UndoneLoad[] } | null,
): boolean {
  const current = loaded?.ids.at(-1);
  return (loaded?.undone ?? []).some(
    ({ executionId, fingerprint }) =>
      executionId === execution.id && (executionId !== current || fingerprint === fingerprintOf(execution.files)),
  );
}
