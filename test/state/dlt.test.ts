import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deflateSync } from "node:zlib";
import { decodeState, dltId, dltName, encodeState, isoInstant } from "../../src/state/dlt.ts";
import { nextLoadId, sealState, versionHash } from "../../src/state/dlt.ts";
import { parseJson, writeJson, type JsonObject } from "../../src/state/json.ts";
import { dltFixtures, dltVersions, readIdentifiers, rowsOf, textOf } from "./fixtures.ts";

describe("dlt's state, as dlt itself wrote it", () => {
  for (const fixture of dltFixtures) {
    it(`is read, written and hashed alike: ${fixture.title}`, () => {
      const rows = rowsOf(fixture, "_dlt_pipeline_state");
      assert.ok(rows.length > 0);
      for (const [index, row] of rows.entries()) {
        const state = decodeState(textOf(row["state"]));
        // Byte for byte: order of keys, text of numbers, typed values, escapes.
        assert.equal(writeJson(state), fixture.decodedStates[index]);
        assert.equal(writeJson(decodeState(encodeState(state))), fixture.decodedStates[index]);
        assert.equal(versionHash(state), row["version_hash"]);
        assert.equal(writeJson(sealState(state)), fixture.decodedStates[index]);
      }
    });
  }
});

describe("decodeState", () => {
  const plain = '{"_state_version":3,"_state_engine_version":4,"pipeline_name":"p"}';

  it("takes plain JSON, as dlt does", () => {
    assert.equal(writeJson(decodeState(` ${plain}\n`)), plain);
  });

  it("takes what can be written again, at any depth that it reads", () => {
    const deep = plain.replace("{", `{"x":${"[".repeat(255)}1${"]".repeat(255)},`);
    assert.equal(writeJson(decodeState(encodeState(sealState(decodeState(deep))))).includes("[1]"), true);
  });

  const unreadable: Readonly<Record<string, string>> = {
    "empty text": "",
    "text that is neither": "not a state!",
    "base64 of something unpacked": Buffer.from(plain).toString("base64"),
    "base64 with a line break": `${encodeState(decodeState(plain))}\n`,
    "a truncated state": encodeState(decodeState(plain)).slice(0, 40),
    "packed bytes that are not UTF-8": deflateSync(Buffer.from([0x22, 0xff, 0x22])).toString("base64"),
    "a list": "[]",
    "a state without an engine version": '{"_state_version":3}',
    "60 kB that unpack to 60 MB": deflateSync(Buffer.concat([Buffer.alloc(60e6, 0x20), Buffer.from(plain)])).toString(
      "base64",
    ),
    "60 MB that are not packed": " ".repeat(60e6) + plain,
    "two million values": plain.replace("{", `{"x":[${"1,".repeat(2e6)}1],`),
    "lists 5,000 deep": plain.replace("{", `{"x":${"[".repeat(5000)}${"]".repeat(5000)},`),
    "objects 257 deep": plain.replace("{", `{"x":${'{"a":'.repeat(256)}1${"}".repeat(256)},`),
    "a state of a newer dlt": plain.replace('engine_version":4', 'engine_version":5'),
  };
  for (const [title, text] of Object.entries(unreadable)) {
    it(`says STATE_INVALID, with a hint, for ${title}`, () => {
      assert.throws(
        () => decodeState(text),
        (error: { code?: string; hint?: string }) => error.code === "STATE_INVALID" && (error.hint ?? "") !== "",
      );
    });
  }
});

describe("JSON that keeps order and number text", () => {
  for (const text of [
    '{"10":1,"9":2,"__proto__":{"a":1},"":null}',
    "[1.0,-0.5,1e+300,1e-7,9007199254740993,18446744073709551616,-0]",
    '["\\"]}{","a\\\\",":,"]',
    '{"a":[[],{},[{"b":[true,false,null]}]]}',
    '"text"',
    "0",
  ]) {
    it(`writes ${text} as it read it`, () => assert.equal(writeJson(parseJson(text)), text));
  }

  it("refuses what is not JSON", () => {
    for (const text of ["{", '{"a":1,}', "[1 2]", "01", "NaN", '{"a" 1}']) {
      assert.throws(() => parseJson(text), SyntaxError);
    }
  });
});

describe("sealState", () => {
  const first = sealState(decodeState('{"_state_version":0,"_state_engine_version":4,"a":1}'));

  it("gives a first hash without a new version", () => {
    assert.equal(writeJson(first.get("_state_version") ?? null), "0");
    assert.equal(first.get("_version_hash"), versionHash(first));
  });

  it("raises the version once for each change of the content", () => {
    const changed = sealState(new Map(first).set("a", "other"));
    assert.equal(writeJson(changed.get("_state_version") ?? null), "1");
    assert.deepEqual(sealState(changed), changed);
  });

  it("hashes without regard to the order of keys", () => {
    const swapped = parseJson('{"b":{"y":1,"x":2},"a":1}') as JsonObject;
    assert.equal(versionHash(swapped), versionHash(parseJson('{"a":1,"b":{"x":2,"y":1}}') as JsonObject));
  });
});

describe("nextLoadId", () => {
  const now = new Date("2025-11-02T03:04:05.006Z");

  it("is the time in Unix seconds", () => {
    assert.equal(nextLoadId(null, now), "1762052645.006000");
    assert.equal(nextLoadId("1762052645.0059998", now), "1762052645.006000");
  });

  for (const newest of [
    "1762052645.006",
    "1762052645.0060000",
    "1762052645.0069999",
    "1762052645",
    "1795399619.7042437",
    "1795399619.9999999",
    "99999999999.5",
    "1762052645006",
    "999.5",
    "9.9999999",
    "9",
  ]) {
    it(`is above ${newest} as text and as a number`, () => {
      const next = nextLoadId(newest, now);
      assert.ok(next > newest, `${next} as text`);
      assert.ok(Number(next) > Number(newest), `${next} as a number`);
      assert.ok(nextLoadId(next, now) > next);
    });
  }

  it("is above every load_id that dlt wrote", () => {
    for (const fixture of dltFixtures) {
      for (const row of rowsOf(fixture, "_dlt_loads")) {
        assert.ok(nextLoadId(textOf(row["load_id"]), now) > textOf(row["load_id"]));
      }
    }
  });

  it("says STATE_INVALID when nothing can come after the newest", () => {
    assert.throws(() => nextLoadId("load-7", now), { code: "STATE_INVALID" });
  });
});

describe("small forms of dlt", () => {
  it("gives ids in dlt's form, the same for the same row", () => {
    assert.match(dltId("a", "b"), /^[A-Za-z0-9+/]{14}$/);
    assert.equal(dltId("a", "b"), dltId("a", "b"));
    assert.notEqual(dltId("a", "b"), dltId("ab"));
  });

  it("writes moments with microseconds", () => {
    assert.equal(isoInstant(new Date("2025-11-02T03:04:05.000Z")), "2025-11-02T03:04:05.000000+00:00");
  });

  for (const version of dltVersions) {
    it(`normalises names as dlt ${version} does`, () => {
      const identifiers = readIdentifiers(version);
      const ours = Object.fromEntries(Object.keys(identifiers).map((name) => [name, dltName(name)]));
      assert.deepEqual(ours, identifiers);
    });
  }
});
