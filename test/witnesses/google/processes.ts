import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { createServer, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A server that somebody else wrote, running. */
export interface RunningServer {
  /** `http://127.0.0.1:<port>`. */
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Runs a program to its end and gives what it printed; throws with its complaint when it fails. */
export function runToEnd(program: string, words: readonly string[], environment: NodeJS.ProcessEnv = {}): string {
  const ended = spawnSync(program, words, { encoding: "utf8", env: { ...process.env, ...environment } });
  if (ended.status === 0) return ended.stdout;
  throw new Error(`${program} ${words.join(" ")} failed: ${ended.error?.message ?? ended.stderr.trim().slice(-2000)}`);
}

/** Starts a server and waits until it answers. `words` gets the port. Error: it ended, or did not answer in a minute. */
export async function startServer(
  program: string,
  words: (port: number) => readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<RunningServer> {
  const port = await freePort();
  const child = spawn(program, words(port), {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-4000);
    });
  }
  const endpoint = `http://127.0.0.1:${port}`;
  try {
    await answers(child, endpoint);
  } catch (cause) {
    await stop(child);
    throw new Error(`${program} did not start: ${output}`, { cause });
  }
  return { endpoint, stop: () => stop(child) };
}

/** A port that nothing listens on right now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function answers(child: ChildProcess, endpoint: string): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (child.exitCode !== null) throw new Error(`it ended with code ${child.exitCode}`);
    // Any answer will do: what a server says at its root is its own affair.
    const answered = await fetch(endpoint).then(
      async (response) => {
        await response.body?.cancel();
        return true;
      },
      () => false,
    );
    if (answered) return;
    await sleep(100);
  }
  throw new Error("it did not answer in a minute");
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), 3000);
  await ended;
  clearTimeout(late);
}
