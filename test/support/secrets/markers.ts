import { randomBytes } from "node:crypto";

/** Secrets that were planted, each under the name of the place where it was put. */
export interface Markers {
  /** A new secret that says in itself where it was planted. */
  plant(place: string): string;
  /** Takes a secret whose form is given, as a key that a service has to take. */
  adopt(place: string, secret: string): string;
  /** The places of the secrets that a text holds, in whatever spelling, with what stands around each. */
  find(text: string): string[];
}

/** No secrets yet. */
export function createMarkers(): Markers {
  const planted = new Map<string, string>();
  const adopt = (place: string, secret: string): string => {
    planted.set(place, secret);
    return secret;
  };
  return {
    adopt,
    plant: (place) => adopt(place, `SECRET-${randomBytes(6).toString("hex")}-${place.replaceAll(/\W+/g, "-")}`),
    find: (text) =>
      [...planted].flatMap(([place, secret]) =>
        spellings(secret).flatMap(([spelling, written]) => {
          const at = text.toLowerCase().indexOf(written.toLowerCase());
          return at < 0 ? [] : [`${place} (${spelling}): ...${text.slice(Math.max(0, at - 100), at + 60)}...`];
        }),
      ),
  };
}

/** How a secret may be written. Of base64 only the digits that do not depend on the neighbouring bytes. */
function spellings(secret: string): (readonly [spelling: string, written: string])[] {
  const lines = secret.split(/\r?\n/).filter((line) => line.length > 20 && !line.startsWith("-----"));
  const inBase64 = ["", "x", "xx"].map((before) => {
    const digits = Buffer.from(before + secret).toString("base64");
    return digits.slice(before === "" ? 0 : 4, -4);
  });
  return [
    ...lines.map((line) => ["a line of it", line] as const),
    ["as it is", secret],
    ["in an address", encodeURIComponent(secret)],
    ["in JSON", JSON.stringify(secret).slice(1, -1)],
    ...inBase64.map((digits) => ["in base64", digits] as const),
    ...inBase64.map((digits) => ["in base64url", digits.replaceAll("+", "-").replaceAll("/", "_")] as const),
    ["in hexadecimal digits", Buffer.from(secret).toString("hex")],
  ];
}
