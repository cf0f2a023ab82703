/*
 * What every run needs of this driver. The driver imports it when it is needed: one file takes less time to load than six.
 */
export { readCurrentState, readHistory, readLedger, takeCommitLock, writePackage } from "./ledger.ts";
export { createPublisher } from "./publish.ts";
export { rebuildMonth } from "./rollups.ts";
export { prepareState, prepareTable } from "./schema.ts";
export { writeNote } from "./view-note.ts";
export { compareViews, refreshViews } from "./views.ts";
