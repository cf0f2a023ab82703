import type { BillingMonth } from "../src/model.ts";

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
