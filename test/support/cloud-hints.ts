import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { readFile, rename, writeFile } from "node:fs/promises";
import type { ErrorCode } from "../../src/errors.ts";
import { account, startAzurite } from "../servers/azurite.ts";
import { type Delivery, curDelivery, curRows, deliver } from "./deliveries.ts";
import { withRights } from "./folders.ts";
import { createGoogleProject, exportBucket, googleToml, upload } from "./google.ts";
import { failing, type Trial, works } from "./hints.ts";
import { createProject, curSection } from "./projects.ts";

const section = { aws_cur: { prefix: "cur" } };

const bill: Delivery = curDelivery({ month: "2025-01", id: "20250203T000000Z", files: [curRows("2025-01", "1", "2")] });

/** The permissions of the roles that hints name, as far as billhouse needs them: https://cloud.google.com/iam/docs/roles-permissions */
const roles: Readonly<Record<string, readonly string[]>> = {
  "roles/bigquery.jobUser": ["bigquery.jobs.create"],
  "roles/bigquery.user": ["bigquery.jobs.create", "bigquery.datasets.create"],
  "roles/bigquery.dataEditor": ["bigquery.tables.create", "bigquery.tables.getData", "bigquery.tables.updateData"],
  "Storage Object Viewer": ["storage.objects.get", "storage.objects.list"],
};

type CloudCode = Extract<
  ErrorCode,
  | "CREDENTIALS_INVALID"
  | "FOCUS_LOCATION"
  | "LOCATION_MISMATCH"
  | "PARTITION_EXPIRED"
  | "STORAGE_DENIED"
  | "STORAGE_UNAVAILABLE"
  | "WAREHOUSE_DENIED"
  | "WAREHOUSE_UNAVAILABLE"
>;

