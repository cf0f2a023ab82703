/** The columns of money that costs can be summed by. */
export const measures = ["effective", "billed", "list", "contracted"] as const;

/** A measure: `effective` spreads commitments over the usage that they cover, `billed` is what invoices contain. */
export type Measure = (typeof measures)[number];
