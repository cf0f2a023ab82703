import { channel } from "node:diagnostics_channel";

/**
 * The moments around a commit that are told on the diagnostics channel `billhouse:point`, as `{name}`, while they
 * happen: what a subscriber does (a test kills the process) is done before the next step.
 */
export type Point = "before-commit" | "after-commit" | "before-publish" | "after-publish-copy";

const points = channel("billhouse:point");

/** Tells that a point is reached. Costs nothing when nobody listens. */
export function reachPoint(name: Point): void {
  if (points.hasSubscribers) points.publish({ name });
}
