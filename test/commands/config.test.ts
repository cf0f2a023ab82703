import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import type { ConfigResult } from "../../src/commands/config.ts";
import { holdsSecret, keysAt } from "../../src/config/schema.ts";
import { temporaryFolder, writeKey } from "../support/folders.ts";
import { billhouse } from "../support/in-process.ts";
import { obeyed } from "../support/recorded.ts";
import { parseResult } from "../support/json.ts";

type Files = Readonly<Record<string, string>>;
type Environment = Readonly<Record<string, string>>;

async function folderWith(t: TestContext, files: Files): Promise<string> {
  const folder = await temporaryFolder(t);
  for (const [name, text] of Object.entries(files)) await writeKey(folder, name, text);
  return folder;
}

async function explained(
  t: TestContext,
  files: Files,
  environment: Environment = {},
  ...words: readonly string[]
): Promise<{ result: ConfigResult; folder: string; at: (section: string, key: string) => unknown[] | undefined }> {
  const folder = await folderWith(t, files);
  const { code, stdout, stderr } = await billhouse(folder, ["config", "--json", ...words], environment);
  assert.deepEqual([code, stderr], [0, ""], stdout);
  const result = parseResult(stdout) as ConfigResult;
  const at = (section: string, key: string): unknown[] | undefined => {
    const found = result.values.filter((value) => value.section === section && value.key === key);
    assert.ok(found.length < 2, `${section}.${key} stands twice`);
    return found.flatMap(({ value, origin }) => [value, origin]);
  };
  return { result, folder, at };
}

const smallest = '[sources.aws_cur]\nbucket_url = "gs://acme"\n';

