/** What a difference of two periods consists of. Each has an amount, and all of them add up to the difference. */
export const parts = [
  "usage",
  "price",
  "fx",
  "commitment",
  "commitmentUnused",
  "discount",
  "new",
  "gone",
  "fees",
  "credit",
  "refund",
  "tax",
  "other",
  "timing",
] as const;

/** A part of a difference. */
export type Part = (typeof parts)[number];

/** The parts as people read them. */
export const partNames: Readonly<Record<Part, string>> = {
  usage: "usage",
  price: "prices",
  fx: "exchange rates",
  commitment: "commitments",
  commitmentUnused: "unused commitments",
  discount: "discounts",
  new: "new",
  gone: "gone",
  fees: "fees",
  credit: "credits",
  refund: "corrections",
  tax: "tax",
  other: "other",
  timing: "prepayment timing",
};

/** What drivers can be grouped by: what a cell is made of, so that no cell is split. */
export const driverDimensions = ["provider", "account", "owner", "service", "region", "sku"] as const;
