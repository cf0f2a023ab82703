import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { deliverRestatement, writeDemoBuckets } from "../../demo/buckets.ts";
import { temporaryFolder } from "../support/folders.ts";
import { createGoogleProject, uploadFolder } from "../support/google.ts";
import { createProject, type Project, runProject, type Sections } from "../support/projects.ts";
import { requireProvedView } from "../support/proved-view.ts";

/** A project in each warehouse over the files of a folder. */
const projects = {
  async DuckDB(t: TestContext, source: string, sections: Sections): Promise<Project> {
    const own = Object.entries(sections).map(([name, keys]) => [name, { ...keys, bucket_url: "bucket" }]);
    const project = await createProject(t, Object.fromEntries(own) as Sections);
    await cp(source, project.bucket, { recursive: true, preserveTimestamps: true });
    return project;
  },
  async BigQuery(t: TestContext, source: string, sections: Sections): Promise<Project> {
    const project = await createGoogleProject(t, sections);
    await uploadFolder(project, source);
    return project;
  },
} as const;

/** Loads everything without a warning, and proves the view; returns the sums that are not decidable. */
async function proved(project: Project): Promise<readonly string[]> {
  const { finished } = await runProject(project);
  assert.deepEqual(finished.warnings, []);
  assert.ok(finished.pipelines.every(({ loaded, failed }) => loaded.length > 0 && failed.length === 0));
  return requireProvedView(project.config);
}

for (const [warehouse, create] of Object.entries(projects)) {
  test(`the sums of the FOCUS view of the demo equal the receipts in ${warehouse}, also after its second delivery`, async (t) => {
    const folder = await temporaryFolder(t);
    const demo = join(folder, "demo");
    await writeDemoBuckets(demo);
    await deliverRestatement(demo);
    const clouds: readonly (readonly [bucket: string, sections: Sections])[] = [
      ["aws", { aws_cur: { prefix: "cur", export_name: "acme-cur" } }],
      [
        "azure",
        {
          azure_billing: { prefix: "exports", export_name: "acme-focus" },
          azure_actual: { prefix: "costs", export_name: "acme-actual" },
          azure_amortized: { prefix: "costs", export_name: "acme-amortized" },
        },
      ],
      ["saas", { lumen_ai: { prefix: "focus", kind: "focus-files" } }],
    ];
    for (const [bucket, sections] of clouds) {
      const project = await create(t, join(demo, "buckets", bucket), sections);
      assert.deepEqual(await proved(project), [], bucket);
    }
  });
}
