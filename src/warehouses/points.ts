import { channel } from "node:diagnostics_channel";

/**
 * The moments of a run that are published on the diagnostics channel `billhouse:point`, as `{name}`, while they happen:
 * the action of a subscriber (a test kills the process) finishes before the next step. They are in the order in which a
 * load first reaches them; on BigQuery, a month is measured before the table is prepared. Every commit of a warehouse has
 * its two ends here.
 */
export const pointNames = [
  "opened",
  "planned",
  "headers-read",
  "file-checked",
  "staged-file",
  "prepared",
  "before-delete",
  "after-delete",
  "batch-inserted",
  "measured",
  "before-commit",
  "job-inserted",
  "after-commit",
  "staging-dropped",
  "before-publish",
  "after-publish-copy",
  "after-publish",
] as const;

/** A moment of a run. */
export type Point = (typeof pointNames)[number];

const points = channel("billhouse:point");

/** Publishes that a point is reached. Costs nothing without a subscriber. */
export function reachPoint(name: Point): void {
  if (points.hasSubscribers) points.publish({ name });
}
