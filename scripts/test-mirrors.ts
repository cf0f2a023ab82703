import { parseArgs } from "node:util";
import { plannerWith } from "../test/mirrors/planner.ts";
import { simulate } from "../test/mirrors/simulate.ts";

/*
 * Simulates clouds that deliver and mirrors that copy in any order, and runs the planner after every step. Exits with 1 and the
 * steps of the round if a month was loaded from anything but one complete delivery.
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
  `${played} steps, ${deliveries} deliveries, ${loads} loads in ${seconds} s: every load is one complete delivery, except ${mixtures} that were flagged.`,
);
