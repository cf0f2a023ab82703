/** What `--json` wrote, with the property names of the library: the inverse of `resultText`. */
export function parseResult(text: string): unknown {
  return camelCased(JSON.parse(text));
}

function camelCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCased);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      /^[a-z]+(_[a-z]+)+$/.test(name) ? name.replace(/_([a-z])/g, (_, first: string) => first.toUpperCase()) : name,
      camelCased(inner),
    ]),
  );
}
