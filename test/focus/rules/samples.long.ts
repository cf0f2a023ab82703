import { join } from "node:path";
import { test } from "node:test";

import { createProject, runWell } from "../../support/projects.ts";
import { samplesFolder } from "../../support/samples.ts";
import { requireKnownFailures } from "./known-failures.ts";

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
