import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import * as library from "../src/index.ts";
import { curDelivery, curRows, deliver } from "./support/deliveries.ts";
import { createProject, curSection } from "./support/projects.ts";
import { codeOf } from "./support/source-text.ts";
import { rejects } from "./support/rejects.ts";

const root = join(import.meta.dirname, "..");

describe("the types of the library", () => {
  const surface = surfaceOf("src/index.ts");

  test("can all be imported by name: the public ones mention no others", () => {
    const mentioned = [...surface].flatMap(([name, declaration]) =>
      declaration.mentions.filter((other) => !surface.has(other)).map((other) => `${name} mentions ${other}`),
    );
    assert.ok(surface.has("RunOptions") && surface.has("MonthLoaded"), "the list of exports was read");
    assert.deepEqual(mentioned, []);
  });

  test("the check itself finds a type that cannot be imported", () => {
    const { mentions } = declarationOf("src/pipeline/plan.ts", "PlannedPipeline");
    assert.deepEqual(mentions.toSorted(), ["FailedMonth", "PlannedMonth", "ReportedError"]);
    assert.deepEqual(declarationOf("src/pipeline/undo.ts", "undo").mentions.toSorted(), [
      "Config",
      "UndoOptions",
      "UndoResult",
    ]);
  });

  test("have camelCase properties", () => {
    const names = [...surface].flatMap(([name, { text }]) =>
      [...text.matchAll(/\b(\w+_\w*)\??:/gu)].map(([, property = ""]) => `${name}.${property}`),
    );
    assert.deepEqual(names, []);
  });

  test("every function takes the configuration first and one object of options after it", () => {
    for (const [name, { text }] of surface) {
      if (!text.includes("function") || !text.includes("config: Config")) continue;
      assert.match(text, /\(\s*config: Config,\s*options: \w+Options( = \{\})?,?\s*\)/u, name);
    }
  });
});

test("docs/library.md shows the program in test/support/library-example.ts, and what it prints", async (t) => {
  const page = readFileSync(join(root, "docs/library.md"), "utf8");
  const [, shown] = /```ts\n(.*?)```/su.exec(page) ?? [];
  const [, printed] = /it prints:\n\n```\n(.*?)```/su.exec(page) ?? [];
  const file = join(root, "test/support/library-example.ts");
  assert.equal(readFileSync(file, "utf8"), shown?.replace('"billhouse"', '"../../src/index.ts"'));
  const project = await createProject(t, curSection);
  await deliver(
    project.bucket,
    curDelivery({ month: "2025-01", id: "good", files: [curRows("2025-01", "1.10", "2.20")] }),
  );
  await deliver(project.bucket, curDelivery({ month: "2025-02", id: "bad", files: [curRows("2025-02", "abc")] }));
  const { stdout } = await promisify(execFile)(process.execPath, [file], { cwd: project.folder, env: {} });
  assert.equal(stdout, printed);
});

