import { test } from "node:test";
import assert from "node:assert/strict";
import { checkAccepted } from "../../../src/pipeline/months/accept.ts";
import { rejects } from "../../support/rejects.ts";

test("--accept takes the checks that can be waived, and some only for months that are named", async () => {
  const accept = async (names: readonly string[], only?: readonly string[]): Promise<void> =>
    checkAccepted(names, only === undefined ? { from: "2025-01" } : { only });
  await accept(["row-count", "scope"]);
  await accept(["scope", "shrink"], ["2025-03"]);
  const { hint } = await rejects(accept(["shrink"]), "USAGE_INVALID", "--accept shrink requires --month");
  assert.match(hint, /--accept shrink --month/);
  assert.match(
    (await rejects(accept(["sum"]), "USAGE_INVALID", "sum")).hint,
    /row-count, scope, other-months, second-copy, shrink, gap/,
  );
});
