import { readFile } from "node:fs/promises";

const root = new URL("../../", import.meta.url);

/**
 * Whether a test file (`test/faults/kills.test.ts`) has a test of a title: a text that it writes, or a template with what
 * that takes in.
 */
export async function titlesOf(file: string): Promise<(title: string) => boolean> {
  const source = await readFile(new URL(file, root), "utf8");
  const texts = new Set([...source.matchAll(/"((?:\\.|[^"\\\n])*)"/g)].map(([, text]) => text));
  const templates = [...source.matchAll(/\b(?:test|it)\(\s*`([^`]+)`/g)].map(([, template = ""]) => {
    const parts = template.split(/\$\{[^}]*\}/).map((part) => part.replaceAll(/[^\w\s]/g, "\\$&"));
    return new RegExp(`^${parts.join("(.+)")}$`, "s");
  });
  return (title) => {
    if (texts.has(title.replaceAll('"', '\\"'))) return true;
    // What a template takes in is a text of the same file, or the name of a property.
    return templates.some((template) => {
      const taken = template.exec(title)?.slice(1);
      return taken?.every((part) => texts.has(part) || source.includes(`  ${part}: `)) ?? false;
    });
  };
}