describe("wrong arguments of the library", () => {
  const config: library.Config = {
    file: null,
    pipelines: [],
    warehouse: {
      kind: "duckdb",
      path: "/none/at/all.duckdb",
      storageVersion: "v1.3.0",
      memoryLimit: null,
      threads: null,
    },
    notify: null,
    focus: { dataset: "billing_focus", accounts: null, tags: [], placeholders: [], tables: [] },
    budgets: { file: null },
  };
  const functions: Readonly<Record<string, (...given: unknown[]) => Promise<unknown>>> = {
    ...(Object.fromEntries(
      [
        "budgets",
        "commitments",
        "costs",
        "diff",
        "doctor",
        "explain",
        "exportFocus",
        "forecast",
        "forget",
        "history",
        "migrate",
        "plan",
        "reconcile",
        "report",
        "restatement",
        "series",
        "showState",
        "status",
        "undo",
        "untagged",
        "verify",
      ].map((name) => [name, (library as unknown as Record<string, (...given: unknown[]) => Promise<unknown>>)[name]]),
    ) as Readonly<Record<string, (...given: unknown[]) => Promise<unknown>>>),
    run: async (...given) => await (library.run as (...all: unknown[]) => AsyncGenerator)(...given).next(),
    query: async (...given) => await (library.query as (...all: unknown[]) => AsyncGenerator)(...given).next(),
  };

  for (const [name, call] of Object.entries(functions)) {
    test(`${name} refuses a missing or wrong configuration and unknown options with USAGE_INVALID`, async () => {
      await rejects(call(), "USAGE_INVALID", "config is missing");
      await rejects(call(null), "USAGE_INVALID", "config must be an object, not null");
      await rejects(call("billhouse.toml"), "USAGE_INVALID", "config must be an object, not text");
      await rejects(call({ ...config, pipelines: {} }), "USAGE_INVALID", "config.pipelines must be a list");
      await rejects(
        call({ ...config, warehouse: { kind: "sqlite" } }),
        "USAGE_INVALID",
        'config.warehouse.kind must be "duckdb"',
      );
      await rejects(call(config, null), "USAGE_INVALID", "options must be an object, not null");
      await rejects(call(config, []), "USAGE_INVALID", "options must be an object, not a list");
      const error = await rejects(
        call(config, { pipelin: ["aws_cur"] }),
        "USAGE_INVALID",
        "options.pipelin is not known",
      );
      assert.match(error.hint, /^(Did you mean pipelines?\? )?The properties of options are /u);
    });
  }

  test("an option of the wrong type is named with its place", async () => {
    const wrong: readonly (readonly [call: keyof typeof functions, options: object, message: string])[] = [
      ["run", { months: "2025-01" }, "options.months must be an object, not text."],
      ["run", { months: { form: "2025-01" } }, "options.months.form is not known."],
      ["run", { months: { only: "2025-01" } }, "options.months.only must be a list, not text."],
      ["run", { jobs: 0 }, "options.jobs must be a whole number from 1, not a number."],
      ["run", { force: "yes" }, "options.force must be true or false, not text."],
      ["run", { signal: {} }, "options.signal must be an AbortSignal, not an object."],
      ["plan", { pipelines: "aws_cur" }, "options.pipelines must be a list, not text."],
      ["plan", { pipelines: [7] }, "options.pipelines[0] must be text, not a number."],
      ["plan", { now: new Date(Number.NaN) }, "options.now must be a valid Date, not a Date."],
      ["plan", { jobs: 3 }, "options.jobs is not known."],
      ["status", { maxAge: "36h" }, "options.maxAge must be a number from 0, not text."],
      ["verify", { onProgress: true }, "options.onProgress must be a function, not true or false."],
      ["commitments", { month: ["2025-01"] }, "options.month must be text, not a list."],
      ["untagged", { top: "3" }, "options.top must be a whole number from 1, not text."],
      ["costs", { by: "service" }, "options.by must be a list, not text."],
      ["explain", { vs: 3 }, "options.vs must be text, not a number."],
      ["diff", { pipeline: "aws_cur" }, "options.month is missing."],
      ["undo", { month: "2025-01" }, "options.pipeline is missing."],
      ["forget", { all: true }, "options.pipelines is missing."],
      ["query", {}, "options.sql is missing."],
      ["reconcile", { month: "2025-01", invoices: [{ amount: 12 }] }, "options.invoices[0].invoiceId is missing."],
    ];
    for (const [name, options, message] of wrong) {
      const error = await rejects(functions[name]?.(config, options) ?? Promise.resolve(), "USAGE_INVALID", message);
      assert.notEqual(error.hint, "", message);
    }
  });

  test("loadConfig, explainConfig and readInvoices refuse what is not theirs", async () => {
    const [load, explain, invoices] = [library.loadConfig, library.explainConfig, library.readInvoices] as unknown as [
      ...((...given: unknown[]) => Promise<unknown>)[],
    ];
    for (const each of [load, explain]) {
      await rejects(each?.() ?? Promise.resolve(), "USAGE_INVALID", "place is missing");
      await rejects(each?.({ folder: "." }) ?? Promise.resolve(), "USAGE_INVALID", "place.environment is missing");
    }
    await rejects(invoices?.() ?? Promise.resolve(), "USAGE_INVALID", "path is missing");
  });
});

