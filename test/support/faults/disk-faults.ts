import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { runBillhouse } from "./child.ts";
import { targets } from "./bills.ts";
import { limitFiles } from "./runs.ts";
import { local, steps } from "./steps.ts";
import type { End, Fault, Trial } from "./fault.ts";

const either: readonly End[] = ["at once", "reported"];
const nobody = 65_534;

/** What happens to the files of a DuckDB database, and of bills beside it. */
export const diskFaults: readonly Fault[] = [
  {
    ...always("full disk", "No file can grow from now on.", either),
    isProcess: true,
    arm({ strike }) {
      strike((child) => {
        if (child !== undefined) limitFiles(child.process, 0);
      });
    },
  },
  {
    ...always("full for a moment", "No file can grow for half a second.", either),
    isProcess: true,
    arm({ strike }) {
      strike((child) => {
        if (child === undefined) return;
        limitFiles(child.process, 0);
        setTimeout(() => {
          if (child.process.exitCode === null) limitFiles(child.process, undefined);
        }, 500);
      });
    },
  },
  {
    ...bound("database read-only", "The database is read-only."),
    steps: ["list"],
    otherwise: "the file is open by then",
    arm: (trial) => asNobody(trial, () => chmodSync(join(trial.world.folder, "billhouse.duckdb"), 0o444), "at start"),
  },
  {
    ...bound("folder read-only", "The folder of the database is read-only."),
    arm: (trial) => asNobody(trial, () => chmodSync(trial.world.folder, 0o555)),
  },
  {
    ...bound("file unreadable", "A file of the bill cannot be read."),
    arm: (trial) => asNobody(trial, () => chmodSync(join(trial.world.folder, "bills", targets.file), 0)),
  },
  {
    ...always("read copy blocked", "The read copy cannot be replaced because there is a folder with its name.", either),
    arm({ world, strike, repair }) {
      const copy = join(world.folder, "billhouse.read.duckdb");
      strike(() => {
        rmSync(copy, { force: true });
        mkdirSync(join(copy, "full"), { recursive: true });
      });
      repair(() => rmSync(copy, { recursive: true, force: true }));
    },
  },
  {
    ...always("scratch gone", "The folder for temporary files is emptied.", either),
    arm({ world, strike }) {
      strike(() => {
        const scratch = join(world.folder, "billhouse.duckdb.tmp");
        for (const name of readdirSync(world.folder)) {
          if (name === "billhouse.duckdb.tmp") rmSync(scratch, { recursive: true });
        }
      });
    },
  },
  {
    ...always("locked", "Another process has the database open.", ["reported"]),
    steps: ["list"],
    otherwise: "the run holds the lock by then",
    isProcess: true,
    async arm({ world, wait }) {
      const other = await DuckDBInstance.create(join(world.folder, "billhouse.duckdb"));
      wait(async () => other.closeSync());
    },
  },
  {
    ...always("log left", "The previous run was killed and has left a write-ahead log.", ["at once"]),
    steps: ["list"],
    otherwise: "it exists from the beginning",
    async arm({ world }) {
      // Behind a commit, and before the checkpoint that follows it.
      await runBillhouse(world.folder, ["run"], { kill: { point: "after-commit", nth: 2 } });
      if (!readdirSync(world.folder).includes("billhouse.duckdb.wal")) throw new Error("There is no log.");
    },
  },
];

function always(name: string, does: string, ends: readonly End[]): Omit<Fault, "arm"> {
  return {
    name,
    does,
    places: [local],
    steps: steps.filter((step) => step !== "manifest"),
    otherwise: "a run on a folder does not reach that point",
    ends,
  };
}

function bound(name: string, does: string): Omit<Fault, "arm"> {
  return { ...always(name, does, either), isProcess: true };
}

/** Removes permissions from a run; root starts it as `nobody`, because permissions do not apply to root. */
function asNobody(
  { world, start, strike, repair }: Trial,
  takeAway: () => void,
  when: "at start" | "at the step" = "at the step",
): void {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) {
    for (const folder of [world.folder, world.scratch]) spawnSync("chown", ["-R", String(nobody), folder]);
    start.options = { user: nobody };
  }
  if (when === "at start") takeAway();
  else strike(takeAway);
  repair(() => {
    spawnSync("chmod", ["-R", "u+rwX", world.folder]);
    if (isRoot) spawnSync("chown", ["-R", "0", world.folder, world.scratch]);
  });
}
