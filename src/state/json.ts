/**
 * JSON that keeps what a JavaScript object loses: the order of keys that look like numbers, and the text of numbers
 * (`1.0`, integers above 2^53). dlt's state survives a rewrite unchanged only with both.
 */
export type JsonValue = null | boolean | string | JsonNumber | readonly JsonValue[] | JsonObject;

/** A number as it was written. */
export interface JsonNumber {
  readonly number: string;
}

/** An object; its keys stay in the order of the text. */
export type JsonObject = ReadonlyMap<string, JsonValue>;

const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[-+.\dEe]+|true|false|null|[{}[\]]/g;

/** The maximum nesting of lists and objects. States of dlt are far below it; each level costs stack space. */
const deepest = 256;

/** The maximum number of values: each takes many times the memory of its two characters of text. */
const mostValues = 1_000_000;

/**
 * Reads JSON text. Errors: SyntaxError, as from JSON.parse; RangeError for more than a million values, and for JSON
 * nested deeper than 256 levels.
 */
export function parseJson(text: string): JsonValue {
  // Refuses text that is not JSON, so the code below can rely on the order of tokens.
  JSON.parse(text);
  const tokens = text.matchAll(token);
  const next = (): string => {
    const found = tokens.next();
    return found.done === true ? "" : found.value[0];
  };

  let values = 0;
  const readObject = (depth: number): JsonObject => {
    const object = new Map<string, JsonValue>();
    for (let found = next(); found !== "}"; found = next()) {
      const key = JSON.parse(found) as string;
      object.set(key, readValue(next(), depth));
    }
    return object;
  };

  const readValue = (first: string, depth: number): JsonValue => {
    if (++values > mostValues) throw new RangeError(`The JSON has more than ${mostValues} values.`);
    if (depth > deepest) throw new RangeError(`The JSON is nested deeper than ${deepest} levels.`);
    switch (first.charAt(0)) {
      case "{":
        return readObject(depth + 1);
      case "[": {
        const list: JsonValue[] = [];
        for (let found = next(); found !== "]"; found = next()) list.push(readValue(found, depth + 1));
        return list;
      }
      case '"':
        return JSON.parse(first) as string;
      case "t":
        return true;
      case "f":
        return false;
      case "n":
        return null;
      default:
        return { number: first };
    }
  };

  return readValue(next(), 0);
}

/** Writes compact JSON: keys in their order, numbers as they were written. */
export function writeJson(value: JsonValue): string {
  return write(value, (object) => [...object]);
}

/** Writes compact JSON with keys sorted by their UTF-8 bytes at every depth: equal content gives equal text. */
export function writeCanonicalJson(value: JsonValue): string {
  return write(value, (object) =>
    // The default order is that of UTF-16 units, which differs above U+FFFF.
    [...object].toSorted(([first], [second]) => Buffer.compare(Buffer.from(first), Buffer.from(second))),
  );
}

function write(value: JsonValue, entries: (object: JsonObject) => readonly (readonly [string, JsonValue])[]): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (isList(value)) return `[${value.map((item) => write(item, entries)).join(",")}]`;
  if (isObject(value)) {
    const members = entries(value).map(([key, member]) => `${JSON.stringify(key)}:${write(member, entries)}`);
    return `{${members.join(",")}}`;
  }
  return value.number;
}

/** Whether a value is an object. */
export function isObject(value: JsonValue | undefined): value is JsonObject {
  return value instanceof Map;
}

/** Whether a value is a list. */
export function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}
