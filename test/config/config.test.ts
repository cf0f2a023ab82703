import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import { rejects } from "../support/rejects.ts";
import { type Config } from "../../src/config/config.ts";
import { readAddress } from "../../src/config/address.ts";
import { loadConfig } from "../../src/config/reading.ts";
import { BillhouseError } from "../../src/errors.ts";

const folders: string[] = [];
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

type Files = Readonly<Record<string, string>>;
type Environment = Readonly<Record<string, string>>;

const bigqueryDefaults = {
  kind: "bigquery",
  projectId: null,
  jobProjectId: null,
  location: "US",
  stagingBucket: null,
  kmsKeyName: null,
  maximumBytesBilled: null,
  endpoint: null,
  storageEndpoint: null,
  credentials: null,
};

const storage = { endpoint: null, payer: null, googleCredentials: null, azureCredentials: null };

const keySection = `
  [destination.bigquery.credentials]
  project_id = "p"
  client_email = "loader@p.iam.gserviceaccount.com"
  private_key = "hunter2"
`;

const key = {
  type: "service_account",
  project_id: "p",
  client_email: "loader@p.iam.gserviceaccount.com",
  private_key: "hunter2\n",
};

async function folderWith(files: Files): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "billhouse-config-"));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

async function load(files: Files, environment: Environment = {}, file?: string): Promise<[Config, string]> {
  const folder = await folderWith(files);
  return [await loadConfig({ folder, environment, ...(file === undefined ? {} : { file }) }), folder];
}

async function failure(files: Files, environment: Environment = {}, file?: string): Promise<BillhouseError> {
  try {
    await load(files, environment, file);
  } catch (error) {
    assert.ok(error instanceof BillhouseError, String(error));
    assert.equal(error.code, "CONFIG_INVALID");
    return error;
  }
  throw new assert.AssertionError({ message: "The configuration was accepted." });
}

const smallest = '[sources.aws_cur]\nbucket_url = "gs://acme"\n';

