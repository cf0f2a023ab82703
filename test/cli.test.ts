import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { exitCodeMeanings, exitCodes } from "../src/commands/context.ts";
import { silentHost } from "../scripts/generate-docs.ts";
import { createProgram } from "../src/commands/program.ts";
import { nearest } from "../src/config/nearest.ts";
import { billhouse as inProcess } from "./support/in-process.ts";

const cli = fileURLToPath(new URL("../src/cli.ts", import.meta.url));
let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "billhouse-cli-"));
  await writeFile(join(folder, "broken.toml"), '[sources.aws_cur]\nbukcet = "hunter2"\nsecret_key = "hunter2"\n');
  await writeFile(join(folder, "good.toml"), '[sources.aws_cur]\nbucket_url = "nowhere"\n');
});
after(() => rm(folder, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function billhouse(words: readonly string[], options: { nodeFlags?: readonly string[] } = {}): Promise<Ended> {
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(SOURCES|DESTINATION)__|^NO_COLOR$/.test(name)),
  );
  const child = spawn(process.execPath, [...(options.nodeFlags ?? []), cli, ...words], {
    cwd: folder,
    env: environment,
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

test("--version and --help answer on stdout", async () => {
  const { version } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  assert.deepEqual(await billhouse(["--version"]), { code: 0, stdout: `${version}\n`, stderr: "" });
  for (const words of [["--help"], ["help"], ["run", "--help"], ["help", "state"], ["state", "forget", "-h"]]) {
    const { code, stdout, stderr } = await inProcess(folder, words);
    assert.equal(code, 0, words.join(" "));
    assert.match(stdout, /^Usage: billhouse/);
    assert.equal(stderr, "");
  }
});

test("--help groups the commands and shows the exit codes", async () => {
  const { stdout } = await inProcess(folder, ["--help"]);
  const titles = stdout.split("\n").filter((line) => /^[A-Z].*:$/.test(line));
  assert.deepEqual(titles, ["Options:", "Load:", "Check:", "Answer:", "Set up:", "Exit codes:"]);
  for (const [name, meaning] of Object.entries(exitCodeMeanings)) {
    const code = exitCodes[name as keyof typeof exitCodes];
    assert.ok(stdout.includes(`\n  ${String(code).padEnd(3)}  ${meaning}\n`), name);
  }
});

const program = createProgram(silentHost, () => {});

function commandsOf(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(commandsOf);
}

test("the help of every command ends with an example of it", async () => {
  for (const command of commandsOf(program)) {
    const name = command.parent === program ? command.name() : `${command.parent?.name()} ${command.name()}`;
    const { stdout: help } = await inProcess(folder, [...name.split(" "), "--help"]);
    const example = help.trimEnd().split("\n").at(-1) ?? "";
    assert.match(help, /\n\nExample:\n.*\n$/, name);
    assert.match(example, new RegExp(`^  billhouse ${name}( |$)`));
  }
});

test("every command that takes months takes them as words, --month, --from and --to", () => {
  const withMonths = commandsOf(program).filter((command) =>
    command.registeredArguments.some((argument) => argument.description.includes("month")),
  );
  assert.deepEqual(withMonths.map((command) => command.name()).toSorted(), [
    "commitments",
    "costs",
    "diff",
    "explain",
    "export",
    "forget",
    "history",
    "plan",
    "reconcile",
    "report",
    "run",
    "status",
    "undo",
    "untagged",
    "validate",
    "verify",
  ]);
  // These answer for one month, or compare two.
  const ofOneMonth = ["commitments", "explain", "report", "untagged"];
  for (const command of withMonths) {
    const isOfOneMonth = ofOneMonth.includes(command.name());
    const flags = command.options.map(({ long }) => long);
    assert.deepEqual(
      ["--month", ...(isOfOneMonth ? [] : ["--from", "--to"])].filter((flag) => !flags.includes(flag)),
      [],
      command.name(),
    );
  }
});

test("no command shows the help on stderr and fails", async () => {
  const { code, stdout, stderr } = await billhouse([]);
  assert.deepEqual([code, stdout], [64, ""]);
  assert.match(stderr, /^Usage: billhouse/);
  const json = await billhouse(["state", "--json"]);
  assert.equal(json.code, 64);
  assert.equal((JSON.parse(json.stdout) as { error: { code: string } }).error.code, "USAGE_INVALID");
});

describe("wrong use stops with 64 and names the right one", () => {
  const cases: Readonly<Record<string, readonly [message: string, hint: string]>> = {
    rnu: ["There is no command billhouse rnu.", "Did you mean billhouse run? billhouse run --help explains it."],
    "statsu aws_cur": [
      "There is no command billhouse statsu.",
      "Did you mean billhouse status? billhouse status --help explains it.",
    ],
    "state shwo": [
      "There is no command billhouse state shwo.",
      "Did you mean billhouse state show? billhouse state show --help explains it.",
    ],
    "run --dryrun": [
      "There is no flag --dryrun for billhouse run.",
      "Did you mean --dry-run? billhouse run --help lists its flags.",
    ],
    "--dryrun run": [
      "There is no flag --dryrun for billhouse run.",
      "Did you mean --dry-run? billhouse run --help lists its flags.",
    ],
    "status --jsno": [
      "There is no flag --jsno for billhouse status.",
      "Did you mean --json? billhouse status --help lists its flags.",
    ],
    "plan --detailed-exitcod=1": [
      "There is no flag --detailed-exitcod=1 for billhouse plan.",
      "Did you mean --detailed-exitcode? billhouse plan --help lists its flags.",
    ],
    query: [
      "The statement is missing.",
      'Give it once: billhouse query "SHOW TABLES", billhouse query --file FILE, or billhouse query - for standard input.',
    ],
    "query select 1": ["billhouse query does not know what to do with: 1", "Put the SQL in quotes."],
    "state forget": ["This command needs one export.", "For example: billhouse state forget aws_cur 2025-01"],
    "state forget aws_cur azure_billing 2025-01": [
      "This command needs one export, not 2.",
      "For example: billhouse state forget aws_cur 2025-01",
    ],
    "run --from": ["The flag --from <YYYY-MM> needs a value.", "Usage: billhouse run [options] [export-or-month...]"],
    "run aws_cur 2025-13": [
      '"2025-13" is not a billing month.',
      "Write the year and the month in digits, such as 2025-01.",
    ],
    "verify 202501": ['"202501" is not a billing month.', "Write the year and the month in digits, such as 2025-01."],
    "diff aws_cur": ["This command needs one billing month.", "For example: billhouse diff aws_cur 2025-01"],
    "diff 2025-01": ["This command needs one export.", "For example: billhouse diff aws_cur 2025-01"],
    "diff aws_cur --month 2025-01 2025-02": [
      "This command needs one billing month, not 2.",
      "For example: billhouse diff aws_cur 2025-01",
    ],
    "undo aws_cur --from 2025-01": [
      "This command needs one billing month, not a span of months.",
      "For example: billhouse undo aws_cur 2025-01",
    ],
    "reconcile --invoice 1": [
      "This command needs one billing month.",
      "For example: billhouse reconcile 2025-01 --invoice 1234.56 --export aws_cur",
    ],
    "run --from 2025-1": [
      '"2025-1" is not a billing month.',
      "Write the year and the month in digits, such as 2025-01.",
    ],
    "run --month 2025-13": [
      '"2025-13" is not a billing month.',
      "Write the year and the month in digits, such as 2025-01.",
    ],
    "run --from 2025-02 --to 2025-01": ["--from (2025-02) is after --to (2025-01).", "Swap --from and --to."],
    "run --month 2025-02 --to 2025-01": [
      "Single months and a span of months (--from, --to) exclude each other.",
      "Name either single months, or --from and --to.",
    ],
    "run --jobs 0": ['--jobs takes a whole number from 1 to 64, not "0".', "Leave it out to let billhouse choose."],
    "state forget aws_cur": [
      "Choose either months or --all.",
      "For example: billhouse state forget aws_cur 2025-01, or: billhouse state forget aws_cur --all",
    ],
  };
  for (const [line, [message, hint]] of Object.entries(cases)) {
    test(`billhouse ${line}`, async () => {
      assert.deepEqual(await inProcess(folder, line.split(" ")), {
        code: 64,
        stdout: "",
        stderr: `✖ ${message}   USAGE_INVALID\n  ${hint}\n`,
      });
    });
  }
});

describe("words that people try lead to the command that does it", () => {
  const guesses: Readonly<Record<string, string>> = {
    tables: "billhouse status",
    version: "billhouse --version",
    cost: "billhouse costs",
    why: "billhouse explain",
    "load aws_cur": "billhouse run",
    sync: "billhouse run",
    ls: "billhouse status",
    list: "billhouse status",
    check: "billhouse verify",
    "sql select": "billhouse query",
    RUN: "billhouse run",
    forget: "billhouse state forget",
    "state ls": "billhouse state show",
    "run --months 2025-01": "--month",
    "plan -m 2025-01": "--month",
    "verify --since 2025-01": "--from",
  };
  for (const [line, expected] of Object.entries(guesses)) {
    test(`billhouse ${line}`, async () => {
      const { code, stderr } = await inProcess(folder, line.split(" "));
      assert.equal(code, 64);
      const [, guess = "", advice] =
        /\n {2}Did you mean (.+?)\?(?: (billhouse .*) (?:explains it|lists its flags)\.)?\n/.exec(stderr) ?? [];
      assert.equal(guess, expected);
      const followed = (advice ?? guess).split(" ").slice(1);
      assert.equal((await inProcess(folder, followed)).code, 0, "the hint works word for word");
    });
  }

  test("a word like nothing known is not guessed, and no guess repeats the word", async () => {
    const { stderr } = await inProcess(folder, ["zzzzzz"]);
    assert.match(stderr, /\n {2}billhouse --help lists the commands\.\n$/);
    for (const word of ["run", "status", "--month"]) assert.notEqual(nearest(word, [word, `${word}s`]), word);
  });
});

test("a missing or wrong configuration ends with 64, whatever the command", async () => {
  for (const command of [["run"], ["plan"], ["status"], ["state", "show"], ["query", "select 1"]]) {
    const none = await billhouse(command);
    assert.deepEqual([none.code, none.stdout], [64, ""], command.join(" "));
    assert.match(
      none.stderr,
      /^✖ There is no configuration: .*CONFIG_INVALID\n {2}Let billhouse write one .*\n {4}billhouse init gs:.*\n.*\n {4}billhouse demo\n/,
    );
  }
});

test("global flags stand anywhere", async () => {
  const orders = [
    ["--json", "--config", "broken.toml", "status"],
    ["status", "--json", "--config", "broken.toml"],
    ["--config=broken.toml", "status", "--json"],
    ["state", "--json", "show", "-c", "broken.toml"],
    ["state", "show", "aws_cur", "--json", "-c", "broken.toml"],
    ["--month", "2025-01", "--json", "run", "-c", "broken.toml", "aws_cur"],
    ["query", "-- a comment\nselect 1", "--json", "-c", "broken.toml"],
  ];
  for (const words of orders) {
    const { code, stdout, stderr } = await billhouse(words);
    assert.deepEqual([code, stderr], [64, ""], words.join(" "));
    const { error } = JSON.parse(stdout) as { error: { code: string; message: string; hint: string } };
    assert.equal(error.code, "CONFIG_INVALID");
    assert.deepEqual(Object.keys(error), ["code", "message", "hint"]);
    assert.match(error.message, /^broken\.toml, line 2: .*did you mean "bucket"/);
  }
});

test("an error is shown without a stack, --debug adds it, and neither shows a secret", async () => {
  const plain = await billhouse(["status", "--config", "broken.toml"]);
  assert.doesNotMatch(plain.stderr, /^\s+at /m);
  const debug = await billhouse(["status", "--config", "broken.toml", "--debug"]);
  assert.match(debug.stderr, /^\s+at /m);
  for (const { stdout, stderr } of [plain, debug]) assert.doesNotMatch(stdout + stderr, /hunter2/);
});

test("--json keeps errors of the words themselves on stdout", async () => {
  const { code, stdout, stderr } = await billhouse(["run", "--dryrun", "--json"]);
  assert.deepEqual([code, stderr], [64, ""]);
  assert.match(stdout, /^\{"error":\{"code":"USAGE_INVALID","message":"There is no flag --dryrun for billhouse run\."/);
});

test("an export that is not configured is named with the ones that are", async () => {
  const { code, stderr } = await billhouse(["plan", "aws_cru", "--config", "good.toml"]);
  assert.equal(code, 64);
  assert.match(stderr, /There is no export named aws_cru\. {3}USAGE_INVALID\n.*aws_cur/);
});

test("warnings of Node and SDKs are shown with --debug only", async () => {
  const warning = "data:text/javascript,setTimeout(() => process.emitWarning('old SDK', 'DeprecationWarning'), 20)";
  const nodeFlags = ["--import", warning];
  const words = ["config", "--config", "good.toml"];
  assert.equal((await billhouse(words, { nodeFlags })).stderr, "");
  assert.match((await billhouse([...words, "--debug"], { nodeFlags })).stderr, /DeprecationWarning: old SDK/);
});

test("an old Node is refused before anything else is read", async () => {
  const disguise =
    'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.20.2"}})';
  const nodeFlags = ["--import", disguise];
  const { code, stdout, stderr } = await billhouse(["--version"], { nodeFlags });
  assert.deepEqual([code, stdout], [64, ""]);
  assert.match(
    stderr,
    /^✖ billhouse needs Node\.js 22\.18 or newer, and this is 20\.20\.2\. {3}USAGE_INVALID\n {2}Install .* npx -y -p node@24\n$/,
  );
  const json = await billhouse(["status", "--json"], { nodeFlags });
  assert.equal((JSON.parse(json.stdout) as { error: { code: string } }).error.code, "USAGE_INVALID");
});

describe("a process with odd streams and signals", () => {
  const unlessFull = { skip: existsSync("/dev/full") ? false : "this system has no /dev/full" };

  async function intoFull(words: readonly string[], full: 1 | 2): Promise<Ended> {
    const file = await open("/dev/full", "w");
    try {
      const stdio = ["ignore", full === 1 ? file.fd : "pipe", full === 2 ? file.fd : "pipe"] as const;
      const child = spawn(process.execPath, [cli, ...words], { cwd: folder, stdio: [...stdio] });
      let [stdout, stderr] = ["", ""];
      child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
      child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
      return await new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
    } finally {
      await file.close();
    }
  }

  test("says that the standard output is on a full disk, and exits with 1", unlessFull, async () => {
    for (const words of [["--help"], ["config", "--config", "good.toml", "--json"]]) {
      const { code, stderr } = await intoFull(words, 1);
      assert.match(stderr, /^✖ The standard output cannot be written: .*ENOSPC.* OUTPUT_FAILED\n {2}Free some space/);
      assert.doesNotMatch(stderr, /\n\s+at /);
      assert.equal(code, 1);
    }
  });

  test(
    "keeps the exit code of a failure that cannot be shown, and the result beside a lost screen",
    unlessFull,
    async () => {
      assert.equal((await intoFull(["config", "--config", "broken.toml"], 2)).code, 64);
      assert.equal((await intoFull(["config", "--config", "broken.toml", "--json"], 1)).code, 64);
      const { code, stdout } = await intoFull(["--version"], 2);
      assert.deepEqual([code, /^\d/.test(stdout)], [0, true]);
    },
  );

  test("ignores SIGUSR1, which would open Node's inspector", { skip: process.platform === "win32" }, async () => {
    const child = spawn(process.execPath, ["--import", marker, cli, "--version"], { cwd: folder });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const code = await new Promise((resolve) => child.on("close", resolve));
    assert.match(stdout, /inspector: undefined\n$/);
    assert.deepEqual([code, stderr], [0, ""]);
  });
});

/** Sends the process the signal when its program has been read, and prints the address of an inspector at its end. */
const marker = `data:text/javascript,${encodeURIComponent(`
  import { url } from "node:inspector";
  const sent = setInterval(() => {
    if (process.listenerCount("SIGUSR1") === 0) return;
    clearInterval(sent);
    process.kill(process.pid, "SIGUSR1");
    setTimeout(() => process.stdout.write("inspector: " + url() + "\\n"), 300);
  }, 1).unref();
`)}`;
