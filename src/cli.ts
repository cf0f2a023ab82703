#!/usr/bin/env node
// Any version of Node may read this file, so it imports nothing (types do not count) before it has checked the version.
import type { ExitCode } from "./commands/context.ts";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

// Otherwise anybody who may signal this process could open Node's inspector, and read the cloud keys that it holds
// (https://nodejs.org/api/process.html#signal-events).
process.on("SIGUSR1", () => {});

if (major > 22 || (major === 22 && minor >= 18)) {
  process.exitCode = await main();
} else {
  const message = `billhouse needs Node.js 22.18 or newer, and this is ${process.versions.node}.`;
  const hint = "Install a newer one from https://nodejs.org, or run it with: npx -y node@24";
  if (process.argv.includes("--json")) {
    process.stdout.write(`${JSON.stringify({ error: { code: "USAGE_INVALID", message, hint } })}\n`);
  } else {
    process.stderr.write(`✖ ${message}   USAGE_INVALID\n  ${hint}\n`);
  }
  process.exitCode = 64;
}

async function main(): Promise<ExitCode> {
  const [{ createOutput, stopSignal }, { runProgram }, { reportFailure }] = await Promise.all([
    import("./commands/terminal.ts"),
    import("./commands/program.ts"),
    import("./commands/failure.ts"),
  ]);
  const words = process.argv.slice(2);
  const environment = process.env;
  const stdout = createOutput(process.stdout, "The standard output", environment);
  const stderr = createOutput(process.stderr, "The standard error", environment);
  // Read from the words, because the words themselves can be what is wrong.
  const flags = { json: words.includes("--json"), debug: words.includes("--debug") };
  let exitCode: ExitCode;
  try {
    exitCode = await runProgram(words, {
      folder: process.cwd(),
      environment,
      stdin: () => process.stdin,
      stdout,
      stderr,
      signal: stopSignal(process, stderr),
      now: () => new Date(),
    });
  } catch (error) {
    exitCode = reportFailure(error, { stdout, stderr, flags });
    // A query that was left may still be at work in the database, and would keep the process alive.
    if (exitCode === 130) process.exit(exitCode);
  }
  try {
    await stdout.finish();
  } catch (error) {
    const failed = reportFailure(error, { stdout, stderr, flags: { ...flags, json: false } });
    return exitCode === 0 ? failed : exitCode;
  }
  return exitCode;
}
