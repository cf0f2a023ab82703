import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { corpusOf, readers, readInput } from "../support/hostile/inputs.ts";
import { mutate, numbersOf } from "../support/hostile/mutations.ts";

describe("every kept input of the fuzzer", { timeout: 120_000 }, () => {
  for (const reader of Object.keys(readers)) {
    it(`of ${reader} is read or refused, in a moment`, async () => {
      const corpus = await corpusOf(reader);
      assert.ok(corpus.size > 0);
      for (const [name, bytes] of corpus) {
        const started = performance.now();
        const outcome = await readInput(reader, bytes);
        assert.equal(outcome, name.startsWith("sound") ? "read" : outcome, name);
        assert.ok(performance.now() - started < 5000, `${name}: ${performance.now() - started} ms`);
      }
    });
  }

  it("is the same again for the same seed, and another one for another", async () => {
    const [sound] = [...(await corpusOf("azure-cost")).values()];
    assert.ok(sound !== undefined);
    const made = (seed: number): string[] => {
      const next = numbersOf(seed);
      return Array.from({ length: 20 }, () => mutate(sound, sound, next).toString("base64"));
    };
    assert.deepEqual(made(1), made(1));
    assert.notDeepEqual(made(1), made(2));
    assert.ok(new Set(made(1)).size > 15);
  });
});
