import { parseArgs } from "node:util";
import { plannerWith } from "../test/mirrors/planner.ts";
import { simulate } from "../test/mirrors/simulate.ts";

/*
 * Plays clouds that deliver and mirrors that copy in any order, and lets the planner run after every step. Ends with 1 and the
 * story of the round when a month was made of anything but one complete delivery.
 *
 *   node scripts/test-mirrors.ts --seed 7 --steps 20000
 */

const { values } = parseArgs({ options: { seed: { type: "string" }, steps: { type: "string" } } });
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const steps = Number(values.steps ?? 20_000);
const started = performance.now();
console.log(`seed ${seed}`);
const { steps: played, deliveries, loads, mixtures } = await simulate(plannerWith(), { seed, steps });
const seconds = Math.round((performance.now() - started) / 1000);
console.log(
  `${played} steps, ${deliveries} deliveries, ${loads} loads in ${seconds} s: every load is one complete delivery, but for ${mixtures} that were flagged.`,
);