describe("every value is shown with its origin", () => {
  test("a file, with the line", async (t) => {
    const toml = `# a comment\n${smallest}prefix = "p"\n\n[destination.duckdb]\nthreads = 3\npath = "data/b.duckdb"\n`;
    const { result, folder, at } = await explained(t, { "billhouse.toml": toml });
    assert.deepEqual([result.file, result.fileOrigin], [join(folder, "billhouse.toml"), "default"]);
    assert.deepEqual(at("sources.aws_cur", "bucket_url"), ["gs://acme", "billhouse.toml:3"]);
    assert.deepEqual(at("sources.aws_cur", "prefix"), ["p", "billhouse.toml:4"]);
    assert.deepEqual(at("destination.duckdb", "threads"), [3, "billhouse.toml:7"]);
    assert.deepEqual(at("destination.duckdb", "path"), [join(folder, "data/b.duckdb"), "billhouse.toml:8"]);
  });

  test("a default, for every key that was not written", async (t) => {
    const { result, folder } = await explained(t, { "billhouse.toml": smallest });
    const rest = result.values.filter(({ key }) => key !== "bucket_url");
    assert.deepEqual(
      rest.map(({ section, key, value, origin }) => [section, key, value, origin]),
      [
        ["sources.aws_cur", "prefix", ""],
        ["sources.aws_cur", "export_name", null],
        ["sources.aws_cur", "table_name", "aws_cur_data"],
        ["sources.aws_cur", "dataset", "billing_data"],
        ["sources.aws_cur", "kind", null],
        ["sources.aws_cur", "partition_column", null],
        ["sources.aws_cur", "first_month", null],
        ["sources.aws_cur", "project_id", null],
        ["sources.aws_cur", "keep_previous", 0],
        ["sources.aws_cur", "unpacked_limit", null],
        ["sources.aws_cur", "endpoint", null],
        ["sources.aws_cur", "payer", null],
        ["sources.aws_cur", "settle", "30m"],
        ["sources.aws_cur", "active_from", null],
        ["sources.aws_cur", "active_to", null],
        ["sources.aws_cur", "null_values", null],
        ["destination.duckdb", "path", join(folder, "billhouse.duckdb")],
        ["destination.duckdb", "storage_version", "v1.3.0"],
        ["destination.duckdb", "memory_limit", null],
        ["destination.duckdb", "threads", null],
        ["focus", "dataset", "billing_focus"],
        ["focus", "accounts", null],
        ["focus", "tags", null],
        ["focus", "placeholders", null],
        ["focus", "tables", null],
      ].map((row) => [...row, "default"]),
    );
  });

  test("a variable, which wins over the file", async (t) => {
    const toml = '[sources.Prod]\nbucket_url = "s3://file"\nprefix = "file"\ntable_name = "kept"\n';
    const { at } = await explained(
      t,
      { "billhouse.toml": toml },
      { SOURCES__PROD__BUCKET: "env", SOURCES__PROD__PREFIX: "env", DESTINATION__DUCKDB__THREADS: "2" },
    );
    assert.deepEqual(at("sources.Prod", "bucket_url"), ["gs://env", "SOURCES__PROD__BUCKET"]);
    assert.deepEqual(at("sources.Prod", "prefix"), ["env", "SOURCES__PROD__PREFIX"]);
    assert.deepEqual(at("sources.Prod", "table_name"), ["kept", "billhouse.toml:4"]);
    assert.deepEqual(at("destination.duckdb", "threads"), [2, "DESTINATION__DUCKDB__THREADS"]);
  });

  test("variables alone, without a file", async (t) => {
    const { result, at } = await explained(t, {}, { SOURCES__AWS_CUR__BUCKET_URL: "s3://acme" });
    assert.deepEqual([result.file, result.fileOrigin], [null, null]);
    assert.deepEqual(at("sources.aws_cur", "bucket_url"), ["s3://acme", "SOURCES__AWS_CUR__BUCKET_URL"]);
  });

  test("--config, for the file that it names", async (t) => {
    const { result, folder, at } = await explained(
      t,
      { "billhouse.toml": smallest, "etc/prod.toml": '[sources.a]\nbucket_url = "bucket"\n' },
      {},
      "--config",
      "etc/prod.toml",
    );
    assert.deepEqual([result.file, result.fileOrigin], [join(folder, "etc/prod.toml"), "--config"]);
    assert.deepEqual(at("sources.a", "bucket_url"), [join(folder, "etc/bucket"), "etc/prod.toml:2"]);
  });

  test("both files of dlt, of which secrets.toml wins", async (t) => {
    const { result, at } = await explained(t, {
      ".dlt/config.toml":
        '[runtime]\nlog_level = "INFO"\n[sources.aws_cur]\nbucket = "b"\nprefix = "config"\nproject_id = "acme"\n[sources.github]\nname = "x"\n',
      ".dlt/secrets.toml": '[sources.aws_cur]\nprefix = "secrets"\n',
    });
    assert.deepEqual(at("sources.aws_cur", "bucket_url"), ["gs://b", ".dlt/config.toml:4"]);
    assert.deepEqual(at("sources.aws_cur", "prefix"), ["secrets", ".dlt/secrets.toml:2"]);
    const sections = new Set(result.values.map(({ section }) => section));
    assert.deepEqual([...sections], ["sources.aws_cur", "destination.bigquery", "focus"]);
  });

  test("folders behind the bucket are a prefix that the address wrote", async (t) => {
    const { at } = await explained(t, { "billhouse.toml": '[sources.a]\nbucket_url = "s3://acme/deep/er"\n' });
    assert.deepEqual(at("sources.a", "bucket_url"), ["s3://acme", "billhouse.toml:2"]);
    assert.deepEqual(at("sources.a", "prefix"), ["deep/er", "billhouse.toml:2"]);
  });

  test("whatever way the file writes it", async (t) => {
    const forms = {
      "\nsources.a.bucket_url = 's3://a'\n": 2,
      '\n\nsources.a = { prefix = "p", bucket_url = "s3://a" }\n': 3,
      '[ "sources" . a ]\n"bucket_url" = "s3://a"\n': 2,
      '[sources]\n# a\na.bucket_url = "s3://a"\n': 3,
      '[sources.b]\r\nbucket_url = "s3://b"\r\n[sources.a]\r\n  bucket_url="s3://a"\r\n': 4,
    };
    for (const [toml, line] of Object.entries(forms)) {
      const { at } = await explained(t, { "billhouse.toml": toml });
      assert.deepEqual(at("sources.a", "bucket_url"), ["s3://a", `billhouse.toml:${line}`], toml);
    }
  });

  test("no key of an export or of a warehouse is left out", async (t) => {
    const keysOf = ({ values }: ConfigResult, section: string): string[] =>
      values.filter((value) => value.section === section).map(({ key }) => key);
    const { result } = await explained(t, { "billhouse.toml": smallest });
    const ofSource = (keysAt(["sources", "aws_cur"]) ?? []).filter((key) => key !== "bucket");
    assert.deepEqual(keysOf(result, "sources.aws_cur"), ofSource);
    assert.deepEqual(keysOf(result, "destination.duckdb"), keysAt(["destination", "duckdb"]));
    const { result: bigquery } = await explained(t, { "billhouse.toml": `${smallest}[destination.bigquery]\n` });
    assert.deepEqual(keysOf(bigquery, "destination.bigquery"), keysAt(["destination", "bigquery"]));
  });
});

