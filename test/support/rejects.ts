import assert from "node:assert/strict";

import { BillhouseError, type ErrorCode } from "../../src/errors.ts";

/**
 * Waits for an error that a person can act on, and gives it: a BillhouseError with this code and a hint, whose message
 * names what it is about.
 */
export async function rejects(
  work: Promise<unknown>,
  code: ErrorCode,
  ...named: readonly string[]
): Promise<BillhouseError> {
  const error = await work.then(
    () => assert.fail(`${code} was expected, and nothing was thrown`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof BillhouseError)) throw error;
  assert.equal(error.code, code, error.message);
  assert.match(error.message, /\.$/u);
  assert.match(error.hint, /\.$/u);
  for (const name of named) assert.ok(error.message.includes(name), `"${error.message}" names ${name}`);
  return error;
}
