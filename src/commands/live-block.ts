import type { Output } from "./context.ts";

/** Lines at the bottom of a terminal that are drawn again and again in their place. */
export interface LiveBlock {
  /** Erases the block and gives the cursor back. Safe to repeat. */
  stop(): void;
  /** Prints a line above the block, to stay. */
  print(line: string): void;
}

/** What shows the cursor again, for whoever has to end a program in mid-drawing. */
export const showCursor = "\u001b[?25h";

/** Draws a block ten times a second, until it is stopped. */
export function startLiveBlock(output: Output, lines: () => readonly string[]): LiveBlock {
  let drawn = 0;
  let stopped = false;
  const erase = (): string => (drawn === 0 ? "\r\u001b[J" : `\r\u001b[${drawn}A\u001b[J`);
  const draw = (before = ""): void => {
    const block = lines();
    output.write(`${erase()}${before}${block.map((line) => `${line}\n`).join("")}`);
    drawn = block.length;
  };
  output.write("\u001b[?25l");
  draw();
  const timer = setInterval(draw, 100);
  return {
    stop(): void {
      if (stopped) return;
      stopped = true;
      clearInterval(timer);
      output.write(erase() + showCursor);
    },
    print(line: string): void {
      draw(`${line}\n`);
    },
  };
}
