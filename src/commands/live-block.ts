import type { CommandContext, Output } from "./context.ts";

/** Lines at the bottom of a terminal that are redrawn in place. */
export interface LiveBlock {
  /** Erases the block and gives the cursor back. Safe to repeat. */
  stop(): void;
  /** Prints lines above the block, to stay. */
  print(text: string): void;
}

/** Shows the cursor again, for a program that ends while a block is drawn. */
export const showCursor = "\u001b[?25h";

/** Draws a block ten times a second, until it is stopped. */
export function startLiveBlock(output: Output, lines: () => readonly string[]): LiveBlock {
  let drawn = 0;
  let stopped = false;
  // Lines are overwritten and not erased first, so that the block does not flicker.
  const draw = (before: readonly string[] = []): void => {
    const block = lines();
    const text = [...before, ...block].map((line) => `${line}${eraseRest}\n`).join("");
    output.write(`${toStart(drawn)}${text}${eraseBelow}`);
    drawn = block.length;
  };
  output.write("\u001b[?25l");
  draw();
  const timer = setInterval(() => draw(), 100);
  return {
    stop(): void {
      if (stopped) return;
      stopped = true;
      clearInterval(timer);
      output.write(`${toStart(drawn)}${eraseBelow}${showCursor}`);
    },
    print(text: string): void {
      draw(text.split("\n"));
    },
  };
}

const eraseRest = "\u001b[K";
const eraseBelow = "\u001b[J";

/** Moves the cursor to the start of a block of so many lines above it. */
function toStart(lines: number): string {
  return lines === 0 ? "\r" : `\r\u001b[${lines}A`;
}

/** Whether the progress of a command is drawn: on a terminal, where nothing else writes meanwhile. */
export function isWatched(context: Watched): boolean {
  const { stderr, flags } = context;
  return !flags.quiet && stderr.isTerminal && !isContested(context);
}

/** Whether JSON goes to the place of stderr: two writers on one terminal would tear each other's lines apart. */
export function isContested({ stdout, flags, sharedOutput }: Watched): boolean {
  return flags.json && (stdout.isTerminal || sharedOutput);
}

type Watched = Pick<CommandContext, "stdout" | "stderr" | "flags" | "sharedOutput">;

/** Draws a block while work is done, if somebody watches; `lines` gets the time in milliseconds and the width. */
export async function withLiveBlock<T>(
  context: CommandContext,
  lines: (time: number, width: number) => readonly string[],
  work: () => Promise<T>,
): Promise<T> {
  if (!isWatched(context)) return work();
  const { stderr, signal } = context;
  const block = startLiveBlock(stderr, () => lines(context.now().getTime(), blockWidth(stderr)));
  const stop = (): void => block.stop();
  // A command that only reads ends at once when it is stopped.
  signal.addEventListener("abort", stop);
  try {
    return await work();
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

/** The width of a block: a line that fills the terminal would wrap on some. */
export function blockWidth({ columns }: Pick<Output, "columns">): number {
  return Math.max(columns - 1, 20);
}
