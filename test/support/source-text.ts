/** What a character of a source file belongs to; `text` is what stands between quotes, slashes or backticks. */
type Kind = "code" | "comment" | "text";

/** An import, or an export from elsewhere, as a source file writes it. */
export interface Import {
  /** What stands between the quotes. */
  readonly from: string;
  /** `value` loads the module at once, `dynamic` when it is reached, `type` never. */
  readonly how: "value" | "dynamic" | "type";
}

/** The source with comments blanked out and, unless they are wanted, the insides of strings; places stay the same. */
export function codeOf(source: string, options: { withStrings?: boolean } = {}): string {
  const kinds = kindsOf(source);
  return source.replace(/[^\n]/gu, (character, index: number) =>
    kinds[index] === "code" || (options.withStrings === true && kinds[index] === "text") ? character : " ",
  );
}

/** Every import of a TypeScript source, in the order: static ones, dynamic ones. */
export function importsOf(source: string): readonly Import[] {
  const code = codeOf(source, { withStrings: true });
  const bare = codeOf(source);
  const isCode = (index: number): boolean => (bare[index] ?? " ").trim() !== "";
  // An `import { type A } from "x"` still loads x: `verbatimModuleSyntax` erases only `import type`.
  const fixed = /^(?<word>import|export)\b(?<type> type\b)?(?:[\w\s*{},$]*?\bfrom)? *"(?<from>[^"]+)"/gmu;
  const lazy = /\bimport\(\s*"(?<from>[^"]+)"/gu;
  return [
    ...[...code.matchAll(fixed)].map((match) => ({ match, how: match.groups?.["type"] ? "type" : "value" }) as const),
    ...[...code.matchAll(lazy)].map((match) => ({ match, how: "dynamic" }) as const),
  ]
    .filter(({ match }) => isCode(match.index))
    .map(({ match, how }) => ({ from: match.groups?.["from"] ?? "", how }));
}

/** The lines, from 1, where an expression is found in a text. */
export function linesWith(text: string, expression: RegExp): readonly number[] {
  return [...text.matchAll(expression)].map((match) => text.slice(0, match.index).split("\n").length);
}

function kindsOf(source: string): readonly Kind[] {
  const kinds = Array.from<Kind>({ length: source.length }).fill("code");
  /** For each template we are inside of: how many braces are open in its `${}`. */
  const templates: number[] = [];
  let index = 0;
  const take = (expression: RegExp, kind: Kind, inside: boolean): void => {
    expression.lastIndex = index;
    const length = expression.exec(source)?.[0].length ?? 1;
    if (inside) kinds.fill(kind, index + 1, index + length - 1);
    else kinds.fill(kind, index, index + length);
    index += length;
  };
  while (index < source.length) {
    const character = source[index] ?? "";
    const open = templates.at(-1);
    if (source.startsWith("//", index)) take(/[^\n]*/y, "comment", false);
    else if (source.startsWith("/*", index)) take(/\/\*[\s\S]*?\*\//y, "comment", false);
    else if (character === '"') take(/"(?:\\.|[^"\\\n])*"/y, "text", true);
    else if (character === "'") take(/'(?:\\.|[^'\\\n])*'/y, "text", true);
    else if (character === "/" && mayStartExpression(source.slice(0, index), kinds)) {
      take(/\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/[\\\n])+\//y, "text", true);
    } else if (character === "`" || (character === "}" && open === 0)) {
      if (character === "}") templates.pop();
      take(/[`}](?:\\[\s\S]|\$(?!\{)|[^`\\$])*(?:`|\$\{)/y, "text", true);
      if (source[index - 1] === "{") templates.push(0);
    } else {
      if (open !== undefined && character === "{") templates[templates.length - 1] = open + 1;
      if (open !== undefined && character === "}") templates[templates.length - 1] = open - 1;
      index += 1;
    }
  }
  return kinds;
}

/** Whether a slash after this text opens a regular expression rather than divides. */
function mayStartExpression(before: string, kinds: readonly Kind[]): boolean {
  let index = before.length - 1;
  while (index >= 0 && (kinds[index] === "comment" || /\s/u.test(before[index] ?? ""))) index -= 1;
  const code = before.slice(Math.max(0, index - 10), index + 1);
  return code === "" || /(?:[(,=:[!&|?{};+*%<>~^-]|\b(?:return|case|typeof|of|in|throw|yield|await))$/u.test(code);
}
