import type { DaySpan, Table } from "../../../src/model.ts";
import { nextMonth } from "../../../src/schema/periods.ts";

/** A delivery that a step finds. */
export interface Delivery {
  readonly billing_month: string;
  readonly execution_id: string;
  readonly rows: number;
  readonly files: number;
  readonly format: "csv" | "parquet";
  readonly submitted_time: string;
  /** The days that it covers; by default the whole month. */
  readonly days?: DaySpan;
}

/** One run, by real dlt or by billhouse, over all deliveries that are there at that time. */
export interface Step {
  readonly by: "dlt" | "billhouse";
  /** dlt's local folder: one that no run has seen, or the scenario's own, which earlier runs left. */
  readonly folder?: "fresh" | "warm";
  /** The older form of the state, lists of ids, which only dlt's side can write. */
  readonly form?: "list";
  readonly deliveries: readonly Delivery[];
  /** Months that this run must load; it must skip all others. Of several deliveries of a month the last is the newest. */
  readonly loads: readonly string[];
}

/** Runs that take turns on one dataset. After each one both sides must agree on what is loaded. */
export interface Scenario {
  readonly cloud: "aws" | "azure";
  readonly steps: readonly Step[];
}

/** The tables of both clouds, under the names of the Python pipelines. */
export const tables: Readonly<Record<"aws" | "azure", Table>> = {
  aws: {
    dataset: "aws_billing_data",
    name: "aws_cur_data",
    pipelineName: "aws_billing_pipeline",
    sourceName: "aws_billing_source",
    idColumn: "assembly_id",
  },
  azure: {
    dataset: "azure_billing_data",
    name: "azure_billing_data",
    pipelineName: "azure_billing_pipeline",
    sourceName: "azure_billing_source",
    idColumn: "run_id",
  },
};

/** Deliveries as `month: execution`. */
function found(executions: Readonly<Record<string, string>>): readonly Delivery[] {
  return Object.entries(executions).map(([billing_month, execution_id]) => ({
    billing_month,
    execution_id,
    rows: 7,
    files: 2,
    format: "csv",
    submitted_time: `${nextMonth(billing_month)}-03T05:06:07.1234567Z`,
  }));
}

const first = found({
  "2025-10": "2f6d0c11-7c43-4a0e-93c5-5b1f0a6f9d02",
  "2025-09": "1c5b2b96-0e4a-4a57-8f60-0d1f7d1e2a01",
});
const second = [...found({ "2025-11": "3a917e52-54b1-4c8b-a1de-77e0c9b8aa03" }), ...first];
// October is restated.
const third = [
  ...found({ "2025-10": "4b02f8c3-11aa-4f5c-8c3b-9d2e4c5d6b04" }),
  ...second.filter((each) => each.billing_month !== "2025-10"),
];
const fourth = [...found({ "2025-12": "5d2f9a10-1c1b-4e0e-8a55-0f7f3a9f0c11" }), ...third];

const firstTimes = found({ "2025-10": "20251103T010203Z", "2025-09": "20251002T000000Z" });
const secondTimes = [...found({ "2025-11": "20251205T040506Z" }), ...firstTimes];
const thirdMixed = [...found({ "2025-12": "5d2f9a10-1c1b-4e0e-8a55-0f7f3a9f0c11" }), ...secondTimes];

// October in two halves, and the second half once more.
const half = (execution_id: string, submitted: string, start: string, end: string): Delivery => ({
  billing_month: "2025-10",
  execution_id,
  rows: 7,
  files: 2,
  format: "csv",
  submitted_time: `${submitted}T05:06:07.1234567Z`,
  days: { start: `2025-10-${start}`, end: `2025-10-${end}` },
});
const firstHalf = half("6a1b2c3d-0000-4000-8000-000000000001", "2025-11-05", "01", "15");
const secondHalf = half("6a1b2c3d-0000-4000-8000-000000000002", "2025-11-06", "16", "31");
const newerHalf = half("6a1b2c3d-0000-4000-8000-000000000003", "2025-11-07", "16", "31");

