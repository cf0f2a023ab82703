import type { DemoDay } from "./months.ts";
import type { Random } from "./random.ts";

/** How usage moves from day to day. */
export type Swing = "always" | "autoscaled" | "office" | "batch" | "business" | "stored" | "rising";

/** The part of its daily quantity that a resource uses on one day; 0 means that it was not used at all. */
export function swingOn(swing: Swing, day: DemoDay, random: Random): number {
  return swings[swing](day, random);
}

const swings: Readonly<Record<Swing, (day: DemoDay, random: Random) => number>> = {
  always: () => 1,
  autoscaled: ({ weekend }, random) => (weekend ? random.between(0.66, 0.8) : random.between(0.94, 1)),
  office: ({ weekend }, random) => (weekend ? 0 : random.between(0.4, 0.5)),
  batch: ({ weekend }, random) => random.between(0.25, weekend ? 0.4 : 0.7),
  business: ({ weekend, number }, random) =>
    (1 + 0.0006 * number) * (weekend ? random.between(0.6, 0.72) : random.between(0.94, 1.06)),
  stored: ({ number }) => 1 + 0.001 * number,
  rising: ({ weekend, number }, random) =>
    (0.5 + 0.009 * number) * (weekend ? random.between(0.45, 0.6) : random.between(0.9, 1.1)),
};