describe("billhouse.toml", () => {
  test("the smallest one has every default", async () => {
    const [config, folder] = await load({ "billhouse.toml": smallest });
    assert.deepEqual(config, {
      file: join(folder, "billhouse.toml"),
      pipelines: [
        {
          name: "aws_cur",
          bucketUrl: "gs://acme",
          prefix: "",
          exportName: null,
          tableName: "aws_cur_data",
          dataset: "billing_data",
          kind: null,
          partitionColumn: null,
          firstMonth: null,
          unpackedLimit: null,
          projectId: null,
          keepPrevious: 0,
          settle: 1_800_000,
          activeFrom: null,
          activeTo: null,
          nullValues: [],
          storage,
        },
      ],
      warehouse: {
        kind: "duckdb",
        path: join(folder, "billhouse.duckdb"),
        storageVersion: "v1.3.0",
        memoryLimit: null,
        threads: null,
      },
      notify: null,
      focus: { dataset: "billing_focus", accounts: null, tags: [], placeholders: [], tables: [] },
      budgets: { file: null },
    });
  });

  test("[focus.tables] takes the addresses of tables that others fill", async () => {
    const focus = async (toml: string): Promise<unknown> =>
      (await load({ "billhouse.toml": `${smallest}${toml}\n` }))[0].focus.tables;
    assert.deepEqual(
      await focus(
        '[focus.tables.gcp]\ntable = "acme-billing.gcp.focus_01-A"\n[focus.tables.lake]\ntable = "lake.costs"',
      ),
      [
        { name: "gcp", project: "acme-billing", dataset: "gcp", table: "focus_01-A" },
        { name: "lake", project: null, dataset: "lake", table: "costs" },
      ],
    );
    const [{ focus: variables }] = await load({ "billhouse.toml": smallest }, { FOCUS__TABLES: "gcp=a.b.c, lake=b.c" });
    assert.deepEqual(variables.tables, [
      { name: "gcp", project: "a", dataset: "b", table: "c" },
      { name: "lake", project: null, dataset: "b", table: "c" },
    ]);
    await rejects(load({ "billhouse.toml": smallest }, { FOCUS__TABLES: "a.b.c" }), "CONFIG_INVALID", "FOCUS__TABLES");
    for (const wrong of ['table = "costs"', 'table = "a.b`c"', 'tables = "a.b"', 'table = "a.b"\nother = 1']) {
      await rejects(focus(`[focus.tables.gcp]\n${wrong}`), "CONFIG_INVALID", "tables", "[focus.tables.gcp]");
    }
  });

  test("[focus] takes the keys of tags as a list, or with their spellings", async () => {
    const focus = async (toml: string): Promise<unknown> =>
      (await load({ "billhouse.toml": `${smallest}[focus]\n${toml}\n` }))[0].focus;
    const defaults = { dataset: "billing_focus", accounts: null, placeholders: [], tables: [] };
    assert.deepEqual(await focus('tags = ["team"]'), { ...defaults, tags: [{ key: "team", spellings: [] }] });
    assert.deepEqual(await focus('[focus.tags]\nteam = ["Team"]'), {
      ...defaults,
      tags: [{ key: "team", spellings: ["Team"] }],
    });
    const [{ focus: variables }, folder] = await load(
      { "billhouse.toml": smallest },
      { FOCUS__TAGS: "team,env", FOCUS__ACCOUNTS: "a.csv", FOCUS__DATASET: "f" },
    );
    const keys = ["team", "env"].map((key) => ({ key, spellings: [] }));
    assert.deepEqual(variables, {
      dataset: "f",
      accounts: join(folder, "a.csv"),
      tags: keys,
      placeholders: [],
      tables: [],
    });
    for (const wrong of ['tags = ["a b"]', 'tags = ["a", "A"]', "tags = 1"]) {
      await rejects(load({ "billhouse.toml": `${smallest}[focus]\n${wrong}\n` }), "CONFIG_INVALID", "tags");
    }
  });

  test("[focus] takes words that mean that a tag is not set", async () => {
    const [{ focus }] = await load({ "billhouse.toml": `${smallest}[focus]\nplaceholders = ["None", " n/a"]\n` });
    assert.deepEqual(focus.placeholders, ["none", "n/a"]);
    const [{ focus: given }] = await load({ "billhouse.toml": smallest }, { FOCUS__PLACEHOLDERS: "none,n/a" });
    assert.deepEqual(given.placeholders, ["none", "n/a"]);
    await rejects(load({ "billhouse.toml": `${smallest}[focus]\nplaceholders = [" "]\n` }), "CONFIG_INVALID");
  });

  test("[budgets] names a file, relative to the configuration", async () => {
    const [{ budgets }, folder] = await load({ "billhouse.toml": `${smallest}[budgets]\nfile = "budgets.csv"\n` });
    assert.deepEqual(budgets, { file: join(folder, "budgets.csv") });
    const [{ budgets: given }] = await load({ "billhouse.toml": smallest }, { BUDGETS__FILE: "/lists/b.csv" });
    assert.deepEqual(given, { file: "/lists/b.csv" });
    await rejects(load({ "billhouse.toml": `${smallest}[budgets]\nfile = 1\n` }), "CONFIG_INVALID");
  });

  test("[notify] takes a line for the shell, or a program with its arguments", async () => {
    const notify = async (toml: string): Promise<unknown> =>
      (await load({ "billhouse.toml": `${smallest}[notify]\n${toml}\n` }))[0].notify;
    assert.deepEqual(
      { ...((await notify('command = "./notify.sh"')) as object), folder: "" },
      { command: "./notify.sh", folder: "", maxAge: null },
    );
    assert.deepEqual(
      { ...((await notify('command = ["python3", "notify.py"]\nmax_age = "36h"')) as object), folder: "" },
      { command: ["python3", "notify.py"], folder: "", maxAge: 129_600 },
    );
    const [{ notify: variables }, folder] = await load(
      { "billhouse.toml": smallest },
      { NOTIFY__COMMAND: "true", NOTIFY__MAX_AGE: "3d", NOTIFY__SOCKET: "/run/other" },
    );
    assert.deepEqual(variables, { command: "true", folder, maxAge: 259_200 });
    for (const [toml, sentence] of Object.entries({
      'max_age = "3d"': /\[notify\] is missing "command"/,
      "command = 5": /"command" in \[notify\] must be a command as text, or a list/,
      'command = [""]': /"command" in \[notify\] must be a command/,
      'command = "true"\nmax_age = "long"': /"max_age" in \[notify\] must be a duration/,
      'comand = "true"': /unknown key "comand" in \[notify\]; did you mean "command"/,
    })) {
      assert.match((await failure({ "billhouse.toml": `${smallest}[notify]\n${toml}\n` })).message, sentence, toml);
    }
  });

  test("every key is read", async () => {
    const [config, folder] = await load({
      "billhouse.toml": `
        [sources.azure_billing]
        bucket_url = "az://account/container"
        prefix = "/exports/focus/"
        export_name = "focus"
        table_name = "azure_focus"
        dataset = "azure"
        kind = "azure-cost"
        partition_column = "billing_month"
        first_month = "2025-01"
        unpacked_limit = "64 GiB"
        keep_previous = 1
        settle = "2h"
        active_from = "2025-01-10"
        active_to = "2025-03-31"
        null_values = ["None", "n/a"]

        [destination.duckdb]
        path = "data/bills.duckdb"
        storage_version = "latest"
        memory_limit = "4GB"
        threads = 2
      `,
    });
    assert.deepEqual(config.pipelines, [
      {
        name: "azure_billing",
        bucketUrl: "az://account/container",
        prefix: "exports/focus",
        exportName: "focus",
        tableName: "azure_focus",
        dataset: "azure",
        kind: "azure-cost",
        partitionColumn: "billing_month",
        firstMonth: "2025-01",
        unpackedLimit: 64 * 1024 ** 3,
        projectId: null,
        keepPrevious: 1,
        settle: 7_200_000,
        activeFrom: "2025-01-10",
        activeTo: "2025-03-31",
        nullValues: ["None", "n/a"],
        storage,
      },
    ]);
    assert.deepEqual(config.warehouse, {
      kind: "duckdb",
      path: join(folder, "data/bills.duckdb"),
      storageVersion: "latest",
      memoryLimit: "4GB",
      threads: 2,
    });
  });

  const addresses: Readonly<Record<string, readonly [url: string, prefix: string]>> = {
    'bucket = "acme"': ["gs://acme", "p"],
    'bucket_url = "gs://acme"': ["gs://acme", "p"],
    'bucket_url = "gs://acme/"': ["gs://acme", "p"],
    'bucket_url = "s3://acme/deep/er"': ["s3://acme", "deep/er/p"],
    'bucket_url = "az://account/container/deep"': ["az://account/container", "deep/p"],
    'bucket_url = "file:///data/my%20bills"': ["/data/my bills", "p"],
    'bucket_url = "/data/bills/"': ["/data/bills", "p"],
  };
  for (const [line, [url, prefix]] of Object.entries(addresses)) {
    test(`${line} means ${url}`, async () => {
      const [config] = await load({ "billhouse.toml": `[sources.a]\nprefix = "p/"\n${line}\n` });
      assert.deepEqual([config.pipelines[0]?.bucketUrl, config.pipelines[0]?.prefix], [url, prefix]);
    });
  }

  test("relative paths start from the file, wherever it is named from", async () => {
    const text = '[sources.a]\nbucket_url = "bucket"\n';
    const [config, folder] = await load({ "deep/prod.toml": text }, {}, "deep/prod.toml");
    assert.equal(config.pipelines[0]?.bucketUrl, join(folder, "deep/bucket"));
    assert.equal(config.warehouse.kind === "duckdb" && config.warehouse.path, join(folder, "deep/billhouse.duckdb"));
  });

  test("BigQuery is chosen by a project_id, by its section, and by any of its variables", async () => {
    const bigquery = bigqueryDefaults;
    const [first] = await load({ "billhouse.toml": `${smallest}project_id = "acme"\n[destination.duckdb]\n` });
    assert.deepEqual(first.warehouse, { ...bigquery, projectId: "acme" });
    assert.equal(first.pipelines[0]?.projectId, "acme");
    const [second] = await load({ "billhouse.toml": `${smallest}[destination.bigquery]\n` });
    assert.deepEqual(second.warehouse, bigquery);
    const [third] = await load(
      { "billhouse.toml": smallest },
      { DESTINATION__BIGQUERY__PROJECT_ID: "p", DESTINATION__BIGQUERY__LOCATION: "EU" },
    );
    assert.deepEqual(third.warehouse, { ...bigquery, projectId: "p", location: "EU" });
    const [fourth] = await load(
      { "billhouse.toml": smallest },
      { DESTINATION__BIGQUERY__CREDENTIALS__PRIVATE_KEY: "x" },
    );
    assert.equal(fourth.warehouse.kind, "bigquery");
  });

  test("names of what every object of JavaScript has are names like any other", async () => {
    for (const name of ["constructor", "toString", "hasOwnProperty"]) {
      const toml = `[sources.${name}]\nbucket = "b"\n[sources.${name}2]\nbucket = "c"\n`;
      const [{ pipelines }] = await load(
        { "billhouse.toml": toml },
        { [`SOURCES__${name.toUpperCase()}__PREFIX`]: "p" },
      );
      assert.deepEqual(
        pipelines.map((pipeline) => [pipeline.name, pipeline.bucketUrl, pipeline.prefix]),
        [
          [name, "gs://b", "p"],
          [`${name}2`, "gs://c", ""],
        ],
      );
      const error = await failure({ "billhouse.toml": `[sources.one]\nbucket = "b"\n${name} = 1\n[${name}]\nx = 1\n` });
      assert.match(
        error.message,
        new RegExp(`unknown key "${name}" in \\[sources\\.one\\][^]*unknown section "${name}"`),
      );
    }
  });

  test("sections of other programs named __proto__ are left alone", async () => {
    const toml = '[__proto__]\npolluted = "yes"\n[sources.aws_cur]\nbucket = "b"\n[sources.other.__proto__]\nx = 1\n';
    const [{ pipelines }] = await load({ ".dlt/config.toml": toml });
    assert.deepEqual(
      pipelines.map(({ name }) => name),
      ["aws_cur"],
    );
    assert.equal("polluted" in {}, false);
  });

  const mistakes: Readonly<Record<string, readonly [toml: string, message: string]>> = {
    "an unknown key": [
      '[sources.aws_cur]\nbucket = "b"\ntabel_name = "x"\n',
      'billhouse.toml, line 3: unknown key "tabel_name" in [sources.aws_cur]; did you mean "table_name"?',
    ],
    "a mistyped bucket": [
      '[sources.aws_cur]\nbukcet_url = "gs://b"\n',
      'billhouse.toml, line 2: unknown key "bukcet_url" in [sources.aws_cur]; did you mean "bucket_url"?',
    ],
    "an unknown section": [
      `${smallest}[runtime]\nlog_level = "INFO"\n`,
      'billhouse.toml, line 3: unknown section "runtime".',
    ],
    "a mistyped section": [
      '[source.aws_cur]\nbucket = "b"\n',
      'billhouse.toml, line 1: unknown section "source"; did you mean "sources"?',
    ],
    "an unknown destination": [
      `${smallest}[destination.duckbd]\npath = "x"\n`,
      'billhouse.toml, line 3: unknown key "duckbd" in [destination]; did you mean "duckdb"?',
    ],
    "an unknown key of the warehouse": [
      `${smallest}[destination.duckdb]\nptah = "x"\n`,
      'billhouse.toml, line 4: unknown key "ptah" in [destination.duckdb]; did you mean "path"?',
    ],
    "no place": [
      '[sources.aws_cur]\nprefix = "x"\n',
      'billhouse.toml, line 1: [sources.aws_cur] is missing "bucket_url", the address of the export.',
    ],
    "two places": [
      '[sources.aws_cur]\nbucket = "x"\nbucket_url = "gs://x"\n',
      'billhouse.toml, line 2: [sources.aws_cur] has both "bucket" and "bucket_url".',
    ],
    "days that end before they begin": [
      `${smallest}active_from = "2025-05-01"\nactive_to = "2025-04-01"\n`,
      'billhouse.toml, line 3: "active_from" in [sources.aws_cur] is 2025-05-01, which is later than "active_to", 2025-04-01.',
    ],
    "a bucket that is an address": [
      '[sources.aws_cur]\nbucket = "gs://x"\n',
      'billhouse.toml, line 2: "bucket" in [sources.aws_cur] must be the bare name of a Cloud Storage bucket; bucket_url takes every other place, not this text.',
    ],
    "an unknown scheme": [
      '[sources.aws_cur]\nbucket_url = "abfss://x@y"\n',
      'billhouse.toml, line 2: "bucket_url" in [sources.aws_cur] starts with "abfss:", which is not the address of a supported storage; Azure Blob Storage is az://account/container.',
    ],
    "an Azure address without a container": [
      '[sources.aws_cur]\nbucket_url = "az://account"\n',
      'billhouse.toml, line 2: "bucket_url" in [sources.aws_cur] must be az://account/container.',
    ],
    "a file address that is not a folder of this machine": [
      '[sources.aws_cur]\nbucket_url = "file://host/data"\n',
      'billhouse.toml, line 2: "bucket_url" in [sources.aws_cur] must be a folder on this machine with three slashes, such as file:///data/billing.',
    ],
    "an unknown kind": [
      '[sources.aws_cur]\nbucket = "b"\nkind = "aws_cur"\n',
      'billhouse.toml, line 3: "kind" in [sources.aws_cur] must be one of aws-cur, aws-data-export, azure-cost, focus-files, not "aws_cur"; did you mean "aws-cur"?',
    ],
    "a month that is none": [
      '[sources.aws_cur]\nbucket = "b"\nfirst_month = "2025-13"\n',
      'billhouse.toml, line 3: "first_month" in [sources.aws_cur] must be a month as text, such as "2025-01", not "2025-13".',
    ],
    "a date for a month": [
      '[sources.aws_cur]\nbucket = "b"\nfirst_month = 2025-01-01\n',
      'billhouse.toml, line 3: "first_month" in [sources.aws_cur] must be a month as text, such as "2025-01", not a date (put it in quotes).',
    ],
    "a number for text": [
      '[sources.aws_cur]\nbucket = "b"\nprefix = 7\n',
      'billhouse.toml, line 3: "prefix" in [sources.aws_cur] must be text such as "billing/aws", not 7.',
    ],
    "empty text": [
      '[sources.aws_cur]\nbucket = ""\n',
      'billhouse.toml, line 2: "bucket" in [sources.aws_cur] must be the bare name of a Cloud Storage bucket; bucket_url takes every other place, not empty text.',
    ],
    "a table name that is none": [
      '[sources.aws_cur]\nbucket = "b"\ntable_name = "a b"\n',
      'billhouse.toml, line 3: "table_name" in [sources.aws_cur] must be a name of letters, digits and _ that does not begin with a digit, not "a b".',
    ],
    "threads as text": [
      `${smallest}[destination.duckdb]\nthreads = "four"\n`,
      'billhouse.toml, line 4: "threads" in [destination.duckdb] must be a whole number from 1 to 1024, not "four".',
    ],
    "a memory limit without a unit": [
      `${smallest}[destination.duckdb]\nmemory_limit = 4\n`,
      'billhouse.toml, line 4: "memory_limit" in [destination.duckdb] must be a size such as "4GB", not 4.',
    ],
    "a key directly in [sources]": [
      '[sources]\nbucket = "b"\n',
      'billhouse.toml, line 2: "sources.bucket" must be a section such as [sources.aws_cur], not this text.',
    ],
    "a section that cannot be a name": [
      '[sources.prod-cur]\nbucket = "b"\n',
      'billhouse.toml, line 1: "prod-cur" cannot be the name of a section: names consist of letters, digits and _, do not start with a digit, and are not "all".',
    ],
    "a section named all": [
      '[sources.all]\nbucket = "b"\n',
      'billhouse.toml, line 1: "all" cannot be the name of a section: names consist of letters, digits and _, do not start with a digit, and are not "all".',
    ],
    "two exports on one table": [
      '[sources.one]\nbucket = "b"\ntable_name = "t"\n[sources.two]\nbucket = "b"\ntable_name = "T"\n',
      "billhouse.toml, line 6: [sources.two] and [sources.one] would share the table billing_data.T or one of its companion tables.",
    ],
    "a database file that is named like a dataset": [
      '[sources.one]\nbucket_url = "b"\n[destination.duckdb]\npath = "data/Billing_Data.duckdb"\n',
      "billhouse.toml, line 4: The database Billing_Data.duckdb has the same name as the dataset billing_data, and DuckDB cannot distinguish the two.",
    ],
    "a dataset that is DuckDB's own": [
      '[sources.one]\nbucket_url = "b"\ndataset = "Information_Schema"\n',
      'billhouse.toml, line 3: DuckDB reserves the name "Information_Schema", so it cannot be the dataset of [sources.one].',
    ],
    "a dataset that is BigQuery's own": [
      '[sources.one]\nbucket = "b"\nproject_id = "p"\ndataset = "INFORMATION_SCHEMA"\n',
      'billhouse.toml, line 4: BigQuery reserves the name "INFORMATION_SCHEMA", so it cannot be the dataset of [sources.one].',
    ],
    "a section named __proto__": [
      '[__proto__]\npolluted = "yes"\n',
      'billhouse.toml, line 2: "__proto__" is not a valid name of a section or a key.',
    ],
    "an export named __proto__": [
      '[sources.__proto__]\nbucket = "b"\n',
      'billhouse.toml, line 2: "__proto__" is not a valid name of a section or a key.',
    ],
    "a key named __proto__": [
      '[sources.one]\nbucket = "b"\n__proto__ = { prefix = "p" }\n',
      'billhouse.toml, line 3: "__proto__" is not a valid name of a section or a key.',
    ],
    "a table that is another's tracking table": [
      '[sources.one]\nbucket = "b"\n[sources.two]\nbucket = "b"\ntable_name = "one_data_load_tracking"\n',
      "billhouse.toml, line 5: [sources.two] and [sources.one] would share the table billing_data.one_data_load_tracking or one of its companion tables.",
    ],
    "a credential in a section": [
      '[sources.aws_cur]\nbucket = "b"\naws_secret_access_key = "hunter2"\n',
      'billhouse.toml, line 3: "aws_secret_access_key" in [sources.aws_cur] looks like a credential, and this file must not contain credentials.',
    ],
    "credentials of the warehouse": [
      `${smallest}[destination.bigquery.credentials]\nprivate_key = "hunter2"\n`,
      'billhouse.toml, line 3: "credentials" in [destination.bigquery] looks like a credential, and this file must not contain credentials.',
    ],
    "a key in an address": [
      '[sources.aws_cur]\nbucket_url = "az://account/container?sig=hunter2"\n',
      `billhouse.toml, line 2: "bucket_url" in [sources.aws_cur] must be the address alone, without account keys, signatures or options; credentials come from the cloud's own settings.`,
    ],
    "a NUL in an address": [
      '[sources.aws_cur]\nbucket_url = "/data/a\\u0000b"\n',
      'billhouse.toml, line 2: "bucket_url" in [sources.aws_cur] must be a bucket or a folder: gs://bucket, s3://bucket, az://account/container, file:///folder or folder, not this text.',
    ],
    "a NUL in the path of the database": [
      `${smallest}[destination.duckdb]\npath = "a\\u0000b"\n`,
      'billhouse.toml, line 4: "path" in [destination.duckdb] must be the path of the database file, as text without a login or a key, not "a\\u0000b".',
    ],
    "broken TOML": [
      '[sources.aws_cur]\nbucket = "b"\nexport_name = hunter2\n',
      "billhouse.toml, line 3: this is not valid TOML (invalid value).",
    ],
    "a key that stands twice": [
      '[sources.aws_cur]\nbucket = "b"\nbucket = "hunter2"\n',
      "billhouse.toml, line 3: this is not valid TOML (trying to redefine an already defined table or value).",
    ],
  };
  for (const [title, [toml, message]] of Object.entries(mistakes)) {
    test(`refuses ${title}`, async () => {
      const error = await failure({ "billhouse.toml": toml });
      assert.equal(error.message, message);
      assert.notEqual(error.hint, "");
      assert.ok(!`${error.message}${error.hint}${error.stack}`.includes("hunter2"), "a secret was printed");
    });
  }

  test("all mistakes are reported at once, in the order of the file", async () => {
    const toml = '[sources.a]\nbukcet = "b"\nkind = "x"\n[sources.b]\nbucket = 1\n';
    const lines = (await failure({ "billhouse.toml": toml })).message.split("\n");
    assert.deepEqual(
      lines.map((line) => line.split(":")[0]),
      ["billhouse.toml, line 2", "billhouse.toml, line 3", "billhouse.toml, line 5"],
    );
  });

  test("two exports of one name in different datasets do not share a table", async () => {
    const one = '[sources.one]\nbucket = "b"\ntable_name = "t"\ndataset = "a"\n';
    const [config] = await load({ "billhouse.toml": `${one}[sources.two]\nbucket = "b"\ntable_name = "t"\n` });
    assert.equal(config.pipelines.length, 2);
  });

  test("a named file that is missing is reported", async () => {
    const error = await failure({ "billhouse.toml": smallest }, {}, "prod.toml");
    assert.equal(error.message, "There is no configuration file prod.toml.");
    const folder = await failure({ "conf/x": "" }, {}, "conf");
    assert.equal(folder.message, "The configuration file conf is a folder.");
  });

  test("a configuration requires exports", async () => {
    const error = await failure({ "billhouse.toml": "" });
    assert.match(error.message, /billhouse\.toml does not configure an export/);
  });
});

