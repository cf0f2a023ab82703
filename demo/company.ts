import type { BillingMonth } from "../src/model.ts";

/** What an application of the demo's company is called on its resources. */
export interface Application {
  readonly team: string;
  readonly costCenter: string;
  /** The tag key under which its team keeps the cost centre: the company has two spellings, as companies do. */
  readonly costCenterKey: "CostCenter" | "cost-center";
}

/** The name of an application. */
export type ApplicationName =
  | "storefront"
  | "checkout"
  | "search"
  | "analytics"
  | "recommendations"
  | "platform"
  | "untagged";

/** The applications of the demo's company. The bill does not name an owner for `untagged`. */
export const applications: Readonly<Record<ApplicationName, Application | null>> = {
  storefront: { team: "web", costCenter: "CC-1200", costCenterKey: "CostCenter" },
  checkout: { team: "payments", costCenter: "CC-1300", costCenterKey: "CostCenter" },
  search: { team: "web", costCenter: "CC-1200", costCenterKey: "CostCenter" },
  analytics: { team: "data", costCenter: "CC-2100", costCenterKey: "cost-center" },
  recommendations: { team: "machine-learning", costCenter: "CC-2200", costCenterKey: "cost-center" },
  platform: { team: "platform", costCenter: "CC-1000", costCenterKey: "CostCenter" },
  untagged: null,
};

/** The six months that the demo's bills cover: fixed, so that every run writes the same bills. */
export const demoMonths: readonly BillingMonth[] = ["2026-05", "2026-06", "2026-07", "2026-08", "2026-09", "2026-10"];

/** The newest month, which is still open at the first delivery: its rows carry no invoice. */
export const openMonth: BillingMonth = "2026-10";

/** One day of a bill, as generators need it. */
export interface DemoDay {
  /** `YYYY-MM-DD`. */
  readonly date: string;
  /** The day after. */
  readonly next: string;
  /** Days since the first day of the demo, for growth. */
  readonly number: number;
  readonly weekend: boolean;
}

const millisecondsPerDay = 86_400_000;
const firstDay = Date.UTC(2026, 4, 1);

/** The days of a month, in order. */
export function daysOf(month: BillingMonth): DemoDay[] {
  const days: DemoDay[] = [];
  const end = Date.parse(`${nextMonth(month)}-01T00:00:00Z`);
  for (let time = Date.parse(`${month}-01T00:00:00Z`); time < end; time += millisecondsPerDay) {
    const weekday = new Date(time).getUTCDay();
    days.push({
      date: isoDay(time),
      next: isoDay(time + millisecondsPerDay),
      number: (time - firstDay) / millisecondsPerDay,
      weekend: weekday === 0 || weekday === 6,
    });
  }
  return days;
}

/** The month after a month. */
export function nextMonth(month: BillingMonth): BillingMonth {
  const [year = 0, number = 0] = month.split("-").map(Number);
  return isoDay(Date.UTC(year, number, 1)).slice(0, 7);
}

/** The last day of a month, `YYYY-MM-DD`. */
export function lastDayOf(month: BillingMonth): string {
  return isoDay(Date.parse(`${nextMonth(month)}-01T00:00:00Z`) - millisecondsPerDay);
}

/** The hours of a month, which are what a commitment is billed for. */
export function hoursOf(month: BillingMonth): bigint {
  return BigInt(daysOf(month).length * 24);
}

function isoDay(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

/** How usage moves from day to day. */
export type Swing = "always" | "autoscaled" | "office" | "batch" | "business" | "stored" | "rising";

/** The part of its daily quantity that a resource uses on one day; 0 means that it was not used at all. */
export function swingOn(swing: Swing, day: DemoDay, random: Random): number {
  return swings[swing](day, random);
}

const swings: Readonly<Record<Swing, (day: DemoDay, random: Random) => number>> = {
  always: () => 1,
  autoscaled: ({ weekend }, random) => (weekend ? random.between(0.66, 0.8) : random.between(0.94, 1)),
  office: ({ weekend }, random) => (weekend ? 0 : random.between(0.4, 0.5)),
  batch: ({ weekend }, random) => random.between(0.25, weekend ? 0.4 : 0.7),
  business: ({ weekend, number }, random) =>
    (1 + 0.0006 * number) * (weekend ? random.between(0.6, 0.72) : random.between(0.94, 1.06)),
  stored: ({ number }) => 1 + 0.001 * number,
  rising: ({ weekend, number }, random) =>
    (0.5 + 0.009 * number) * (weekend ? random.between(0.45, 0.6) : random.between(0.9, 1.1)),
};

/** A source of numbers that depend on its seed alone. */
export interface Random {
  /** A number from `low` (included) to `high` (excluded). */
  between(low: number, high: number): number;
  /** Text of `length` characters out of `alphabet`. */
  text(alphabet: string, length: number): string;
  /** A version 4 UUID. */
  uuid(): string;
}

/** Alphabets for `Random.text`. */
export const alphabets = {
  decimal: "0123456789",
  hexadecimal: "0123456789abcdef",
  /** What AWS writes line item ids in. */
  base32: "abcdefghijklmnopqrstuvwxyz234567",
  /** What AWS writes SKUs in. */
  sku: "23456789ABCDEFGHJKMNPQRSTUVWXYZ",
} as const;

/** Numbers that a seed decides: only integer arithmetic, so that every machine draws the same ones (mulberry32). */
export function randomFrom(seed: string): Random {
  let state = hash(seed);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const text = (alphabet: string, length: number): string => {
    let drawn = "";
    for (let index = 0; index < length; index += 1) drawn += alphabet.charAt(Math.floor(next() * alphabet.length));
    return drawn;
  };
  return {
    between: (low, high) => low + next() * (high - low),
    text,
    uuid: () => {
      const digits = text(alphabets.hexadecimal, 30);
      const variant = "89ab".charAt(Math.floor(next() * 4));
      return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(12, 15)}-${variant}${digits.slice(15, 18)}-${digits.slice(18)}`;
    },
  };
}

/** FNV-1a over the characters, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  return value;
}