/** The declaration of one name: its text without comments and bodies, and the types that it mentions by name. */
interface Declaration {
  readonly text: string;
  readonly mentions: readonly string[];
}

/** Every name that a file exports, from wherever it comes, with its declaration. */
function surfaceOf(file: string): Map<string, Declaration> {
  const found = new Map<string, Declaration>();
  for (const [name, from] of exportsOf(file)) found.set(name, declarationOf(from, name));
  return found;
}

function exportsOf(file: string): Map<string, string> {
  const source = codeOf(readFileSync(join(root, file), "utf8"), { withStrings: true });
  const found = new Map<string, string>();
  for (const [, name = ""] of source.matchAll(
    /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|const|type|interface) (\w+)/gmu,
  )) {
    found.set(name, file);
  }
  for (const [, list = "", from] of source.matchAll(/^export (?:type )?\{([^}]*)\}(?: from "([^"]+)")?/gmu)) {
    for (const item of list.split(",")) {
      const name = item.trim().replace(/^type /u, "");
      if (name !== "") found.set(name, sourceOf(from === undefined ? importOf(source, name) : from, file));
    }
  }
  for (const [, from = ""] of source.matchAll(/^export (?:type )?\* from "([^"]+)"/gmu)) {
    for (const [name, origin] of exportsOf(sourceOf(from, file))) found.set(name, origin);
  }
  return found;
}

function importOf(source: string, name: string): string {
  const line = [...source.matchAll(/^import [^"]*?\{([^}]*)\} from "([^"]+)"/gmu)].find(([, list = ""]) =>
    list.split(",").some((item) => item.trim().replace(/^type /u, "") === name),
  );
  assert.ok(line?.[2] !== undefined, name);
  return line[2];
}

function sourceOf(from: string, file: string): string {
  return join(file, "..", from);
}

/** Sources are formatted, and every export has its types written: a declaration ends at its body or at a blank line. */
function declarationOf(file: string, name: string): Declaration {
  const source = codeOf(readFileSync(join(root, file), "utf8"));
  const own = exportsOf(file).get(name);
  if (own !== undefined && own !== file) return declarationOf(own, name);
  const start = source.search(
    new RegExp(`^export (?:async )?(?:function\\*?|class|const|type|interface) ${name}\\b`, "mu"),
  );
  assert.ok(start >= 0, `${name} in ${file}`);
  const text = textFrom(source.slice(start));
  const bound = new Set(
    [...source.matchAll(/\b([A-Z]\w*)\b/gu)].map(([, word = ""]) => word).filter((word) => isOurs(source, word)),
  );
  const words = [...text.matchAll(/\b([A-Z]\w*)\b/gu)].map(([, word = ""]) => word);
  return { text, mentions: [...new Set(words)].filter((word) => word !== name && bound.has(word)) };
}

function textFrom(rest: string): string {
  if (/^export (?:async )?function/u.test(rest)) return rest.slice(0, rest.search(/ \{\n/u));
  if (rest.startsWith("export const")) return rest.slice(0, rest.search(/ =/u));
  return rest.slice(0, rest.search(/\n\}|\n(?=\n|$)/u));
}

/** Whether a file declares or imports a type from one of ours. */
function isOurs(source: string, name: string): boolean {
  return (
    new RegExp(`^(?:export )?(?:type|interface|class) ${name}\\b`, "mu").test(source) ||
    new RegExp(`^import [^;]*\\b${name}\\b[^;]*;`, "mu").test(source)
  );
}