describe("the warehouse is shown with the reason", () => {
  const reasons: Readonly<Record<string, readonly [toml: string, environment: Environment, reason: string]>> = {
    "DuckDB by default": [smallest, {}, "the default, because no BigQuery setting was found"],
    "BigQuery by a section": [
      `${smallest}[destination.bigquery]\nlocation = "EU"\n`,
      {},
      "because of [destination.bigquery] (billhouse.toml:3)",
    ],
    "BigQuery by an export": [
      `${smallest}project_id = "acme"\n`,
      {},
      "because of project_id in [sources.aws_cur] (billhouse.toml:3)",
    ],
    "BigQuery by a variable": [
      smallest,
      { SOURCES__AWS_CUR__PROJECT_ID: "p" },
      "because of SOURCES__AWS_CUR__PROJECT_ID",
    ],
    "BigQuery by a variable of another program": [
      smallest,
      { DESTINATION__BIGQUERY__HTTP_TIMEOUT: "1" },
      "because of DESTINATION__BIGQUERY__HTTP_TIMEOUT",
    ],
  };
  for (const [title, [toml, environment, reason]] of Object.entries(reasons)) {
    test(title, async (t) => {
      const { result } = await explained(t, { "billhouse.toml": toml }, environment);
      assert.deepEqual(result.warehouse, { kind: title.startsWith("DuckDB") ? "duckdb" : "bigquery", reason });
    });
  }

  test("what was written for the other one is shown, and said to be of no use", async (t) => {
    const folder = await folderWith(t, {
      "billhouse.toml": `${smallest}[destination.duckdb]\nthreads = 2\n[destination.bigquery]\n`,
    });
    const { stdout } = await billhouse(folder, ["config"]);
    assert.match(stdout, /^\[destination\.duckdb\]\n {2}threads +billhouse\.toml:4 +2$/m);
    assert.doesNotMatch(stdout, /storage_version/);
    assert.match(stdout, /^\[destination\.duckdb\] is not used\.$/m);
  });
});

