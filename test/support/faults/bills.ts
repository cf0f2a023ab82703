import { createHash } from "node:crypto";
import { curColumns, curDelivery, curRow, curRows, type Delivery } from "../deliveries.ts";

const team = "resourceTags/user:team";
const columns = [...curColumns, team];

/** Text that gzip cannot make smaller: a file of it is longer than the first look at its header. */
const noise = (row: number): string => createHash("sha512").update(`row ${row}`).digest("base64");

function tagged(row: number): ReturnType<typeof curRow> {
  const cells = { "identity/LineItemId": noise(row), "lineItem/UnblendedCost": `0.${row + 1}`, [team]: "web" };
  return curRow("2025-02", cells);
}

/** Loaded before the run that is disturbed. */
export const before: readonly Delivery[] = [
  curDelivery({ month: "2024-12", id: "20250101T000000Z", files: [curRows("2024-12", "7.5")] }),
  curDelivery({
    month: "2025-01",
    id: "20250201T000000Z",
    files: [curRows("2025-01", "1", "2"), curRows("2025-01", "3")],
  }),
];

/** Delivered since: a month restated, and a new one with a column that the table does not have yet. */
export const since: readonly [restated: Delivery, fresh: Delivery] = [
  curDelivery({
    month: "2025-01",
    id: "20250203T000000Z",
    files: [curRows("2025-01", "10", "-0.05"), curRows("2025-01", "20", "30")],
  }),
  curDelivery({
    month: "2025-02",
    id: "20250301T000000Z",
    files: [[tagged(0), tagged(1)], Array.from({ length: 90 }, (_, row) => tagged(row + 2))],
    columns,
  }),
];

/** The months of both. */
export const months: readonly string[] = ["2024-12", "2025-01", "2025-02"];

/** What faults strike: the second file, or the manifest, of the new month, which is loaded first. */
export const targets: { readonly file: string; readonly manifest: string } = {
  file: since[1].fileKeys[1] ?? "",
  manifest: since[1].manifestKey,
};
