import type { Check } from "./model.ts";

/** Why a rule is not answered by its official check, and what answers it instead. */
export interface Correction {
  /** What the official check does, and what the rule demands instead, in sentences. */
  readonly why: string;
  /** The rows for which the rule holds, where the official form names others. */
  readonly if?: Check;
  /** What the rule demands, where the official form demands something else. */
  readonly check?: Check;
  /** Rows that the text exempts, and the official form does not. */
  readonly exempt?: Check;
  /** Present for a rule that bills cannot decide. */
  readonly undecidable?: string;
}

const ofCommitment: Check = ["is not", "CommitmentDiscountId", null];

const anyInvoice =
  "The official check demands it of every row. The rule is for charges that are, or are not, on an invoice.";
const invoiceUnknown = "The bill does not say which charges are on an invoice, apart from InvoiceId itself.";

/** The rules of FOCUS 1.2 whose official check demands something else than their text. */
export const corrections: Readonly<Record<string, Correction>> = {
  "BilledCost-C-005-C": {
    why: "The official check demands 0 of every charge whose invoice issuer has another name than the provider. AWS bills through companies such as Amazon Web Services EMEA SARL, and for what it sells for others.",
    undecidable: "The bill does not say who receives the payment.",
  },
  "CapacityReservationStatus-C-003-C": {
    why: "The official check demands it of every row. The rule is for rows without CapacityReservationId.",
    if: ["is", "CapacityReservationId", null],
  },
  "CapacityReservationStatus-C-004-C": {
    why: "The official check demands a status of every row. The rule is for usage with CapacityReservationId.",
    if: ["all", ["is not", "CapacityReservationId", null], ["is", "ChargeCategory", "Usage"]],
  },
  "CommitmentDiscountQuantity-C-007-C": {
    why: "The official check also forbids the quantity on corrections, on which another rule allows it.",
    if: [
      "some",
      ["is", "CommitmentDiscountId", null],
      ["all", ["is not", "ChargeCategory", "Usage"], ["is not", "ChargeCategory", "Purchase"]],
    ],
  },
  "CommitmentDiscountStatus-C-004-C": {
    why: "The official check demands a status of rows without CommitmentDiscountId. The rule is for usage with one.",
    if: ["all", ofCommitment, ["is", "ChargeCategory", "Usage"]],
  },
  "CommitmentDiscountStatus-C-005-M": {
    why: "The official check allows Active, Expired and Pending. FOCUS allows Used and Unused.",
    check: ["one of", "CommitmentDiscountStatus", ["Used", "Unused"]],
  },
  "ConsumedQuantity-C-006-C": {
    why: "The official check demands a quantity of corrections. The rule is for everything else.",
    if: ["is not", "ChargeClass", "Correction"],
  },
  "EffectiveCost-C-005-C": {
    why: "The official check demands 0 of every purchase, also of support, domains and Marketplace plans. The rule is for purchases that cover future charges, which are those of commitments.",
    if: ["all", ["is", "ChargeCategory", "Purchase"], ofCommitment],
  },
  "InvoiceId-C-004-C": { why: anyInvoice, undecidable: invoiceUnknown },
  "InvoiceId-C-005-C": { why: anyInvoice, undecidable: invoiceUnknown },
  "PricingCurrencyEffectiveCost-C-004-M": {
    why: "The official check looks at PricingCurrencyListUnitPrice.",
    check: ["decimal", "PricingCurrencyEffectiveCost"],
  },
  "ServiceName-C-005-C": {
    why: "The official check also counts rows without a suitable category, which the rule exempts. Their category is Other.",
    exempt: ["is", "ServiceCategory", "Other"],
  },
};
