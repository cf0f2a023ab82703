import assert from "node:assert/strict";

import { table } from "./bills.ts";
import type { CapableTestWarehouse } from "./warehouse.ts";

/** The checks of `doctor`. */
export const doctorCases: Readonly<Record<string, (test: CapableTestWarehouse) => Promise<void>>> = {
  "finds nothing wrong where everything is there, and makes nothing": async (test) => {
    const warehouse = await test.open("read");
    const findings = await warehouse.doctor([table]);
    assert.ok(findings.length > 0);
    assert.deepEqual(
      findings.filter(({ ok, remedy }) => !ok || remedy !== null),
      [],
    );
    assert.equal((await warehouse.ledger(table)).columns, null);
  },
};
