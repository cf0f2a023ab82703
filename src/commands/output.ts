import { styleText, stripVTControlCharacters } from "node:util";
import type { ReportedError } from "../pipeline/events.ts";
import type { CommandContext, Output } from "./context.ts";

/** The few looks that billhouse's screens have. */
export type Look = "good" | "bad" | "changed" | "quiet" | "strong";

const formats = { good: "green", bad: "red", changed: "yellow", quiet: "dim", strong: "bold" } as const;

/** Gives text a look where colours are wanted, and leaves it alone elsewhere. */
export function paint(output: Pick<Output, "colour">, look: Look, text: string): string {
  // The stream was judged once, when the output was made.
  return output.colour && text !== "" ? styleText(formats[look], text, { validateStream: false }) : text;
}

/** What a screen depends on besides its data. */
export interface ScreenStyle extends Pick<Output, "colour"> {
  /** Whether nothing is shortened or left out. */
  readonly verbose: boolean;
  /** Width of the terminal in characters, to which long text is wrapped; 0 where lines may have any width. */
  readonly columns: number;
}

/** The style of a command's screen on its standard output. */
export function screenStyle({ stdout, flags }: Pick<CommandContext, "stdout" | "flags">): ScreenStyle {
  return { colour: stdout.colour, verbose: flags.verbose, columns: stdout.columns };
}

/** A column of a table: which way its cells lean. */
export type Lean = "left" | "right";

/**
 * Text with lines no wider than `width`, broken between words; new lines start with `indent` blanks, and the first one
 * is taken to start there, too. A word that is wider stays whole, so that a path can be copied; so do a command in
 * backticks or from `unbroken`, and a line that starts with a blank. Width 0 wraps nothing.
 */
export function wrapText(text: string, width: number, indent: number): string {
  const blanks = " ".repeat(indent);
  // Below twenty columns hanging text is unreadable.
  const room = width === 0 ? 0 : Math.max(width - indent, 20);
  return text
    .split("\n")
    .flatMap((line) => (room === 0 || /^\s/.test(line) ? [line] : wrappedLine(line, room)))
    .map((line, index) => (index === 0 || line === "" ? line : blanks + line))
    .join("\n")
    .replaceAll(noBreakSpace, " ");
}

/** A command as part of a text that `wrapText` wraps: it stays on one line, so that it can be copied. */
export function unbroken(command: string): string {
  return command.replaceAll(" ", noBreakSpace);
}

function wrappedLine(text: string, room: number): string[] {
  const lines: string[] = [];
  let [line, used] = ["", 0];
  // The blanks before a word belong to it: they are lost where the line is broken.
  for (const { gap, word, wide } of wordsOf(text)) {
    if (used > 0 && used + gap.length + wide > room) {
      lines.push(line);
      [line, used] = [word, wide];
    } else {
      line += gap + word;
      used += gap.length + wide;
    }
  }
  return [...lines, line];
}

/** What stays whole when a text is wrapped: words, and commands in backticks; with the blanks before it, and its width. */
export function wordsOf(text: string): { readonly gap: string; readonly word: string; readonly wide: number }[] {
  return [...text.matchAll(/([ \n]*)((?:`[^`]*`|[^ \n])+)/g)].map(([, gap = "", word = ""]) => ({
    gap,
    word,
    wide: displayWidth(word),
  }));
}

/** A cell filled up to a width. */
export function padCell(cell: string, width: number, lean: Lean = "left"): string {
  const blanks = " ".repeat(Math.max(width - displayWidth(cell), 0));
  return lean === "right" ? blanks + cell : cell + blanks;
}

/** How many columns of a terminal a text takes; about as many as it has characters where it is longer than any screen. */
export function displayWidth(text: string): number {
  const plain = text.includes("\u001b") ? stripVTControlCharacters(text) : text;
  // To find the characters of a megabyte takes seconds.
  if (plain.length > longestLine || /^[ -~]*$/.test(plain)) return plain.length;
  let width = 0;
  for (const { segment } of characters(plain)) width += wide.test(segment) ? 2 : 1;
  return width;
}

/** Text cut to a width, with `…` where something is missing. */
export function cutText(text: string, width: number): string {
  // A character can carry any number of marks: a line is short in every sense.
  const start = text.slice(0, width * unitsPerColumn);
  if (start === text && displayWidth(text) <= width) return text;
  let cut = "";
  for (const { segment } of characters(start)) {
    if (displayWidth(cut + segment) > width - 1) break;
    cut += segment;
  }
  return `${cut}…`;
}

/**
 * Text from outside as it may be drawn: control characters, terminal escape sequences and marks that turn the direction
 * of writing are spelt out (`\x1b`), so that a bill can neither move the cursor nor dress up as something else.
 */
export function visible(text: string): string {
  if (/^[ -~]*$/.test(text)) return text;
  return text.replace(hidden, (character) => {
    const known = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[character];
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return known ?? (code.length < 3 ? `\\x${code.padStart(2, "0")}` : `\\u{${code}}`);
  });
}

/** JSON that is safe to print: characters that JSON allows but a terminal might obey are escaped. The value stays the same. */
export function jsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(
    value,
    (_, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner),
    indent,
  );
  if (/^[\n -~]*$/.test(text)) return text;
  return text.replace(hidden, (character) =>
    // The only control character that JSON itself leaves is the line feed of the indentation.
    character === "\n"
      ? character
      : character.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`),
  );
}

/**
 * A result of the library as `--json` writes it: property names in snake_case. Keys that are data (currencies below
 * `cost`) are not changed.
 */
export function resultText(result: unknown, indent?: number): string {
  return jsonText(snakeCased(result), indent);
}

function snakeCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCased);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name.replace(/(?<=[a-z0-9])[A-Z]/g, (capital) => `_${capital.toLowerCase()}`),
      keyedByData.has(name) ? inner : snakeCased(inner),
    ]),
  );
}

