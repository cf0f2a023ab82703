import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { type FailureContext, reportFailure } from "../../src/commands/failure.ts";
import { createOutput, type OutputStream, stopSignal } from "../../src/commands/terminal.ts";
import { BillhouseError, type ErrorCode } from "../../src/errors.ts";
import { obeyed, recordingOutput } from "../support/recorded.ts";
import { rejects } from "../support/rejects.ts";

function report(
  error: unknown,
  flags: FailureContext["flags"] = { json: false, debug: false, logFormat: undefined },
): { code: number; stdout: string; stderr: string } {
  const [stdout, stderr] = [recordingOutput(), recordingOutput()];
  const code = reportFailure(error, { stdout, stderr, flags });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

test("a known error is three lines, and its code decides the exit code", () => {
  const codes: Readonly<Partial<Record<ErrorCode, number>>> = {
    CONFIG_INVALID: 64,
    USAGE_INVALID: 64,
    INTERRUPTED: 130,
    WAREHOUSE_LOCKED: 1,
    QUERY_INVALID: 1,
  };
  for (const [code, exitCode] of Object.entries(codes)) {
    const error = new BillhouseError(code as ErrorCode, "It is so.", { hint: "Do this.\n\n  and that" });
    assert.deepEqual(report(error), {
      code: exitCode,
      stdout: "",
      stderr: `✖ It is so.   ${code}\n  Do this.\n\n    and that\n`,
    });
  }
});

test("escape sequences in a message are spelt out", () => {
  const { stderr } = report(new BillhouseError("FILE_INVALID", "a\u001b[2Jb", { hint: "c\u0007" }), {
    json: false,
    debug: true,
    logFormat: undefined,
  });
  assert.doesNotMatch(stderr, obeyed);
});

test("anything else is a bug with its stack", () => {
  const { code, stdout, stderr } = report(new TypeError("x is not a function"));
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /^TypeError: x is not a function\n\s+at /);
  assert.match(stderr, /This is a bug in billhouse\. Report it/);
  const json = report(new TypeError("x"), { json: true, debug: false, logFormat: undefined });
  assert.deepEqual([json.code, json.stderr], [1, ""]);
  assert.equal((JSON.parse(json.stdout) as { error: { code: string } }).error.code, "INTERNAL");
});

test("--debug shows the cause", () => {
  const error = new BillhouseError("STORAGE_DENIED", "No.", { hint: "Ask.", cause: new Error("the real reason") });
  assert.match(report(error, { json: false, debug: true, logFormat: undefined }).stderr, /the real reason/);
  assert.doesNotMatch(report(error).stderr, /the real reason/);
});

class FakeStream extends EventEmitter {
  written = "";
  readonly isTTY: boolean;
  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }
  write(text: string, done: () => void = () => {}): boolean {
    this.written += text;
    done();
    return true;
  }
}

function outputOf(
  isTTY: boolean,
  environment: Readonly<Record<string, string>> = {},
): ReturnType<typeof createOutput> & { stream: FakeStream } {
  const stream = new FakeStream(isTTY);
  return Object.assign(createOutput(stream as unknown as OutputStream, "The output", environment), { stream });
}

test("colour and cursor movements are for terminals that want them", () => {
  const look = (isTTY: boolean, environment = {}): readonly [boolean, boolean] => {
    const { isTerminal, colour } = outputOf(isTTY, environment);
    return [isTerminal, colour];
  };
  assert.deepEqual(look(true), [true, true]);
  assert.deepEqual(look(true, { NO_COLOR: "1" }), [true, false]);
  assert.deepEqual(look(true, { NO_COLOR: "" }), [true, true]);
  assert.deepEqual(look(true, { TERM: "dumb" }), [false, false]);
  assert.deepEqual(look(false), [false, false]);
});

test("a reader that went away is not a failure", async () => {
  const stream = new FakeStream(false);
  const output = createOutput(stream as unknown as OutputStream, "The output", {});
  output.write("one");
  stream.emit("error", Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
  output.write("two");
  assert.deepEqual([stream.written, output.closed], ["one", true]);
  await output.finish();
});

test("an output on a full disk fails when everything else is done, and stops nothing before", async () => {
  const stream = new FakeStream(false);
  const output = createOutput(stream as unknown as OutputStream, "The output", {});
  output.write("one");
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  setImmediate(() => stream.emit("error", full));
  await rejects(output.finish(), "OUTPUT_FAILED", "The output cannot be written: ENOSPC");
  output.write("two");
  assert.deepEqual([stream.written, output.closed], ["one", true]);
});

test("who writes much waits until the reader has taken it, or has gone", async () => {
  const stream = Object.assign(new FakeStream(false), { writableNeedDrain: false });
  const output = createOutput(stream as unknown as OutputStream, "The output", {});
  await output.drained();
  stream.writableNeedDrain = true;
  const order: string[] = [];
  const waits = output.drained().then(() => order.push("goes on"));
  await new Promise((resolve) => setImmediate(resolve));
  order.push("drained");
  stream.emit("drain");
  await waits;
  assert.deepEqual(order, ["drained", "goes on"]);
  const left = output.drained();
  stream.emit("error", Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
  await left;
  await output.drained();
});

test("the first Ctrl-C aborts, the second one leaves and shows the cursor", () => {
  const exits: number[] = [];
  const program = Object.assign(new EventEmitter(), { exit: (code: number) => void exits.push(code) });
  const stderr = recordingOutput({ isTerminal: true });
  const signal = stopSignal(program, stderr);
  assert.equal(signal.aborted, false);
  program.emit("SIGINT");
  assert.deepEqual([signal.aborted, exits, stderr.text], [true, [], ""]);
  program.emit("SIGTERM");
  assert.deepEqual([exits, stderr.text], [[130], "\u001b[?25h"]);
});
