import type { RunCounts } from "./requests.ts";

/** What the figures before are. */
export const beforeMeans = "Before: commit 997201f, on the same machine.";

/** What the bench measured with that version. */
export const before: {
  readonly commands: Readonly<Record<string, number>>;
  readonly firstRun: RunCounts;
  readonly idleRun: RunCounts;
} = {
  commands: {
    "`--help`": 0.07,
    '`query "SELECT 1"`': 0.24,
    "`run`, nothing to load": 0.66,
    "`plan`": 0.56,
    "`status`": 0.59,
  },
  firstRun: { bigquery: 1366, storage: 347, seconds: 12.5 },
  idleRun: { bigquery: 100, storage: 25, seconds: 0.8 },
};
