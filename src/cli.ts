#!/usr/bin/env node
// Any version of Node reads this file, so it imports nothing but types before it has checked the version.
import type { ExitCode } from "./commands/context.ts";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

// Otherwise every process that may signal this one could open Node's inspector and read the cloud keys in memory
// (https://nodejs.org/api/process.html#signal-events).
process.on("SIGUSR1", () => {});

// Warnings of Node and of SDKs (deprecations, the versions of Node that they support) are for developers.
if (!process.argv.includes("--debug")) process.removeAllListeners("warning");

if (major > 22 || (major === 22 && minor >= 18)) {
  // The stack of an error leads to the sources, not to the bundle.
  if (process.argv.includes("--debug")) process.setSourceMapsEnabled(true);
  (await import("./commands/compile-cache.ts")).enableCompileCache(process.env, process.platform);
  process.exitCode = await main();
} else {
  const message = `billhouse needs Node.js 22.18 or newer, and this is ${process.versions.node}.`;
  const hint = "Install a newer one from https://nodejs.org, or put this in front of the command: npx -y -p node@24";
  if (process.argv.includes("--json")) {
    process.stdout.write(`${JSON.stringify({ error: { code: "USAGE_INVALID", message, hint } })}\n`);
  } else {
    process.stderr.write(`✖ ${message}   USAGE_INVALID\n  ${hint}\n`);
  }
  process.exitCode = 64;
}

async function main(): Promise<ExitCode> {
  const [{ createOutput, isSameFile, stopSignal }, { runProgram }, { reportFailure }] = await Promise.all([
    import("./commands/terminal.ts"),
    import("./commands/program.ts"),
    import("./commands/failure.ts"),
  ]);
  const words = process.argv.slice(2);
  const debug = words.includes("--debug");
  const environment = process.env;
  const stdout = createOutput(process.stdout, "The standard output", environment);
  const stderr = createOutput(process.stderr, "The standard error", environment);
  const exitCode = await runProgram(words, {
    folder: process.cwd(),
    environment,
    stdin: () => process.stdin,
    stdout,
    stderr,
    sharedOutput: isSameFile(1, 2),
    signal: stopSignal(process, stderr),
    now: () => new Date(),
  });
  // A query that was interrupted may still run in the database, and would keep the process alive.
  if (exitCode === 130) process.exit(exitCode);
  try {
    await stdout.finish();
  } catch (error) {
    const failed = reportFailure(error, { stdout, stderr, flags: { json: false, debug, logFormat: undefined } });
    return exitCode === 0 ? failed : exitCode;
  }
  return exitCode;
}
