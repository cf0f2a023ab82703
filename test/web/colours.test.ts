import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { restColour, seriesColours } from "../../src/drawing/cells.ts";

type Rgb = readonly [red: number, green: number, blue: number];

const style = readFileSync(join(import.meta.dirname, "../../src/web/assets/style.css"), "utf8");

/** The variables of each theme, by name; those of a system that prefers dark are a copy of the dark ones. */
const themes = Object.fromEntries(
  [
    ["light", /^:root \{(.*?)^\}/msu],
    ["dark", /^html\.dark \{(.*?)^\}/msu],
    ["dark by the system", /^ {2}html\.auto \{(.*?)^ {2}\}/msu],
  ].map(([name, pattern]) => [
    name as string,
    Object.fromEntries(
      [...((pattern as RegExp).exec(style)?.[1] ?? "").matchAll(/--(\w+(?:-\w+)?): (#[0-9a-f]{3,6});/gu)].map(
        ([, variable = "", colour = ""]) => [variable, colour] as const,
      ),
    ),
  ]),
);

function rgb(colour: string): Rgb {
  const digits = colour.length === 4 ? colour.slice(1).replaceAll(/./gu, "$&$&") : colour.slice(1);
  const [red = 0, green = 0, blue = 0] = (digits.match(/../gu) ?? []).map((pair) => {
    const value = Number.parseInt(pair, 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return [red, green, blue];
}

/** How people see linear colours who lack one kind of cones: Machado, Oliveira and Fernandes (2009), severity 1. */
const eyes: Readonly<Record<string, readonly Rgb[]>> = {
  usual: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

function seen(colour: Rgb, rows: readonly Rgb[]): Rgb {
  const [red = 0, green = 0, blue = 0] = rows.map((row) =>
    Math.min(1, Math.max(0, row[0] * colour[0] + row[1] * colour[1] + row[2] * colour[2])),
  );
  return [red, green, blue];
}

/** The distance of two linear colours in CIE Lab: below about 10 they are hard to tell apart. */
function distance(one: Rgb, other: Rgb): number {
  const [first, second] = [lab(one), lab(other)];
  return Math.hypot(first[0] - second[0], first[1] - second[1], first[2] - second[2]);
}

function lab([red, green, blue]: Rgb): Rgb {
  const curve = (value: number): number => (value > 0.008856 ? Math.cbrt(value) : 7.787 * value + 16 / 116);
  const x = curve((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505);
  const y = curve(0.2126 * red + 0.7152 * green + 0.0722 * blue);
  const z = curve((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

function contrast(one: string, other: string): number {
  const light = (colour: string): number => {
    const [red, green, blue] = rgb(colour);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [less = 0, more = 0] = [light(one), light(other)].toSorted((first, second) => first - second);
  return (more + 0.05) / (less + 0.05);
}

describe("the colours of the dashboard", () => {
  test("are the same in the dark theme that a person chooses and in that of the system", () => {
    assert.deepEqual(themes["dark by the system"], themes["dark"]);
    assert.deepEqual(Object.keys(themes["dark"] ?? {}), Object.keys(themes["light"] ?? {}));
  });

  test("are the same in mails", () => {
    const light = themes["light"] ?? {};
    assert.deepEqual(
      [...seriesColours, restColour],
      ["s0", "s1", "s2", "s3", "s4", "s5", "s6", "rest"].map((name) => light[name]),
    );
  });

  for (const [name, colours = {}] of Object.entries(themes)) {
    test(`of series that touch differ in the eyes of everybody (${name})`, () => {
      const series = ["s0", "s1", "s2", "s3", "s4", "s5", "s6", "rest", "below"].map((each) =>
        rgb(colours[each] ?? ""),
      );
      for (const [eye, rows] of Object.entries(eyes)) {
        for (const [index, colour] of series.slice(0, -1).entries()) {
          const [one, other] = [seen(colour, rows), seen(series[index + 1] ?? colour, rows)];
          assert.ok(distance(one, other) > 10, `${eye}: s${index} and the next: ${distance(one, other).toFixed(1)}`);
        }
      }
    });

    test(`of text have enough contrast (${name})`, () => {
      for (const background of ["card", "page"]) {
        for (const text of ["ink", "soft", "accent", "more", "less", "warn"]) {
          const found = contrast(colours[text] ?? "", colours[background] ?? "");
          assert.ok(found >= 4.5, `${text} on ${background}: ${found.toFixed(2)}`);
        }
      }
    });
  }
});