/** Properties of results whose keys come from a bill, not from billhouse. */
const keyedByData: ReadonlySet<string> = new Set(["accountNames", "cost", "keys", "examples"]);

/** An execution's id as a table shows it: enough of a long one to recognise it. `--json` and `--verbose` have it whole. */
export function shortId(id: string | null): string {
  if (id === null) return "";
  return visible(/^[0-9a-f]{8}-[0-9a-f]{4}-/i.test(id) ? id.slice(0, 8) : cutText(id, 20));
}

/** The executions of a load, oldest first: all of them with `--verbose`, else the newest and how many there are beside it. */
export function executionNames(ids: readonly string[], { verbose }: Pick<ScreenStyle, "verbose">): string {
  if (verbose) return ids.map(visible).join(", ");
  return [shortId(ids.at(-1) ?? null), ...(ids.length > 1 ? [`+${ids.length - 1}`] : [])].join(" ");
}

/**
 * An error inside a screen, wrapped: the message with its code, which starts at column `indent`, and the hint below.
 */
export function errorLines(error: Omit<ReportedError, "stack">, style: ScreenStyle, indent: number): string[] {
  return wrapText(errorText(error, style), style.columns, indent).split("\n");
}

/** An error as one text: the message with its code, and the hint on the lines below. */
export function errorText(error: Omit<ReportedError, "stack">, style: Pick<Output, "colour">): string {
  const [first = "", ...more] = error.message.split("\n").map(visible);
  const hint = error.hint.split("\n").map((line) => paint(style, "quiet", visible(line)));
  return [`${first}   ${paint(style, "bad", error.code)}`, ...more, ...hint].join("\n");
}

/** A note on what a screen shows, wrapped: `  ! 2025-03 is missing.` */
export function noteLine(note: string, style: ScreenStyle, look: Look = "changed", indent = 2): string {
  return `${" ".repeat(indent)}${paint(style, look, "!")} ${wrapText(visible(note), style.columns, indent + 2)}`;
}

/** Warnings with their codes and hints, each with a mark. */
export function warningParts(warnings: readonly Omit<ReportedError, "stack">[], style: ScreenStyle): string[] {
  return warnings.map((warning) => `${paint(style, "changed", "!")} ${errorLines(warning, style, 2).join("\n")}`);
}

/** The name of an export and the table it fills, as a heading. */
export function heading(
  pipeline: { readonly name: string; readonly table: string },
  style: Pick<Output, "colour">,
): string {
  return `${paint(style, "strong", visible(pipeline.name))} -> ${visible(pipeline.table)}`;
}

const noBreakSpace = "\u00a0";

const longestLine = 10_000;

// The longest usual characters, families of emoji, have eleven units and two columns.
const unitsPerColumn = 16;

/** The characters of a text as people count them. The tables for that are loaded for the first text outside ASCII. */
function characters(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter("en");
  return segmenter.segment(text);
}

let segmenter: Intl.Segmenter | undefined;

const wide = /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{Emoji_Presentation}|[！-｠]/u;

// Control characters, invisible and direction-turning ones, and the two line ends that only some programs know. Node takes
// milliseconds to compile it, so that text in ASCII is returned before.
const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
