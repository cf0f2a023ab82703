import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import type { CommandContext, GlobalFlags, Output } from "../../src/commands/context.ts";
import { followRun, restatement, wantsProgress } from "../../src/commands/follow.ts";
import { showCursor, startLiveBlock } from "../../src/commands/live-block.ts";
import { runExitCode } from "../../src/commands/run.ts";
import type { RunEvent } from "../../src/pipeline/events.ts";
import { events, finished, idle, recordingOutput, watched } from "../support/recorded.ts";
import { parseResult } from "../support/json.ts";

async function* eventsOf(count: number = events.length): AsyncGenerator<RunEvent> {
  for (const event of events.slice(0, count)) yield await Promise.resolve(event);
  if (count < events.length) throw new Error("stopped");
}

function contextWith(
  stdout: Output,
  stderr: Output,
  flags: Partial<GlobalFlags> = {},
  signal?: AbortSignal,
): CommandContext {
  return {
    flags: { json: false, quiet: false, verbose: false, debug: false, logFormat: undefined, ...flags },
    configFile: undefined,
    outputFile: undefined,
    folder: "/",
    environment: {},
    stdin: () => Readable.from([]),
    stdout,
    stderr,
    sharedOutput: false,
    signal: signal ?? new AbortController().signal,
    now: () => new Date(0),
    loadConfig: () => Promise.reject(new Error("not used")),
  };
}

const terminal = { isTerminal: true, columns: 80 };

describe("following a run", () => {
  test("a pipe gets plain lines on stderr", async () => {
    const [stdout, stderr] = [recordingOutput(), recordingOutput()];
    assert.equal(await followRun(eventsOf(), contextWith(stdout, stderr)), finished);
    assert.equal(stdout.text, "");
    assert.match(stderr.text, /^billhouse 0\.1\.0 loads .*\n(.*\n){6}$/);
  });

  test("--json writes every event as a line, run_finished last", async () => {
    const [stdout, stderr] = [recordingOutput(), recordingOutput()];
    await followRun(eventsOf(), contextWith(stdout, stderr, { json: true }));
    const lines = stdout.text.trimEnd().split("\n");
    assert.deepEqual(
      lines.map((line) => parseResult(line) as RunEvent),
      events,
    );
    assert.equal((parseResult(lines.at(-1) ?? "") as RunEvent).event, "run_finished");
  });

  test("--quiet keeps stderr empty, in a pipe and on a terminal", async () => {
    for (const stderr of [recordingOutput(), recordingOutput(terminal)]) {
      await followRun(eventsOf(), contextWith(recordingOutput(), stderr, { quiet: true }));
      assert.equal(stderr.text, "");
    }
  });

  test("a terminal gets a block that is erased, with the cursor given back", async () => {
    const stderr = recordingOutput(terminal);
    await followRun(eventsOf(), contextWith(recordingOutput(terminal), stderr));
    assert.ok(stderr.text.startsWith("\u001b[?25l"));
    assert.ok(stderr.text.endsWith("\u001b[J\u001b[?25h"));
  });

  test("a run that breaks off leaves what it finished on the terminal", async () => {
    const stderr = recordingOutput(terminal);
    await assert.rejects(followRun(eventsOf(13), contextWith(recordingOutput(terminal), stderr)), /stopped/);
    assert.match(
      stderr.text.slice(stderr.text.lastIndexOf(showCursor) + showCursor.length),
      /^aws_cur 2025-03 new: .*\n$/,
    );
  });

  test("--json on the same terminal draws no block between the lines", async () => {
    const stderr = recordingOutput(terminal);
    await followRun(eventsOf(), contextWith(recordingOutput(terminal), stderr, { json: true }));
    assert.equal(stderr.text, "");
  });

  test("progress is drawn on a terminal, and is neither a line in a pipe nor in a log", async () => {
    async function* watchedRun(): AsyncGenerator<RunEvent> {
      for (const event of watched) yield await Promise.resolve(event);
    }
    const pipes = [recordingOutput(), recordingOutput()] as const;
    for (const [pipe, source] of [
      [pipes[0], eventsOf()],
      [pipes[1], watchedRun()],
    ] as const) {
      await followRun(source, contextWith(recordingOutput(), pipe, { verbose: true }));
    }
    assert.equal(pipes[1].text, pipes[0].text);
    const stderr = recordingOutput(terminal);
    assert.equal(wantsProgress(contextWith(recordingOutput(terminal), stderr)), true);
    assert.equal(wantsProgress(contextWith(recordingOutput(), recordingOutput())), false);
    assert.equal(wantsProgress(contextWith(recordingOutput(), stderr, { quiet: true })), false);
    assert.equal(wantsProgress(contextWith(recordingOutput(), recordingOutput(), { json: true })), false);
    assert.equal(wantsProgress(contextWith(recordingOutput(), recordingOutput(), { json: true, verbose: true })), true);
  });

  test("a stop is announced", async () => {
    const stop = new AbortController();
    const stderr = recordingOutput();
    async function* stopping(): AsyncGenerator<RunEvent> {
      for await (const event of eventsOf()) {
        if (event.event === "month_loaded") stop.abort();
        yield event;
      }
    }
    await followRun(stopping(), contextWith(recordingOutput(), stderr, {}, stop.signal));
    assert.match(stderr.text, /Stopping: the month at work is rolled back\. A second Ctrl-C stops at once\.\n/);
  });
});

test("a live block redraws the same lines and can be stopped twice", () => {
  const output = recordingOutput(terminal);
  const block = startLiveBlock(output, () => ["one", "two"]);
  block.print("kept");
  block.stop();
  block.stop();
  assert.equal(
    output.text,
    [
      "\u001b[?25l\rone\u001b[K\ntwo\u001b[K\n\u001b[J",
      "\r\u001b[2Akept\u001b[K\none\u001b[K\ntwo\u001b[K\n\u001b[J",
      "\r\u001b[2A\u001b[J\u001b[?25h",
    ].join(""),
  );
});

test("exit codes distinguish failed months from failed exports", () => {
  assert.equal(runExitCode(idle), 0);
  assert.equal(runExitCode(finished), 3);
  const [aws, azure] = finished.pipelines;
  assert.ok(aws && azure);
  assert.equal(runExitCode({ ...finished, pipelines: [{ ...aws, failed: [] }, azure] }), 1);
  assert.equal(runExitCode({ ...finished, pipelines: [{ ...aws, failed: [] }] }), 0);
});

test("a load that only adds days, or changes a month that is not over, is called an update and not a restatement", () => {
  const [month] = finished.pipelines.flatMap(({ loaded }) => loaded).filter(({ previous }) => previous !== null);
  assert.ok(month);
  assert.match(restatement(month) ?? "", /^2025-01 restated: /);
  assert.match(restatement({ ...month, isRestatement: false }) ?? "", /^2025-01 updated: /);
});
