import { setTimeout as sleep } from "node:timers/promises";
import type { Child } from "./child.ts";
import { runBillhouse, startBillhouse } from "./child.ts";
import { google, local, momentOf, steps } from "./steps.ts";
import type { End, Fault, Trial } from "./fault.ts";

const [hour, day] = [3_600_000, 86_400_000];

/** What happens to the process of a run. */
export const processFaults: readonly Fault[] = [
  acting("killed", "The process is killed (SIGKILL).", ["killed"], (child) => child.process.kill("SIGKILL")),
  // A process that is asked to stop during the last statement may still finish.
  acting("asked to stop", "The process is asked to stop (SIGTERM).", ["stopped", "at once"], (child) =>
    child.process.kill("SIGTERM"),
  ),
  acting(
    "stopped for a while",
    "The process is paused for a second (SIGSTOP, SIGCONT).",
    ["at once"],
    async (child) => {
      child.process.kill("SIGSTOP");
      await sleep(1000);
      child.process.kill("SIGCONT");
    },
  ),
  acting("no reader", "The reader of the output of the run closes it.", ["at once"], (child) => {
    child.process.stdout?.destroy();
    child.process.stderr?.destroy();
  }),
  {
    ...acting("second run", "A second run starts while the first one is active.", ["at once"], () => undefined),
    foreign: "runs",
    arm({ world, strike, wait }) {
      let second: Child | undefined;
      strike(async () => {
        second = startBillhouse(world.folder, ["run"], {}, { environment: { TMPDIR: world.scratch } });
        await sleep(1000);
      });
      wait(async () => {
        const ended = await second?.ended;
        // With DuckDB the second one waits for the lock, and with BigQuery the slower one of both can lose its months.
        const allowed = world.place.warehouse === "duckdb" ? [0] : [0, 1, 3];
        if (!allowed.includes(ended?.code ?? -1))
          throw new Error(`The second run ended with ${ended?.code}: ${ended?.stderr}`);
      });
    },
    ends: ["at once", "reported"],
  },
  {
    ...whole("clock behind", "The clock of the process is an hour behind."),
    arm: ({ start }) => void (start.task = { clock: { ahead: -hour } }),
  },
  {
    ...whole("clock ahead", "The clock of the process is a day ahead, and correct in the next run."),
    arm: ({ start }) => void (start.task = { clock: { ahead: day } }),
  },
  {
    ...whole("clock set back", "The clock of the previous run was a day ahead."),
    foreign: "runs",
    async arm({ world }) {
      const words = ["run", "--month", "2025-01"];
      const { code, stderr } = await runBillhouse(world.folder, words, { clock: { ahead: day } });
      if (code !== 0) throw new Error(stderr);
    },
  },
  {
    ...acting("clock jumps", "The clock of the process jumps back by an hour.", ["at once"], () => undefined),
    steps: steps.filter((step) => !["manifest", "delete", "insert"].includes(step)),
    otherwise: "the process changes its clock at named points, and neither warehouse has one there",
    arm({ world, step, start, points }) {
      const moment = momentOf(world.place, step, points);
      if (typeof moment === "string" || moment.kind !== "point") throw new TypeError(`${step} is not a point.`);
      start.task = { clock: { ahead: -hour, from: moment } };
    },
  },
];

function whole(name: string, does: string): Omit<Fault, "arm"> {
  const otherwise = "the clock is set for the whole run";
  return { name, does, places: [local, google], steps: ["list"], otherwise, ends: ["at once"], isProcess: true };
}

function acting(name: string, does: string, ends: readonly End[], act: (child: Child) => unknown): Fault {
  const arm = ({ strike }: Trial): void => {
    strike((child) => (child === undefined ? undefined : act(child)));
  };
  return { name, does, places: [local, google], steps, otherwise: "", ends, isProcess: true, arm };
}
