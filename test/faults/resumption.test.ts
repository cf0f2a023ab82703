import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { curColumns, curDelivery, curRows, deliver } from "../support/deliveries.ts";
import { createProject, curSection, runWell, type Project } from "../support/projects.ts";
import { runBillhouse } from "../support/faults/child.ts";

const [team, owner] = ["resourceTags/user:team", "resourceTags/user:owner"];

/** March brings one column and January another; both exist from the beginning. */
async function deliverBoth(project: Project): Promise<void> {
  for (const [month, column] of [
    ["2025-01", owner],
    ["2025-03", team],
  ] as const) {
    const columns = [...curColumns, column];
    await deliver(project.bucket, curDelivery({ month, id: month, files: [curRows(month, "1")], columns }));
  }
}

describe("what a receipt says of columns", () => {
  test("is what the killed run would have said, when the next one loads the month", async (t) => {
    const project = await createProject(t, curSection);
    await deliver(project.bucket, curDelivery({ month: "2025-02", id: "old", files: [curRows("2025-02", "1")] }));
    await runWell(project);
    await deliverBoth(project);
    // The first commit loads March with its columns, and the second one would load January.
    const killed = await runBillhouse(project.folder, ["run"], { kill: { point: "before-commit", nth: 2 } });
    assert.equal(killed.signal, "SIGKILL");
    const { loaded } = await runWell(project);
    assert.deepEqual(
      loaded.map(({ billingMonth, schemaChanges }) => [billingMonth, schemaChanges]),
      [["2025-01", ["Column resource_tags_user_owner was added (text)."]]],
    );
  });

  test("reads the current table if an earlier run finished", async (t) => {
    const project = await createProject(t, curSection);
    await deliverBoth(project);
    await runWell(project, { months: { only: ["2025-03"] } });
    const { loaded } = await runWell(project);
    assert.deepEqual(
      loaded.map(({ billingMonth, schemaChanges }) => [billingMonth, schemaChanges]),
      [
        [
          "2025-01",
          [
            "Column resource_tags_user_team is missing and will be NULL.",
            "Column resource_tags_user_owner was added (text).",
          ],
        ],
      ],
    );
  });
});
