import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { doubleCounting } from "../../../src/pipeline/discover/scopes.ts";
import { selectOne, selectPipelines } from "../../../src/pipeline/months/select.ts";
import { azureDelivery, azureRows, curDelivery, curRows, deliver } from "../../support/deliveries.ts";
import { createProject, type Project, type Sections } from "../../support/projects.ts";
import { rejects } from "../../support/rejects.ts";

/** A bucket with an AWS export in `cur` and an Azure export in `exports`, and nothing in `empty`. */
async function project(t: TestContext, sections: Sections): Promise<Project> {
  const made = await createProject(t, sections);
  await deliver(made.bucket, curDelivery({ month: "2025-01", id: "one", files: [curRows("2025-01", "1")] }));
  await deliver(made.bucket, azureDelivery({ month: "2025-01", id: "run", files: [azureRows("2025-01", "2")] }));
  return made;
}

async function names(made: Project, ...words: readonly string[]): Promise<string[]> {
  return (await selectPipelines(made.config, words)).map(({ name }) => name);
}

describe("a cloud selects", () => {
  test("sections by their kind, their name, and the export in their storage", async (t) => {
    const made = await project(t, {
      acme: { bucket_url: "bucket", prefix: "cur" },
      costs: { bucket_url: "bucket", prefix: "exports" },
      aws_cur: { bucket_url: "nowhere" },
      bills: { bucket_url: "nowhere", kind: "azure-cost" },
      azure_of_aws: { bucket_url: "bucket", prefix: "exports", table_name: "mirrored" },
      later: { bucket_url: "bucket", prefix: "empty" },
    });
    assert.deepEqual(await names(made, "aws"), ["acme", "aws_cur"]);
    assert.deepEqual(await names(made, "azure"), ["costs", "bills", "azure_of_aws"]);
    assert.deepEqual(await names(made, "later", "aws"), ["acme", "aws_cur", "later"]);
  });

  test("a section whose storage cannot be listed, so that its error is reported", async (t) => {
    const made = await project(t, {
      acme: { bucket_url: "bucket", prefix: "cur" },
      broken: { bucket_url: "nowhere" },
    });
    assert.deepEqual(await names(made, "aws"), ["acme", "broken"]);
  });

  test("nothing where no export of it is found, and the error does not suggest the word itself", async (t) => {
    const made = await project(t, { acme: { bucket_url: "bucket", prefix: "cur" } });
    const error = await rejects(selectPipelines(made.config, ["azure"]), "USAGE_INVALID");
    assert.equal(error.message, "No export of the cloud azure was found.");
    assert.doesNotMatch(error.hint, /Did you mean/);
    assert.match(error.hint, /Configured: acme\./);
  });
});

test("a mistyped export is listed with the nearest one, and a long list is counted", async (t) => {
  const sections = Array.from({ length: 20 }, (_, index) => [`team_${index}`, { bucket_url: "bucket" }] as const);
  const made = await project(t, Object.fromEntries(sections));
  const { hint } = await rejects(selectPipelines(made.config, ["taem_3"]), "USAGE_INVALID");
  assert.match(hint, /^Did you mean team_3\? Configured: team_0, .*team_9, and 10 more\./);
});

test("a word for several exports is refused where one is needed", async (t) => {
  const made = await project(t, {
    acme: { bucket_url: "bucket", prefix: "cur" },
    aws_cur: { bucket_url: "bucket", prefix: "cur" },
  });
  const { message, hint } = await rejects(selectOne(made.config, "aws"), "USAGE_INVALID");
  assert.equal(message, "aws names several exports: acme, aws_cur.");
  assert.equal(hint, "Choose one of them, such as acme.");
  assert.equal((await selectOne(made.config, "acme")).name, "acme");
});

test("charges are counted twice only in the months that exports share", () => {
  const exportOf = (name: string, months: readonly string[], scope = "0042") => ({ name, cloud: "aws", scope, months });
  const notesOf = (...exports: ReturnType<typeof exportOf>[]): Record<string, readonly string[]> =>
    Object.fromEntries(doubleCounting(exports));
  const legacy = exportOf("legacy", ["2025-01", "2025-02", "2025-03"]);
  assert.deepEqual(notesOf(legacy, exportOf("cur2", ["2025-04"])), {});
  assert.deepEqual(notesOf(legacy, exportOf("other", ["2025-01"], "0043")), {});
  const { legacy: both = [] } = notesOf(
    legacy,
    exportOf("cur2", ["2025-02", "2025-03", "2025-04"]),
    exportOf("focus", ["2025-03"]),
  );
  assert.deepEqual(both, [
    "Holds the charges of 0042 in 2025-02 to 2025-03, as cur2 does: adding them up counts these costs more than once.",
    "Holds the charges of 0042 in 2025-03, as focus does: adding them up counts these costs more than once.",
  ]);
});