/** The trials of hints that need a cloud: on the strict servers, and on Azurite. */
export const cloudTrials: Readonly<Record<CloudCode, Trial>> = {
  CREDENTIALS_INVALID: async (t) => {
    const azurite = await startAzurite();
    t.after(() => azurite.close());
    const container = await azurite.container();
    for (const [key, bytes] of bill.objects) await container.getBlockBlobClient(key).uploadData(Buffer.from(bytes));
    const address = { bucket_url: `az://${account}/${container.containerName}`, endpoint: azurite.endpoint };
    const project = await createProject(t, { aws_cur: { ...curSection["aws_cur"], ...address } });
    const hint = await failing(project, "CREDENTIALS_INVALID", "plan");
    const variable = /^Set (\w+) or/.exec(hint)?.[1] ?? "";
    const wrong = azurite.connectionString.replace(/AccountKey=[^;]+/, "AccountKey=d3Jvbmc=");
    const rejected = { ...project, environment: { [variable]: wrong } };
    assert.match(await failing(rejected, "CREDENTIALS_INVALID", "plan"), new RegExp(variable));
    await works({ ...project, environment: { [variable]: azurite.connectionString } }, "plan");
  },
  FOCUS_LOCATION: async (t) => {
    const exports = { ...section, aws_second: { ...section["aws_cur"], dataset: "bills_us" } };
    const project = await createGoogleProject(t, exports);
    upload(project, bill);
    project.bigquery.createDataset("billing_data", { project: "acme", location: "EU" });
    project.bigquery.createDataset("bills_us", { project: "acme", location: "US" });
    const hint = /Load the export into a dataset in the same location/;
    assert.match(await failing(project, "FOCUS_LOCATION", "run"), hint);
    const source = await readFile(join(project.folder, "billhouse.toml"), "utf8");
    const [first = "", ...rest] = source.split("[sources.aws_second]");
    const [second = "", destination = ""] = rest.join("").split("[destination.bigquery]");
    const others = { first, second: `[focus]\ndataset = "focus_us"\n[sources.aws_second]${second}` };
    for (const [name, sections] of Object.entries(others)) {
      const file = `${name}.toml`;
      await writeFile(join(project.folder, file), `${sections}[destination.bigquery]${destination}`);
      assert.doesNotMatch(await works(project, "run", "--config", file), hint);
    }
  },
  LOCATION_MISMATCH: async (t) => {
    const project = await createGoogleProject(t, section);
    for (const location of ["EU", "US"]) {
      project.bigquery.createDataset(`bills_${location}`, { project: "acme", location });
      await project.bigquery.rows(`CREATE TABLE bills_${location}.t AS SELECT 1 AS n`, "acme");
    }
    const both = "SELECT n FROM bills_EU.t UNION ALL SELECT n FROM bills_US.t";
    assert.match(await failing(project, "LOCATION_MISMATCH", "query", both), /Split it into one query per location\.$/);
    for (const query of both.split(" UNION ALL ")) await works(project, "query", query);
  },
  PARTITION_EXPIRED: async (t) => {
    const project = await createGoogleProject(t, section);
    upload(project, bill);
    await works(project, "run");
    const [dataset, name, owner] = ["billing_data", "aws_cur_data", "acme"];
    const table = project.bigquery.table(dataset, name, owner) ?? assert.fail();
    assert.ok(table.timePartitioning);
    table.timePartitioning = { ...table.timePartitioning, expirationMs: `${60 * 86_400_000}` };
    for (const change of ["time_partitioning_expiration", "expiration"]) {
      const hint = await failing(project, "PARTITION_EXPIRED", "run", "--force");
      assert.equal(hint, `Run \`bq update --${change} 0 acme:billing_data.aws_cur_data\`, then run again.`);
      // What bq sends for these flags.
      const body =
        change === "expiration"
          ? { expirationTime: null }
          : { timePartitioning: { ...table.timePartitioning, expirationMs: null } };
      const address = `${project.bigquery.endpoint}/bigquery/v2/projects/${owner}/datasets/${dataset}/tables/${name}`;
      const changed = await fetch(address, { method: "PATCH", body: JSON.stringify(body) });
      assert.equal(changed.status, 200, await changed.text());
      await works(project, "run", "--force");
      table.expirationTime = `${Date.now() + 86_400_000}`;
    }
  },
  STORAGE_DENIED: async (t) => {
    const project = await createGoogleProject(t, section);
    upload(project, bill);
    project.gcs.deny(exportBucket, true);
    const command = /`gcloud storage buckets add-iam-policy-binding gs:\/\/(\S+) .*objectViewer`/i;
    const granted = command.exec(await failing(project, "STORAGE_DENIED", "run"))?.[1] ?? "";
    project.gcs.deny(granted, false);
    await works(project, "run");
    const local = await createProject(t, curSection);
    await deliver(local.bucket, bill);
    await withRights(local.bucket, 0o000, async () => {
      assert.match(await failing(local, "STORAGE_DENIED", "plan"), /^Grant read permission .* \(chmod/);
    });
    await works(local, "run");
  },
  STORAGE_UNAVAILABLE: async (t) => {
    // That a run works after the last retry failed, is shown by test/storages/gcs.test.ts with shorter delays.
    const project = await createGoogleProject(t, section);
    upload(project, bill);
    const proxy = createServer((_, response) => response.end("<html>Sign in</html>"));
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    t.after(() => proxy.close());
    const page = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const file = join(project.folder, "billhouse.toml");
    await rename(file, `${file}.right`);
    await writeFile(file, googleToml(section, page, project.bigquery.endpoint));
    assert.match(await failing(project, "STORAGE_UNAVAILABLE", "run"), /Check your network, and endpoint if it is set/);
    await rename(`${file}.right`, file);
    await works(project, "run");
  },
  WAREHOUSE_DENIED: async (t) => {
    const project = await createGoogleProject(t, section);
    upload(project, bill);
    // The dataset is created by the first run.
    const needed = [
      "bigquery.datasets.create",
      "bigquery.jobs.create",
      "storage.objects.get",
      "bigquery.tables.getData",
    ];
    for (const permission of needed) {
      project.bigquery.deny(permission);
      const hint = await failing(project, "WAREHOUSE_DENIED", "run", "--force");
      const role = /--role=([\w/.]+)/.exec(hint)?.[1] ?? /the role ([\w ]+) on/.exec(hint)?.[1] ?? "";
      assert.ok(roles[role]?.includes(permission), `${permission}: ${hint}`);
      project.bigquery.allow(...(roles[role] ?? []));
      await works(project, "run", "--force");
    }
    const local = await createProject(t, curSection);
    await deliver(local.bucket, bill);
    await withRights(local.folder, 0o555, async () => {
      const hint = await failing(local, "WAREHOUSE_DENIED", "run");
      assert.match(hint, /^Check the permissions of the file and its folder\.$/);
    });
    await works(local, "run");
  },
  WAREHOUSE_UNAVAILABLE: async (t) => {
    const project = await createGoogleProject(t, section);
    upload(project, bill);
    const quota = project.bigquery.fault({ on: "jobs.insert", kind: "quotaExceeded", times: 1000 });
    assert.match(await failing(project, "WAREHOUSE_UNAVAILABLE", "run"), /^Run again when the quota has been reset/);
    quota.release();
    await works(project, "run");
  },
};
