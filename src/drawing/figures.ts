import { formatAmount } from "../schema/decimals.ts";

/** Writes exact decimal text as people read it, in one locale. Nothing is converted to a float on the way. */
export interface Figures {
  /** A tag such as `en-US`. */
  readonly locale: string;
  /** Money with two digits after the point: `88,628.50`. */
  money(this: void, amount: string): string;
  /** Money without cents: `88,629`. */
  whole(this: void, amount: string): string;
  /** Money for axes: `90K`. */
  short(this: void, amount: string): string;
  /** Money with its sign: `+8,593.87`. */
  change(this: void, amount: string): string;
  /** A share as a percentage with one digit: `10.7%`; a dash for null. */
  share(this: void, share: string | null): string;
  /** The same with its sign. */
  shareChange(this: void, share: string | null): string;
  /** A quantity, with up to six digits after the point: `24.5`. */
  quantity(this: void, amount: string): string;
  /** A whole number: `1,204,331`. */
  count(this: void, count: number): string;
}

/** The figures of a locale. Error: a RangeError for text that is not the tag of a locale. */
export function figuresOf(locale: string): Figures {
  const format = (options: Intl.NumberFormatOptions): ((value: string) => string) => {
    const formatter = new Intl.NumberFormat(locale, options);
    // Text is formatted exactly, to all of its digits; the type wants text that the compiler knows to be a number.
    return (value) => formatter.format(value as Intl.StringNumericLiteral);
  };
  const cents = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  const percent = { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 } as const;
  const [money, change] = [format(cents), format({ ...cents, signDisplay: "exceptZero" })];
  const [share, shareChange] = [format(percent), format({ ...percent, signDisplay: "exceptZero" })];
  const count = format({ maximumFractionDigits: 0 });
  return {
    locale,
    money,
    whole: format({ maximumFractionDigits: 0 }),
    short: format({ notation: "compact", maximumFractionDigits: 1 }),
    change,
    share: (value) => (value === null ? "–" : share(value)),
    shareChange: (value) => (value === null ? "–" : shareChange(value)),
    quantity: format({ maximumFractionDigits: 6 }),
    count: (value) => count(String(value)),
  };
}

/** Whether an amount is shown as zero, with two digits after the point. */
export function isShownAsZero(amount: string): boolean {
  return /^-?0\.00$/u.test(formatAmount(amount));
}

/** How long ago a time was, in its largest unit: `3 h ago`. */
export function age(time: string, now: Date): string {
  const minutes = Math.max(0, Math.floor((now.getTime() - Date.parse(time)) / 60_000));
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ago` : `${Math.floor(hours / 24)} days ago`;
}

/** A time to the minute: `2026-11-30 09:39 UTC`. */
export function minute(time: string): string {
  return `${time.slice(0, 16).replace("T", " ")} UTC`;
}

/** Bytes in decimal units: `3.2 GB`. */
export function bytesInWords(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  return `${(bytes / 1000 ** step).toFixed(step === 0 ? 0 : 1)} ${units[step]}`;
}
