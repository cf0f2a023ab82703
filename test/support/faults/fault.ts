import type { PointTask } from "./at-point.ts";
import type { Child, ChildOptions } from "./child.ts";
import type { Treatment } from "./proxy.ts";
import type { Place, Step } from "./steps.ts";
import type { PlaceWorld } from "./worlds.ts";

/**
 * How a run with a fault may end: as if nothing had happened; reported with a code, and repaired by the next run; not knowing
 * of it (an object that no listing names), and healed by the next run; killed or stopped, and healed by the next run.
 */
export type End = "at once" | "reported" | "unseen" | "killed" | "stopped";

/** A fault by name, where it can strike, and how. */
export interface Fault {
  readonly name: string;
  /** A sentence. */
  readonly does: string;
  readonly places: readonly Place[];
  readonly steps: readonly Step[];
  /** Why it strikes at no other step. */
  readonly otherwise: string;
  readonly ends: readonly End[];
  /** Whether the run is a process of its own. */
  readonly isProcess?: boolean;
  /** What of the books is another's: `runs` came in between, or all that was `loaded` before was taken away by hand. */
  readonly foreign?: "runs" | "loads";
  readonly arm: (trial: Trial) => void | Promise<void>;
}

/** A fault at one step in one place. */
export interface Case {
  readonly fault: Fault;
  readonly place: Place;
  readonly step: Step;
}

/** What a fault does its harm with. */
export interface Trial {
  readonly world: PlaceWorld;
  readonly step: Step;
  /** The points that an undisturbed run reaches, in order. */
  readonly points: readonly string[];
  /** Does this once, when the run comes to the step, which waits for it. In this process a point waits for no promise. */
  readonly strike: (act: (child: Child | undefined) => unknown) => void;
  /** The next so many questions of the step are treated like this (one; `Infinity` for all that follow). */
  readonly treat: (treatment: Treatment, times?: number) => void;
  /** Done after the run, before what it left is looked at: waits for what else is at work. */
  readonly wait: (act: () => Promise<unknown>) => void;
  /** Done after the run, before it is healed; what it gives must be true, or the fault has not happened. */
  readonly repair: (act: () => unknown) => void;
  /** How the process is started. */
  readonly start: { task: PointTask; options: ChildOptions };
}

/** What came of a trial. */
export interface Outcome {
  readonly end: End;
  /** Reported codes, in order, each once. */
  readonly codes: readonly string[];
}