const both = (steps: readonly Step[], name: string): Readonly<Record<string, Scenario>> => ({
  [`${name} (AWS)`]: { cloud: "aws", steps },
  [`${name} (Azure)`]: { cloud: "azure", steps },
});

const october = ["2025-10"];
const november = ["2025-11"];
const december = ["2025-12"];
const firstMonths = ["2025-10", "2025-09"];

/** Every way in which dlt and billhouse take over from one another. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  ...both(
    [
      { by: "billhouse", deliveries: first, loads: firstMonths },
      { by: "dlt", folder: "fresh", deliveries: second, loads: november },
      { by: "billhouse", deliveries: third, loads: october },
      { by: "dlt", folder: "fresh", deliveries: fourth, loads: december },
    ],
    "billhouse began, dlt continues on a fresh machine",
  ),
  ...both(
    [
      { by: "billhouse", deliveries: first, loads: firstMonths },
      { by: "dlt", folder: "warm", deliveries: second, loads: november },
      { by: "billhouse", deliveries: third, loads: october },
      { by: "dlt", folder: "warm", deliveries: fourth, loads: december },
    ],
    "billhouse began, dlt continues with what it remembers",
  ),
  ...both(
    [
      { by: "dlt", folder: "warm", deliveries: first, loads: firstMonths },
      { by: "billhouse", deliveries: second, loads: november },
      { by: "dlt", folder: "warm", deliveries: third, loads: october },
      { by: "dlt", folder: "fresh", deliveries: third, loads: [] },
      { by: "billhouse", deliveries: fourth, loads: december },
      { by: "dlt", folder: "warm", deliveries: fourth, loads: [] },
    ],
    "dlt began, billhouse continues, and back",
  ),
  ...both(
    [
      { by: "dlt", folder: "warm", form: "list", deliveries: first, loads: firstMonths },
      { by: "billhouse", deliveries: third, loads: ["2025-10", "2025-11"] },
      { by: "dlt", folder: "warm", deliveries: third, loads: [] },
      { by: "dlt", folder: "fresh", deliveries: fourth, loads: december },
    ],
    "dlt began with lists of ids",
  ),
  "a month of two runs: dlt skips it, and replaces it by its newest run": {
    cloud: "azure",
    steps: [
      { by: "billhouse", deliveries: [firstHalf, secondHalf], loads: october },
      { by: "billhouse", deliveries: [firstHalf, secondHalf], loads: [] },
      { by: "dlt", folder: "fresh", deliveries: [secondHalf], loads: [] },
      { by: "dlt", folder: "warm", deliveries: [newerHalf], loads: october },
      { by: "billhouse", deliveries: [firstHalf, secondHalf, newerHalf], loads: october },
      { by: "dlt", folder: "warm", deliveries: [newerHalf], loads: [] },
    ],
  },
  "dlt found nothing at first": {
    cloud: "aws",
    steps: [
      { by: "dlt", folder: "warm", deliveries: [], loads: [] },
      { by: "billhouse", deliveries: first, loads: firstMonths },
      { by: "dlt", folder: "warm", deliveries: second, loads: november },
    ],
  },
  "assembly ids that look like times, billhouse began": {
    cloud: "aws",
    steps: [
      { by: "billhouse", deliveries: firstTimes, loads: firstMonths },
      { by: "dlt", folder: "warm", deliveries: secondTimes, loads: november },
      { by: "billhouse", deliveries: thirdMixed, loads: december },
      { by: "dlt", folder: "warm", deliveries: thirdMixed, loads: [] },
    ],
  },
  "assembly ids that look like times, dlt began": {
    cloud: "aws",
    steps: [
      { by: "dlt", folder: "warm", deliveries: firstTimes, loads: firstMonths },
      { by: "billhouse", deliveries: secondTimes, loads: november },
      { by: "billhouse", deliveries: thirdMixed, loads: december },
      { by: "dlt", folder: "fresh", deliveries: fourth, loads: ["2025-11", "2025-10", "2025-09"] },
      { by: "billhouse", deliveries: fourth, loads: [] },
    ],
  },
};
