import { formatBytes } from "./figures.ts";

/**
 * An estimate of how far work is between two reports, and of the time that is left. Reports of DuckDB and of jobs come in
 * steps, seconds apart.
 */
export interface Estimate {
  /** Milliseconds since 1970, as all times here. */
  readonly time: number;
  readonly started: number;
  /** The share that was reported last, from 0 to 1, and when it changed. */
  readonly reported: number;
  readonly changed: number;
  /** The largest step between reports, recent ones first. */
  readonly step: number;
  /** Work and milliseconds, older ones counted less: their quotient is the rate. */
  readonly work: number;
  readonly span: number;
  /** What is shown: the reported share, carried on at the rate. It never decreases. */
  readonly share: number;
  /** Milliseconds; null while it is not known yet. */
  readonly left: number | null;
}

/** The estimate when work starts. */
export function startEstimate(time: number): Estimate {
  return { time, started: time, reported: 0, changed: time, step: 0, work: 0, span: 0, share: 0, left: null };
}

/** The first seconds of work say little about the rest. */
const silent = 3000;

/** How far the shown share may run ahead of the reported one, before larger steps were seen. */
const leastStep = 0.06;

/** The largest change of the remaining time in one call, besides the time that passed: a share of it. */
const largestChange = 0.03;

/** Milliseconds in which two thirds of an error of the remaining time are corrected. */
const correction = 4000;

/** The estimate at a later time, when this share of the work is done. Called at each redraw, ten times a second. */
export function estimate(before: Estimate, reported: number, time: number): Estimate {
  const passed = Math.max(time - before.time, 0);
  const now = reported > before.reported ? withReport(before, reported, time) : before;
  const waited = time - now.changed;
  const rate = now.work / Math.max(now.span, 1);
  const step = Math.max(now.step, leastStep);
  // A report that does not come means that the work is slower than before.
  const late = Math.max(waited - (1.5 * step) / Math.max(rate, 1e-12), 0);
  const currentRate = now.work / Math.max(now.span + (now.work > 0 ? late : 0), 1);
  const expected = Math.min(now.reported + Math.min(rate * waited, step), 0.995);
  const share = Math.max(before.share, before.share + (expected - before.share) * (1 - Math.exp(-passed / 500)));
  const { left } = before;
  const isKnown = time - now.started >= silent && currentRate > 0;
  const target = isKnown ? (1 - expected) / currentRate : null;
  return { ...now, time, share, left: target === null || left === null ? target : corrected(left, target, passed) };
}

function withReport(before: Estimate, reported: number, time: number): Estimate {
  const span = time - before.changed;
  const memory = Math.max(20_000, (time - before.started) / 2);
  const kept = Math.exp(-span / memory);
  const step = reported - before.reported;
  return {
    ...before,
    reported,
    changed: time,
    step: Math.max(step, before.step * 0.8 ** Math.min(span / 1000, 1)),
    work: before.work * kept + step,
    span: before.span * kept + span,
  };
}

/** The remaining time after some time passed: it approaches what is measured, but does not jump there. */
function corrected(left: number, target: number, passed: number): number {
  const counted = left - passed;
  const next = counted + (target - counted) * (1 - Math.exp(-passed / correction));
  const most = left * largestChange;
  return Math.max(0, Math.min(Math.max(next, left - Math.max(passed, most)), left + most));
}

/**
 * A remaining time in words, rounded so that its last digit does not flicker: `about 8 s left`, `about 2 min 10 s left`.
 * Empty below one second, where the work may still take a moment.
 */
export function formatLeft(left: number | null): string {
  const seconds = Math.round((left ?? 0) / 1000);
  if (seconds < 1) return "";
  if (seconds < 60) return `about ${seconds} s left`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) {
    const rest = Math.floor((seconds % 60) / 10) * 10;
    return `about ${minutes} min ${rest === 0 ? "" : `${rest} s `}left`;
  }
  if (minutes < 60) return `about ${minutes} min left`;
  const rest = Math.floor((minutes % 60) / 5) * 5;
  return `about ${Math.floor(minutes / 60)} h ${rest === 0 ? "" : `${rest} min `}left`;
}

/** How much of so many bytes is done in a second, as text: `12 MB/s`. Empty in the first second. */
export function rateOf({ work, span }: Estimate, bytes: number): string {
  const rate = span >= 1000 ? (work / span) * 1000 * bytes : 0;
  return rate > 0 ? `${formatBytes(rate)}/s` : "";
}
