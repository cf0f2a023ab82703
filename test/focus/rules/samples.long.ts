import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { type Config, validate } from "../../../src/index.ts";
import { createProject, runWell } from "../../support/projects.ts";
import { samplesFolder } from "../../support/samples.ts";
import { caseWarehouses } from "../loaded-cases.ts";
import { nativeDefects } from "./native-defects.ts";

const versions = ["1.2", "1.4"] as const;

/** Sample deliveries: the bucket, the section of the export, its prefix and the name of the export. */
const deliveries: readonly (readonly [bucket: string, section: string, prefix: string, exportName: string])[] = [
  ["aws-cur1-csvgz-createnew/delivery-2", "aws_cur", "cur/v1", "nise-cur"],
  ["aws-cur1-csvgz-relocated-mirror", "aws_cur", "gcs-transfer/aws_cur", "aws-billing-csv"],
  ["aws-dataexport-cur2-parquet-overwrite", "aws_cur2", "exports", "cur2-parquet"],
  ["aws-dataexport-focus12-parquet-createnew", "aws_focus", "exports", "focus12"],
  ["azure-focus12-parquet-overwrite", "azure_focus", "focus", "focus12"],
  ["azure-actual-csvgz-createnew", "azure_actual", "exports", "nise-actual"],
];

for (const [bucket, section, prefix, exportName] of deliveries) {
  test(`the rules of FOCUS hold for the delivery ${bucket}, as far as its bill decides them`, async (t) => {
    const samples = samplesFolder(t);
    if (samples === undefined) return;
    const keys = { bucket_url: join(samples, "buckets", bucket), prefix, export_name: exportName };
    const project = await createProject(t, { [section]: keys });
    await runWell(project);
    await requireKnownFailures(project.config, bucket);
  });
}

test("the rules of FOCUS hold for the golden cases, as far as their bills decide them", async (t) => {
  const samples = samplesFolder(t);
  if (samples === undefined) return;
  for (const cloud of ["aws", "azure"]) {
    const folder = join(samples, "focus", cloud);
    for (const name of readdirSync(folder).filter((entry) => existsSync(join(folder, entry, "expected.json")))) {
      for (const file of ["billhouse.toml", "billhouse-cur2.toml"]) {
        if (!existsSync(join(folder, name, file))) continue;
        await t.test(`${name}, ${file}`, async (t: TestContext) => {
          const { config } = await caseWarehouses.DuckDB(t, join(folder, name), file);
          await requireKnownFailures(config, name);
        });
      }
    }
  }
});

/** Converted bills break no rule, and exports in FOCUS columns break those that are known as defects of the clouds. */
async function requireKnownFailures(config: Config, name: string): Promise<void> {
  for (const version of versions) {
    const { results, scores } = await validate(config, { version });
    assert.notDeepEqual(scores, [], "rows were checked");
    const failed = results.filter(({ verdict, parts }) => verdict === "fail" && parts === 0);
    const found = [...new Set(failed.map(({ rule, origin }) => `${rule} ${origin}`))].toSorted();
    assert.deepEqual(found, [...(nativeDefects[`${name} ${version}`] ?? [])].toSorted(), version);
    assert.ok(failed.every(({ examples, origin }) => examples.length > 0 && origin !== null));
  }
}