describe("no secret is shown", () => {
  const secret = "hunter2";
  const shapes = {
    "a login in an address": `https://me:${secret}@example.com/db`,
    "a user in an address": `postgres://${secret}@example.com/db`,
    "a login alone": `me:${secret}@example.com`,
    "a shared access signature": `exports?sv=2022-11-02&sig=${secret}`,
    "a signed address": `https://acme.s3.amazonaws.com/x?X-Amz-Signature=${secret}`,
    "a connection string": `DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=${secret}`,
    "a database's connection string": `Server=db;Password=${secret}`,
    "a private key": `-----BEGIN PRIVATE KEY-----${secret}`,
    "a service account": `{"type": "service_account", "private_key": "${secret}"}`,
    "an id of an AWS key": `AKIA${secret.toUpperCase()}ABCDEFGHI`,
    "a token of GitHub": `ghp_${secret}${"a".repeat(30)}`,
    "a web token": `eyJhbGciOi.eyJ${secret}.x`,
    "a key of a storage account": `${secret}${"a".repeat(79)}==`,
  };
  const flags = [[], ["--json"], ["--debug"], ["--json", "--debug"], ["--verbose"]];

  async function searched(folder: string, environment: Environment = {}): Promise<string> {
    let all = "";
    for (const words of flags) {
      const { stdout, stderr } = await billhouse(folder, ["config", ...words], environment);
      all += stdout + stderr;
    }
    assert.doesNotMatch(all, new RegExp(secret, "i"));
    return all;
  }

  for (const [title, value] of Object.entries(shapes)) {
    test(`${title}, in whatever place it was written`, async (t) => {
      assert.ok(holdsSecret(value));
      const text = JSON.stringify(value);
      for (const key of keysAt(["sources", "a"]) ?? []) {
        const bucket = key.startsWith("bucket") ? "" : 'bucket = "b"\n';
        const folder = await folderWith(t, { "billhouse.toml": `[sources.a]\n${bucket}${key} = ${text}\n` });
        const shown = await searched(folder);
        if (["prefix", "export_name", "project_id"].includes(key)) assert.match(shown, /CONFIG_INVALID/);
        const plain = await folderWith(t, { "billhouse.toml": '[sources.a]\nbucket = "b"\n' });
        await searched(plain, { [`SOURCES__A__${key.toUpperCase()}`]: value });
      }
      for (const warehouse of ["duckdb", "bigquery"]) {
        for (const key of keysAt(["destination", warehouse]) ?? []) {
          const section = `[sources.a]\nbucket = "b"\n[destination.${warehouse}]\n`;
          await searched(await folderWith(t, { "billhouse.toml": `${section}${key} = ${text}\n` }));
          const plain = await folderWith(t, { "billhouse.toml": section });
          await searched(plain, { [`DESTINATION__${warehouse.toUpperCase()}__${key.toUpperCase()}`]: value });
        }
      }
    });
  }

  test("credentials of the warehouse: that they are there, and where", async (t) => {
    const folder = await folderWith(t, {
      ".dlt/config.toml": '[sources.aws_cur]\nbucket = "b"\n',
      ".dlt/secrets.toml": `
        [sources.github]
        access_token = "${secret}"
        [destination.bigquery.credentials]
        project_id = "acme"
        client_email = "loader@acme.iam.gserviceaccount.com"
        private_key = "${secret}"
        anything_else = "${secret}"
        deeper = { value = "${secret}" }
        [destination.postgres.credentials]
        password = "${secret}"
      `,
    });
    const environment = { DESTINATION__BIGQUERY__CREDENTIALS__REFRESH_TOKEN: secret, AWS_SECRET_ACCESS_KEY: secret };
    await searched(folder, environment);
    const { stdout } = await billhouse(folder, ["config", "--json"], environment);
    const { values } = parseResult(stdout) as ConfigResult;
    assert.deepEqual(
      values
        .filter(({ section }) => section === "destination.bigquery.credentials")
        .map(({ key, value, origin }) => [key, value, origin]),
      [
        ["project_id", "acme", ".dlt/secrets.toml:5"],
        ["client_email", "loader@acme.iam.gserviceaccount.com", ".dlt/secrets.toml:6"],
        ["private_key", "********", ".dlt/secrets.toml:7"],
        ["anything_else", "********", ".dlt/secrets.toml:8"],
        ["deeper", "********", ".dlt/secrets.toml:9"],
        ["refresh_token", "********", "DESTINATION__BIGQUERY__CREDENTIALS__REFRESH_TOKEN"],
      ],
    );
  });

  test("a value that would hide the shape of a secret in a path is refused", async (t) => {
    const folder = await folderWith(t, {
      "billhouse.toml": `[sources.a]\nbucket_url = "s3://b/deep"\nprefix = "me:${secret}@example.com"\n`,
    });
    assert.match(await searched(folder), /billhouse\.toml, line 3: "prefix" in \[sources\.a\] must be text/);
  });

  test("a name among the credentials is masked when it holds a secret", async (t) => {
    const folder = await folderWith(t, { "billhouse.toml": smallest });
    const value = `https://me:${secret}@example.com`;
    await searched(folder, { DESTINATION__BIGQUERY__CREDENTIALS__CLIENT_EMAIL: value });
  });

  test("credentials as one text", async (t) => {
    const folder = await folderWith(t, { "billhouse.toml": smallest });
    const shown = await searched(folder, { DESTINATION__BIGQUERY__CREDENTIALS: secret });
    assert.match(shown, /^ {2}credentials +DESTINATION__BIGQUERY__CREDENTIALS +\*{8}$/m);
  });

  test("a mistake is reported without the value", async (t) => {
    const mistakes = {
      "a key that is a credential": `${smallest}password = "${secret}"\n`,
      "a section of credentials": `${smallest}[destination.bigquery.credentials]\nprivate_key = "${secret}"\n`,
      "a line that is not TOML": `${smallest}export_name = ${secret}\n`,
      "an unknown key": `${smallest}exportname = "${secret}"\n`,
      "an account key for a bucket": `[sources.a]\nbucket_url = "AccountName=a;AccountKey=${secret}"\n`,
      "a login for a database": `${smallest}[destination.duckdb]\npath = "postgres://me:${secret}@example.com/db"\n`,
      "an account key behind a bucket": `[sources.a]\nbucket_url = "s3://b/x;AccountKey=${secret}"\nprefix = "p"\n`,
      "an account key behind a folder": `[sources.a]\nbucket_url = "file:///b/x;AccountKey=${secret}"\n`,
      "an account key before an address": `[sources.a]\nbucket_url = "AccountKey=${secret};x=gs://b"\n`,
      "a login for a bucket": `[sources.a]\nbucket_url = "${secret}:x@y"\n`,
    };
    for (const [title, toml] of Object.entries(mistakes)) {
      const folder = await folderWith(t, { "billhouse.toml": toml });
      assert.match(await searched(folder), /CONFIG_INVALID/, title);
      assert.equal((await billhouse(folder, ["config"])).code, 64);
    }
  });

  test("ordinary values are not masked", () => {
    const ordinary = [
      "gs://acme-billing",
      "/data/token=7/key=1",
      "gcs-transfer/aws_cur/20250101-20250201",
      "az://account/container",
      "C:\\data\\bills.duckdb",
      "acme-cur",
      "europe-west1",
      "0b9d7a52-4a1c-4a8f-8d13-2a3a0c4e9f11",
    ];
    for (const value of ordinary) assert.ok(!holdsSecret(value), value);
  });
});

