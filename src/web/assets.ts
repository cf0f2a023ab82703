import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** A file that pages use. */
export interface Asset {
  /** Its address, which changes with its content, so that browsers keep it. */
  readonly path: string;
  readonly type: string;
  readonly content: Buffer;
}

/** The style, the script and the icon of the pages, by name. They are beside this file, and beside the bundle. */
export function readAssets(): Readonly<Record<"style" | "script" | "icon", Asset>> {
  return {
    style: readAsset("style.css", "text/css; charset=utf-8"),
    script: readAsset("script.js", "text/javascript; charset=utf-8"),
    icon: readAsset("icon.svg", "image/svg+xml"),
  };
}

function readAsset(name: string, type: string): Asset {
  const content = readFileSync(new URL(`assets/${name}`, import.meta.url));
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 12);
  return { path: `/assets/${hash}-${name}`, type, content };
}
