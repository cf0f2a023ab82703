import { monthSpan } from "../../src/schema/periods.ts";
import {
  azureDelivery,
  azureRows,
  csvText,
  azureColumns,
  curDelivery,
  curRows,
  type Delivery,
} from "../support/deliveries.ts";
import { azureLegacyDelivery, cur2Row, dataExportDelivery } from "../support/deliveries-of-exports.ts";

/** One way in which a cloud lays out the deliveries of an export. */
export interface Layout {
  readonly name: string;
  /** Below which everything lies. */
  readonly prefix: string;
  /** The delivery of the month with this number, of so many files. */
  deliver(number: number, files: number): Promise<SimulatedDelivery>;
  /** Whether a delivery takes away what the one before it wrote. */
  readonly removesOlder: boolean;
  /** Whether half a file can be distinguished from a complete one: by its declared size, or because it is compressed. */
  readonly hasProof: boolean;
  /** The days of March that the delivery with this number covers; null where every one is the whole month. */
  readonly days: ((number: number) => readonly [first: number, last: number]) | null;
}

/** A delivery, with the cost of each of its rows. */
export interface SimulatedDelivery extends Delivery {
  readonly number: number;
  readonly costs: readonly string[];
}

/** The month of which all deliveries are. */
export const month = "2025-03";

/** Every layout that formats of AWS and Azure have. Each file of each delivery has bytes of its own. */
export const layouts: readonly Layout[] = everyLayout().map((layout) => ({
  days: null,
  ...layout,
  hasProof: !layout.name.startsWith("Azure legacy"),
  deliver: async (number, files) => ({
    ...(await layout.deliver(number, files)),
    number,
    costs: costs(number, layout.hasOneFile === true ? 1 : files).flat(),
  }),
}));

interface RawLayout extends Pick<Layout, "name" | "prefix" | "removesOlder"> {
  readonly days?: Exclude<Layout["days"], null>;
  readonly hasOneFile?: boolean;
  deliver(number: number, files: number): Promise<Delivery>;
}

function everyLayout(): readonly RawLayout[] {
  return [
    ...(["create-new", "overwrite"] as const).map((shape) => ({
      name: `AWS CUR, ${shape}`,
      prefix: "cur",
      removesOlder: false,
      deliver: async (number: number, files: number) =>
        curDelivery({
          month,
          id: idOf(number),
          shape,
          files: costs(number, files).map((each) => curRows(month, ...each)),
        }),
    })),
    ...(["create-new", "overwrite"] as const).map((shape) => ({
      name: `AWS Data Exports, ${shape}`,
      prefix: "exports",
      removesOlder: false,
      deliver: async (number: number, files: number) => {
        const rows = costs(number, files).map((each) =>
          each.map((cost) => cur2Row(month, { line_item_unblended_cost: cost })),
        );
        return dataExportDelivery(
          { month, id: idOf(number), shape, runTime: `${submitted(number)}.000Z`, files: rows },
          "",
        );
      },
    })),
    ...[
      { name: "Azure, create-new", shape: "create-new" as const, runFolder: true },
      { name: "Azure, overwrite", shape: "overwrite" as const, runFolder: true },
      { name: "Azure, overwrite without run folders", shape: "overwrite" as const, runFolder: false },
    ].map(({ name, shape, runFolder }) => ({
      name,
      prefix: "exports",
      removesOlder: shape === "overwrite" && runFolder,
      deliver: async (number: number, files: number) =>
        azureDelivery({
          month,
          id: idOf(number),
          shape,
          runFolder,
          format: "csv",
          pathTime: pathTime(number),
          files: costs(number, files).map((each) => azureRows(month, ...each)),
          // Counts would find what sizes do not.
          declared: { total: null, blobs: costs(number, files).map(() => null) },
        }),
    })),
    ...[
      { name: "Azure, week by week", days: (number: number) => [number * 7 - 6, number * 7] as const },
      {
        name: "Azure, weeks that overlap, with gaps",
        days: (number: number) => overlapping[number - 1] ?? ([1, 31] as const),
      },
    ].map(({ name, days }) => ({
      name,
      days,
      prefix: "exports",
      removesOlder: false,
      deliver: async (number: number, files: number) => {
        const [start = "", end = ""] = days(number).map((day) => `${month}-${String(day).padStart(2, "0")}`);
        return azureDelivery({
          month,
          id: idOf(number),
          days: { start, end },
          format: "csv",
          pathTime: pathTime(number),
          files: costs(number, files).map((each) => azureRows(month, ...each)),
          declared: { total: null, blobs: costs(number, files).map(() => null) },
        });
      },
    })),
    ...(["partitioned", "plain"] as const).map((kind) => ({
      name: `Azure legacy, ${kind}`,
      prefix: "exports",
      removesOlder: kind === "plain",
      hasOneFile: kind === "plain",
      deliver: async (number: number, files: number) => {
        const texts = costs(number, kind === "plain" ? 1 : files).map((each) =>
          csvText(azureColumns, azureRows(month, ...each)),
        );
        // A plain export that runs again writes its file again.
        const id = kind === "plain" ? idOf(0) : idOf(number);
        return azureLegacyDelivery({
          month,
          id,
          kind,
          files: texts,
          pathTime: pathTime(number),
          span: monthSpan(month),
        });
      },
    })),
  ];
}

/** The third run covers as many days as the first two together; gaps are left whatever is taken. */
const overlapping: readonly (readonly [first: number, last: number])[] = [
  [2, 8],
  [11, 16],
  [8, 20],
  [22, 30],
];

function idOf(number: number): string {
  return `${String(number).padStart(8, "0")}-0000-4000-8000-000000000000`;
}

/** Costs of the rows of each file: no two files of any deliveries are alike. */
function costs(number: number, files: number): readonly (readonly string[])[] {
  return Array.from({ length: files }, (_, file) => [`${number}.${file}1`, `${number}.${file}2`, `${number}.${file}3`]);
}

function submitted(number: number): string {
  return new Date(Date.UTC(2025, 3, 5) + number * 6 * 3_600_000).toISOString().slice(0, 19);
}

function pathTime(number: number): string {
  return submitted(number).replaceAll(/\D/g, "").slice(0, 12);
}
