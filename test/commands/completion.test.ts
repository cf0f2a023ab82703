import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { setTimeout } from "node:timers/promises";
import { temporaryFolder } from "../support/folders.ts";
import { billhouse } from "../support/in-process.ts";

const now = new Date("2025-03-15T00:00:00Z");
const exports = '[sources.acme_cur]\nbucket_url = "b"\n[sources.focus]\nbucket_url = "b"\n';

test("commands, flags, exports and months are completed", async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, "billhouse.toml"), exports);
  const cases: readonly (readonly [words: readonly string[], completed: readonly string[]])[] = [
    [["ver"], ["verify"]],
    [
      ["state", ""],
      ["show", "forget"],
    ],
    [["run", "ac"], ["acme_cur"]],
    [
      ["doctor", ""],
      ["acme_cur", "focus", "aws", "azure"],
    ],
    [
      ["run", "acme_cur", "2025"],
      ["2025-03", "2025-02", "2025-01"],
    ],
    [
      ["diff", "acme_cur", "--month", "2024-1"],
      ["2024-12", "2024-11", "2024-10"],
    ],
    [["plan", "--det"], ["--detailed-exitcode"]],
    [["status", "--js"], ["--json"]],
    [
      ["run", "--log-format", ""],
      ["text", "json"],
    ],
    [
      ["completion", ""],
      ["bash", "zsh", "fish"],
    ],
  ];
  for (const [words, completed] of cases) {
    const { code, stdout, stderr } = await billhouse(folder, ["completion", "complete", "--", ...words], {}, { now });
    assert.deepEqual([code, stderr], [0, ""]);
    const offered = stdout.split("\n").filter((line) => line.includes("\t"));
    assert.deepEqual(
      offered.map((line) => line.split("\t")[0]),
      completed,
      words.join(" "),
    );
  }
});

test("completion works without a configuration, and a shell is required", async (t) => {
  const folder = await temporaryFolder(t);
  const { code, stdout } = await billhouse(folder, ["completion", "complete", "--", "doctor", "a"]);
  assert.deepEqual([code, stdout], [0, "aws\t\nazure\t\n:4\n"]);
  const wrong = await billhouse(folder, ["completion", "tcsh"]);
  assert.deepEqual([wrong.code, wrong.stdout], [64, ""]);
  assert.match(wrong.stderr, /There is no completion for "tcsh"\..*\n {2}Use one of: bash, zsh, fish\./);
});

test("the scripts ask billhouse completion, and the shells that are installed can read them", async (t) => {
  const folder = await temporaryFolder(t);
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, stdout } = await billhouse(folder, ["completion", shell]);
    assert.equal(code, 0);
    assert.match(stdout, /billhouse completion complete --/);
    await writeFile(join(folder, shell), stdout);
    const read = spawnSync(shell, ["-n", join(folder, shell)], { encoding: "utf8" });
    if (read.error === undefined) assert.deepEqual([read.status, read.stderr], [0, ""], shell);
  }
});

/** What is typed after `billhouse`, with TAB as `\t`, and the words of the line that it becomes. */
const typed: readonly (readonly [keys: string, words: readonly string[]])[] = [
  ["ver\t", ["verify"]],
  ["status --mo\t", ["status", "--month"]],
  ["run ac\t", ["run", "acme_cur"]],
  ["run --log-format=j\t", ["run", "--log-format=json"]],
  ["state f\tacm\t--al\t", ["state", "forget", "acme_cur", "--all"]],
  ["query 'a b' --js\t", ["query", "a b", "--json"]],
  ["--config my\t", ["--config", "my-bills.toml"]],
];

const bashScript = "~/.local/share/bash-completion/completions/billhouse";

/** The profile of a shell. Bash reads the script twice, as with two profiles, and without the package bash-completion. */
const profiles = {
  bash: [`. ${bashScript}`, `. ${bashScript}`, "bind 'set enable-bracketed-paste off'"],
  zsh: ["fpath=(~/.zfunc $fpath)", "autoload -Uz compinit && compinit -u", "bindkey -e", "unset zle_bracketed_paste"],
};