test("exports are chosen by section and cloud; the warehouse is always shown", async (t) => {
  const files = { "billhouse.toml": `${smallest}[sources.azure_billing]\nbucket = "b"\n` };
  for (const word of ["aws_cur", "aws"]) {
    const { result } = await explained(t, files, {}, word);
    const sections = new Set(result.values.map(({ section }) => section));
    assert.deepEqual([...sections], ["sources.aws_cur", "destination.duckdb", "focus"]);
  }
  const folder = await folderWith(t, files);
  const { code, stderr } = await billhouse(folder, ["config", "asw_cur"]);
  assert.equal(code, 64);
  assert.match(stderr, /There is no export named asw_cur\. {3}USAGE_INVALID\n.*Did you mean aws_cur/);
});

test("terminal escapes in a value are spelt out", async (t) => {
  const folder = await folderWith(t, { "billhouse.toml": `${smallest}prefix = "\\u001b[2J\\u202e"\n` });
  for (const words of [["config"], ["config", "--json"]]) {
    const { code, stdout } = await billhouse(folder, words, {}, { isTerminal: true });
    assert.equal(code, 0);
    assert.doesNotMatch(stdout, obeyed);
  }
});

test("--help says what it shows", async (t) => {
  const { stdout } = await billhouse(await folderWith(t, {}), ["config", "--help"]);
  assert.match(stdout, /^Usage: billhouse config \[options\] \[export\.\.\.\]\n/);
  assert.match(stdout, /every value of the configuration and where it came from, with secrets masked/);
});