describe("the environment", () => {
  test("is enough alone, and paths start from the working folder", async () => {
    const [config, folder] = await load(
      {},
      {
        SOURCES__AWS_CUR__BUCKET: "acme",
        SOURCES__AWS_CUR__PREFIX: "gcs-transfer/aws_cur",
        SOURCES__AZURE_BILLING__BUCKET_URL: "azure",
        SOURCES__AZURE_BILLING__FIRST_MONTH: "2025-02",
        DESTINATION__DUCKDB__PATH: "data/b.duckdb",
        DESTINATION__DUCKDB__THREADS: "3",
        PATH: "/usr/bin",
        SOURCES__GITHUB__ACCESS_TOKEN: "hunter2",
      },
    );
    assert.equal(config.file, null);
    assert.deepEqual(
      config.pipelines.map(({ name, bucketUrl, prefix, firstMonth }) => [name, bucketUrl, prefix, firstMonth]),
      [
        ["aws_cur", "gs://acme", "gcs-transfer/aws_cur", null],
        ["azure_billing", join(folder, "azure"), "", "2025-02"],
      ],
    );
    assert.deepEqual(config.warehouse, {
      kind: "duckdb",
      path: join(folder, "data/b.duckdb"),
      storageVersion: "v1.3.0",
      memoryLimit: null,
      threads: 3,
    });
  });

  test("wins over the file, key by key, and adds sections", async () => {
    const toml = '[sources.Prod]\nbucket_url = "s3://file"\nprefix = "file"\ntable_name = "kept"\n';
    const [config] = await load(
      { "billhouse.toml": toml },
      {
        SOURCES__PROD__BUCKET: "env",
        SOURCES__PROD__PREFIX: "/",
        SOURCES__OTHER__BUCKET_URL: "s3://o",
        SOURCES__PROD__KIND: "",
      },
    );
    assert.deepEqual(
      config.pipelines.map(({ name, bucketUrl, prefix, tableName, kind }) => [
        name,
        bucketUrl,
        prefix,
        tableName,
        kind,
      ]),
      [
        ["Prod", "gs://env", "", "kept", null],
        ["other", "s3://o", "", "other_data", null],
      ],
    );
  });

  test("a mistake names its variable", async () => {
    const unknown = await failure({}, { SOURCES__AWS_CUR__BUKCET: "hunter2" });
    assert.equal(
      unknown.message,
      'SOURCES__AWS_CUR__BUKCET in the environment: unknown key "bukcet" in [sources.aws_cur]; did you mean "bucket"?',
    );
    const value = await failure({ "billhouse.toml": smallest }, { SOURCES__AWS_CUR__KIND: "cur" });
    assert.match(value.message, /^SOURCES__AWS_CUR__KIND in the environment: "kind" .* must be one of/);
    const threads = await failure({ "billhouse.toml": smallest }, { DESTINATION__DUCKDB__THREADS: "many" });
    assert.match(threads.message, /^DESTINATION__DUCKDB__THREADS in the environment: "threads" .* a whole number/);
    const slip = await failure({ "billhouse.toml": smallest }, { DESTINATION__DUCKDB__PTAH: "x" });
    assert.match(slip.message, /did you mean "path"/);
  });

  test("variables of other programs are left alone", async () => {
    const [config] = await load(
      { "billhouse.toml": smallest },
      {
        SOURCES__GITHUB__REPOSITORY: "x",
        SOURCES__FILESYSTEM__BUCKET_URL: "s3://x",
        SOURCES__AWS_CUR__CREDENTIALS: "x",
        SOURCES__BUCKET: "x",
        DESTINATION__DUCKDB__CREATE_INDEXES: "true",
        DESTINATION__SNOWFLAKE__DATABASE: "x",
      },
    );
    assert.equal(config.pipelines.length, 1);
    assert.equal(config.warehouse.kind, "duckdb");
  });

  test("without any configuration, init comes first and the demo second", async () => {
    const error = await failure({});
    assert.match(error.message, /^There is no configuration: no billhouse\.toml/);
    assert.match(error.hint, /billhouse init gs:\/\/my-billing-bucket\n[^]*billhouse demo$/);
  });

  test("of many mistakes the first ones are listed, and the others are counted", async () => {
    const keys = Array.from({ length: 47 }, (_, index) => `unknown_${index} = 1`);
    const error = await failure({ "billhouse.toml": `${smallest}${keys.join("\n")}\n` });
    assert.equal(error.message.split("\n").length, 11);
    assert.match(error.message, /unknown_9" in \[sources\.aws_cur\]\.\nand 37 more$/);
  });
});

describe("addresses", () => {
  const understood: Readonly<Record<string, readonly [bucketUrl: string, path: string]>> = {
    "https://acmebilling.blob.core.windows.net/exports": ["az://acmebilling/exports", ""],
    "https://acmebilling.blob.core.windows.net/exports/focus/daily/": ["az://acmebilling/exports", "focus/daily"],
    "https://AcmeBilling.dfs.core.windows.net/exports/my%20bills": ["az://acmebilling/exports", "my bills"],
    "abfss://exports@acmebilling.dfs.core.windows.net/focus": ["az://acmebilling/exports", "focus"],
    "wasbs://exports@acmebilling.blob.core.windows.net": ["az://acmebilling/exports", ""],
    "https://portal.azure.com/#view/Microsoft_Azure_Storage/ContainerMenuBlade/~/overview/storageAccountId/%2Fsubscriptions%2F38f1d748%2FresourceGroups%2Fbilling%2Fproviders%2FMicrosoft.Storage%2FstorageAccounts%2Facmebilling/path/exports/etag/%220x8DD%22/defaultEncryptionScope/x":
      ["az://acmebilling/exports", ""],
    "https://storage.googleapis.com/acme-billing/aws/cur/": ["gs://acme-billing", "aws/cur"],
    "https://storage.cloud.google.com/acme-billing": ["gs://acme-billing", ""],
    "https://acme-billing.storage.googleapis.com/aws": ["gs://acme-billing", "aws"],
    "https://console.cloud.google.com/storage/browser/acme-billing/aws/cur;tab=objects?project=acme&prefix=&forceOnObjectsSortingFiltering=false":
      ["gs://acme-billing", "aws/cur"],
    "https://console.cloud.google.com/storage/browser/acme-billing": ["gs://acme-billing", ""],
    "https://acme-billing.s3.eu-central-1.amazonaws.com/cur/acme": ["s3://acme-billing", "cur/acme"],
    "https://acme.billing.s3.amazonaws.com": ["s3://acme.billing", ""],
    "https://acme-billing.s3.dualstack.us-east-1.amazonaws.com/": ["s3://acme-billing", ""],
    "https://s3.us-west-2.amazonaws.com/acme-billing/cur": ["s3://acme-billing", "cur"],
    "https://s3.console.aws.amazon.com/s3/buckets/acme-billing?region=us-east-1&prefix=cur%2Facme/&showversions=false":
      ["s3://acme-billing", "cur/acme"],
    "https://us-east-1.console.aws.amazon.com/s3/buckets/acme-billing?region=us-east-1&tab=objects": [
      "s3://acme-billing",
      "",
    ],
  };
  for (const [url, [bucketUrl, path]] of Object.entries(understood)) {
    test(`${url.slice(0, 90)} is ${bucketUrl}`, async () => {
      const [config] = await load({ "billhouse.toml": `[sources.one]\nbucket_url = ${JSON.stringify(url)}\n` });
      assert.deepEqual([config.pipelines[0]?.bucketUrl, config.pipelines[0]?.prefix], [bucketUrl, path]);
      const address = await readAddress({ folder: await folderWith({}), environment: {} }, url, null);
      assert.deepEqual([address.bucketUrl, address.prefix], [bucketUrl, path]);
    });
  }

  const refused: Readonly<Record<string, RegExp>> = {
    "https://portal.azure.com/#@acme/resource/subscriptions/38f1/providers/Microsoft.Storage/storageAccounts/acmebilling/storagebrowser":
      /names an Azure storage account without a container; write az:\/\/acmebilling\/container/,
    "https://acmebilling.blob.core.windows.net/": /write az:\/\/acmebilling\/container/,
    "https://acmebilling.blob.core.windows.net/exports?sv=2025&sig=hunter2":
      /starts with "https:".*write gs:\/\/bucket/,
    "https://minio.acme.example/bills": /write gs:\/\/bucket, s3:\/\/bucket .*a server of your own as endpoint/,
    "https://storage.googleapis.com/acme-billing/sig=x;sig=hunter2": /must be the address alone/,
  };
  for (const [url, sentence] of Object.entries(refused)) {
    test(`${url.slice(0, 90)} is refused with the form to use`, async () => {
      const { message } = await failure({ "billhouse.toml": `[sources.one]\nbucket_url = ${JSON.stringify(url)}\n` });
      assert.match(message, sentence);
      assert.doesNotMatch(message, /hunter2/);
    });
  }
});

describe("credentials of Google Cloud", () => {
  const credentialsOf = async (files: Files, environment: Environment = {}): Promise<unknown> => {
    const [{ warehouse, pipelines }] = await load(files, { DESTINATION__BIGQUERY__LOCATION: "EU", ...environment });
    assert.ok(warehouse.kind === "bigquery");
    assert.deepEqual(
      pipelines[0]?.storage.googleCredentials,
      warehouse.credentials,
      "storage and warehouse share them",
    );
    return warehouse.credentials;
  };

  test("are read from dlt's secrets, also beside billhouse.toml, and nothing else is read there", async () => {
    const secrets = `${keySection}[sources.aws_cur]\nprefix = "elsewhere"\n`;
    const files = { "billhouse.toml": smallest, ".dlt/secrets.toml": secrets };
    assert.deepEqual(await credentialsOf(files), key);
    assert.equal((await load(files))[0].pipelines[0]?.prefix, "");
    assert.equal((await load(files))[0].warehouse.kind, "duckdb", "credentials choose no warehouse");
  });

  test("are read from the environment, key by key or as the text of a key file", async () => {
    const files = { "billhouse.toml": smallest };
    const variables = {
      DESTINATION__BIGQUERY__CREDENTIALS__PROJECT_ID: "p",
      DESTINATION__BIGQUERY__CREDENTIALS__CLIENT_EMAIL: key.client_email,
      DESTINATION__BIGQUERY__CREDENTIALS__PRIVATE_KEY: "hun\\nter2",
    };
    assert.deepEqual(await credentialsOf(files, variables), { ...key, private_key: "hun\nter2\n" });
    assert.deepEqual(await credentialsOf(files, { DESTINATION__BIGQUERY__CREDENTIALS: JSON.stringify(key) }), key);
    assert.deepEqual(await credentialsOf(files, { CREDENTIALS: JSON.stringify(key) }), key);
  });

  test("are taken from the most specific place, and the environment wins", async () => {
    const files = { "billhouse.toml": smallest, ".dlt/secrets.toml": keySection };
    assert.deepEqual(await credentialsOf(files, { CREDENTIALS: '{"private_key":"other"}' }), key);
    const other = { DESTINATION__BIGQUERY__CREDENTIALS__CLIENT_EMAIL: "other@p" };
    assert.deepEqual(await credentialsOf(files, other), { ...key, client_email: "other@p" });
  });

  test("may name the project of jobs alone, and may be a user's", async () => {
    const named = '[destination.bigquery.credentials]\nproject_id = "jobs"\n';
    const [{ warehouse }] = await load({
      "billhouse.toml": `${smallest}project_id = "data"\n`,
      ".dlt/secrets.toml": named,
    });
    assert.ok(warehouse.kind === "bigquery");
    assert.deepEqual([warehouse.credentials, warehouse.jobProjectId, warehouse.projectId], [null, "jobs", "data"]);
    const user = { client_id: "i", client_secret: "s", refresh_token: "r" };
    const read = await credentialsOf({ "billhouse.toml": smallest }, { CREDENTIALS: JSON.stringify(user) });
    assert.deepEqual(read, { ...user, type: "authorized_user" });
  });
});

describe("a dlt folder", () => {
  const config = `
    [runtime]
    log_level = "INFO"

    [sources.aws_cur]
    bucket = "acme"
    prefix = "gcs-transfer/aws_cur"
    table_name = "aws_cur_data"
    project_id = "acme-project"
    dataset = "aws_billing_data"

    [sources.github]
    access_token = "hunter2"

    [sources.filesystem]
    bucket_url = "s3://other"
    file_glob = "*"

    [destination.bigquery]
    location = "EU"
    http_timeout = 30
  `;

  test("is read as it is, with what belongs to dlt left alone", async () => {
    const secrets = `${keySection}[sources.aws_cur]\nexport_name = "acme-cur"\n`;
    const [loaded, folder] = await load({ ".dlt/config.toml": config, ".dlt/secrets.toml": secrets });
    assert.deepEqual(loaded, {
      notify: null,
      focus: { dataset: "billing_focus", accounts: null, tags: [], placeholders: [], tables: [] },
      budgets: { file: null },
      file: join(folder, ".dlt/config.toml"),
      pipelines: [
        {
          name: "aws_cur",
          bucketUrl: "gs://acme",
          prefix: "gcs-transfer/aws_cur",
          exportName: "acme-cur",
          tableName: "aws_cur_data",
          dataset: "aws_billing_data",
          kind: null,
          partitionColumn: null,
          firstMonth: null,
          unpackedLimit: null,
          projectId: "acme-project",
          keepPrevious: 0,
          settle: 1_800_000,
          activeFrom: null,
          activeTo: null,
          nullValues: [],
          storage: { endpoint: null, payer: null, googleCredentials: key, azureCredentials: null },
        },
      ],
      warehouse: {
        ...bigqueryDefaults,
        projectId: "acme-project",
        jobProjectId: "p",
        location: "EU",
        credentials: key,
      },
    });
  });

  test("is taken only without billhouse.toml, or when it is named", async () => {
    const files = { "billhouse.toml": smallest, ".dlt/config.toml": '[sources.aws_cur]\nbucket = "dlt"\n' };
    assert.equal((await load(files))[0].pipelines[0]?.bucketUrl, "gs://acme");
    assert.equal((await load(files, {}, ".dlt/config.toml"))[0].pipelines[0]?.bucketUrl, "gs://dlt");
  });

  test("keeps relative paths beside it, and the environment wins", async () => {
    const files = { "etc/.dlt/config.toml": '[sources.a]\nbucket_url = "bucket"\n' };
    const [loaded, folder] = await load(files, { SOURCES__A__DATASET: "d" }, "etc/.dlt/config.toml");
    assert.equal(loaded.pipelines[0]?.bucketUrl, join(folder, "etc/bucket"));
    assert.equal(loaded.pipelines[0]?.dataset, "d");
    assert.equal(loaded.warehouse.kind === "duckdb" && loaded.warehouse.path, join(folder, "etc/billhouse.duckdb"));
  });

  test("a mistake in a section of ours names file, line and key", async () => {
    const error = await failure({ ".dlt/config.toml": '[sources.aws_cur]\nbucket = "b"\nprefxi = "x"\n' });
    assert.equal(
      error.message,
      '.dlt/config.toml, line 3: unknown key "prefxi" in [sources.aws_cur]; did you mean "prefix"?',
    );
  });

  test("sections of other programs alone are not a configuration", async () => {
    const error = await failure({ ".dlt/config.toml": '[sources.github]\nprefix = "x"\n' });
    assert.match(error.message, /does not configure an export/);
  });
});