for (const shell of ["bash", "zsh"] as const) {
  const isMissing = [shell, "script"].find((program) => spawnSync(program, ["--version"]).error !== undefined);
  test(
    `TAB completes in ${shell}`,
    { skip: isMissing === undefined ? false : `${isMissing} is not installed` },
    async (t) => {
      const folder = await projectWithCommand(t);
      await install(shell, folder);
      await writeFile(join(folder, `.${shell}rc`), [...profiles[shell], "PS1='ready> '", ""].join("\n"));
      const terminal = spawn("script", ["-qec", `${shell} -i`, "/dev/null"], {
        cwd: folder,
        env: environmentIn(folder),
      });
      t.after(() => terminal.kill("SIGKILL"));
      let shown = "";
      terminal.stdout.setEncoding("utf8").on("data", (text: string) => {
        shown += stripVTControlCharacters(text);
      });
      const until = async (what: RegExp): Promise<string> => {
        for (const end = Date.now() + 20_000; !what.test(shown); await setTimeout(20)) {
          assert.ok(Date.now() < end, `${what} is not shown: ${JSON.stringify(shown)}`);
        }
        const seen = shown;
        shown = "";
        return seen;
      };
      assert.doesNotMatch(await until(/ready> $/), /readonly|not found/);
      for (const [keys, expected] of typed) {
        // Ctrl-A goes to the start of the line, to print its words instead of running it.
        terminal.stdin.write(`billhouse ${keys}\u0001printf '<%s>' \n`);
        const shownWords = await until(/<billhouse>[^]*ready> $/);
        assert.ok(shownWords.includes(["billhouse", ...expected].map((word) => `<${word}>`).join("")), shownWords);
      }
      terminal.stdin.write("billhouse st\t\t\t");
      await until(/state\b[^]*status\b/);
    },
  );
}

const isFishMissing = spawnSync("fish", ["--version"]).error !== undefined;

test("fish completes", { skip: isFishMissing ? "fish is not installed" : false }, async (t) => {
  const folder = await projectWithCommand(t);
  await install("fish", folder);
  for (const [line, expected] of [
    ["billhouse ver", "verify"],
    ["billhouse status --mo", "--month"],
    ["billhouse run ac", "acme_cur"],
    ["billhouse --config my", "my-bills.toml"],
  ] as const) {
    const options = { cwd: folder, env: environmentIn(folder), encoding: "utf8" } as const;
    const fish = spawnSync("fish", ["-c", `complete -C '${line}'`], options);
    assert.deepEqual([fish.stdout.trim().split("\t")[0], fish.stderr], [expected, ""]);
  }
});

/** Installs the script of a shell as docs/getting-started.md says, in a home. */
async function install(shell: string, home: string): Promise<void> {
  const page = await readFile(join(import.meta.dirname, "..", "..", "docs", "getting-started.md"), "utf8");
  const lines = new RegExp(`^# ${shell}\n((?:.+\n)+)`, "m").exec(page)?.[1] ?? assert.fail(shell);
  const { status, stderr } = spawnSync("sh", ["-ec", lines.replace("```", "")], {
    env: environmentIn(home),
    encoding: "utf8",
  });
  assert.deepEqual([status, stderr], [0, ""]);
}

/** A folder with a configuration and a command `billhouse`, which runs the sources. */
async function projectWithCommand(t: TestContext): Promise<string> {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, "billhouse.toml"), exports);
  await writeFile(join(folder, "my-bills.toml"), exports);
  await mkdir(join(folder, "bin"));
  const program = join(import.meta.dirname, "..", "..", "src", "cli.ts");
  const start = `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`;
  await writeFile(join(folder, "bin", "billhouse"), start, { mode: 0o755 });
  return folder;
}

/** The environment of a person whose home is the folder, and whose path has its command. */
function environmentIn(folder: string): NodeJS.ProcessEnv {
  return { PATH: `${join(folder, "bin")}:${process.env["PATH"]}`, HOME: folder, TERM: "dumb", LANG: "C.UTF-8" };
}
