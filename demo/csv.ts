/** One row as columns name it; a column that is not there is empty. */
export type Cells = Readonly<Record<string, string>>;

/** CSV text (RFC 4180, lines end with LF) with the columns as its header. */
export function csvText(columns: readonly string[], rows: readonly Cells[]): string {
  const lines = [columns.map(quoted).join(",")];
  for (const row of rows) lines.push(columns.map((column) => quoted(row[column] ?? "")).join(","));
  return `${lines.join("\n")}\n`;
}

function quoted(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
