import assert from "node:assert/strict";

import { type Config, validate } from "../../../src/index.ts";
import { nativeDefects } from "./native-defects.ts";

const versions = ["1.2", "1.4"] as const;

/**
 * Requires that converted bills break no rule of FOCUS, and that exports in FOCUS columns break those that are known as defects
 * of the clouds. `name` is that of the bill in the list of defects.
 */
export async function requireKnownFailures(config: Config, name: string): Promise<void> {
  for (const version of versions) {
    const { results, scores } = await validate(config, { version });
    assert.notDeepEqual(scores, [], "rows were checked");
    const failed = results.filter(({ verdict, parts }) => verdict === "fail" && parts === 0);
    const found = [...new Set(failed.map(({ rule, origin }) => `${rule} ${origin}`))].toSorted();
    assert.deepEqual(found, [...(nativeDefects[`${name} ${version}`] ?? [])].toSorted(), version);
    assert.ok(failed.every(({ examples, origin }) => examples.length > 0 && origin !== null));
  }
}
