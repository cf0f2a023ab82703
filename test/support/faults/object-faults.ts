import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { targets } from "./bills.ts";
import { amazon, google, local, steps, type Place, type Step } from "./steps.ts";
import type { End, Fault, Trial } from "./fault.ts";

const places = [local, amazon, google];
const untilCommit = steps.slice(0, steps.indexOf("summary"));
const late = "the month is committed by then";
const ends: readonly End[] = ["at once", "reported"];

/** Objects that are not what the listing said any more when they are read, or looked at again. */
export const objectFaults: readonly Fault[] = [
  changed("file changed", "A file is overwritten with other bytes.", "file", ({ world }, key) => {
    world.bucket.put(key, Buffer.alloc(world.bucket.bytes(key).length, "other"));
  }),
  changed("file cut", "A file loses its second half.", "file", ({ world }, key) => {
    world.bucket.put(key, world.bucket.bytes(key).subarray(0, world.bucket.bytes(key).length >> 1));
  }),
  changed("file removed", "A file is deleted.", "file", ({ world }, key) => world.bucket.remove(key)),
  changed("file again", "A file is written again with the same bytes.", "file", ({ world }, key) => {
    world.bucket.put(key, world.bucket.bytes(key));
  }),
  changed("manifest changed", "A manifest is overwritten with other text.", "manifest", ({ world }, key) => {
    world.bucket.put(key, Buffer.from('{"assemblyId": "'));
  }),
  changed("manifest removed", "A manifest is deleted.", "manifest", ({ world }, key) => world.bucket.remove(key), [
    ...ends,
    "unseen",
  ]),
  {
    ...changed("a folder", "A file is replaced by a folder.", "file", ({ world }, key) => {
      world.bucket.remove(key);
      mkdirSync(join(world.folder, "bills", key));
    }),
    places: [local],
    ends: [...ends, "unseen"],
  },
  during("changed while read", "A file or manifest is overwritten when half of it has been read.", ({ world }, key) => {
    world.bucket.put(key, Buffer.alloc(world.bucket.bytes(key).length, "other"));
  }),
  during("removed while read", "A file or manifest is deleted when half of it has been read.", ({ world }, key) => {
    world.bucket.remove(key);
  }),
];

function changed(
  name: string,
  does: string,
  target: keyof typeof targets,
  change: (trial: Trial, key: string) => void,
  allowed: readonly End[] = [...ends, "unseen"],
): Fault {
  return {
    name,
    does,
    places,
    steps: untilCommit,
    otherwise: late,
    ends: allowed,
    arm: armWith(targets[target], change),
  };
}

function armWith(key: string, change: (trial: Trial, key: string) => void): (trial: Trial) => void {
  return (trial) => {
    const whole = Buffer.from(trial.world.bucket.bytes(key));
    trial.strike(() => change(trial, key));
    trial.repair(() => trial.world.bucket.put(key, whole));
  };
}

function during(name: string, does: string, change: (trial: Trial, key: string) => void): Fault {
  const read: readonly Step[] = ["manifest", "header", "read"];
  const arm = (trial: Trial): void => {
    const key = trial.step === "manifest" ? targets.manifest : targets.file;
    const whole = Buffer.from(trial.world.bucket.bytes(key));
    trial.treat({ between: () => change(trial, key) });
    trial.repair(() => trial.world.bucket.put(key, whole));
  };
  const behindNetwork: readonly Place[] = [amazon, google];
  return { name, does, places: behindNetwork, steps: read, otherwise: "nothing is read then", ends, arm };
}
