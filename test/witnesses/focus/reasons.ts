import type { Family } from "./rows.ts";

/** Why a rule fails. */
export interface Reason {
  /**
   * Where the cause is: in the export, which lacks what FOCUS demands or has it otherwise; in the check, which demands more
   * than FOCUS does; or in the view, which should change.
   */
  readonly by: "export" | "check" | "view";
  readonly text: string;
  /** The families for which the reason holds. */
  readonly families: readonly Family[];
}

/** The known reasons, by rule. */
export type Reasons = Readonly<Record<string, readonly Reason[]>>;

const everywhere: readonly Family[] = ["aws_cur2", "aws_cur", "aws_focus", "azure_focus", "azure"];
const reports: readonly Family[] = ["aws_cur2", "aws_cur"];

const invoices: readonly Reason[] = [
  {
    by: "check",
    text: "One rule demands that no row has an invoice, the other that each has one, without the condition that FOCUS gives them: whether the charge is on an invoice. The view has the invoice that the export names.",
    families: everywhere,
  },
];

const oneCategory: readonly Reason[] = [
  {
    by: "view",
    text: "AWS bills volumes of Elastic Block Store as Amazon EC2, and its own FOCUS exports give them the category Storage. The view does the same, so this service has two categories.",
    families: reports,
  },
  {
    by: "export",
    text: "Resource IDs in a sample delivery name a type that Azure does not have (`publicipaddresse`). Their category is Other with the flag ServiceUnknown; other rows of the service have Networking.",
    families: ["azure"],
  },
];

const actualAlone: Reason = {
  by: "export",
  text: "Actual cost alone does not give the effective cost of usage that a commitment covers (flag AmortizedCostMissing).",
  families: ["azure"],
};

const amortizedAlone: Reason = {
  by: "export",
  text: "Amortized cost alone does not give what is billed (flag ActualCostMissing).",
  families: ["azure"],
};

const noBillingAccount: Reason = {
  by: "export",
  text: "Exports of pay-as-you-go subscriptions do not name the billing account (flag BillingAccountMissing).",
  families: ["azure"],
};

const noIssuer: Reason = {
  by: "export",
  text: "AWS leaves the company out on some tax and credit rows. The view does not guess it.",
  families: ["aws_focus"],
};

const noUnit: readonly Reason[] = [
  {
    by: "export",
    text: "The export has the quantity without a unit, also on refunds, credits and adjustments, whose quantity is 0.",
    families: ["aws_focus", "azure_focus"],
  },
  {
    by: "export",
    text: "Rows of a sample delivery have a quantity and no unit of measure.",
    families: ["azure"],
  },
];

/** Rules of focus-validator that rows of `focus_v1_2` break. */
export const validatorReasons: Reasons = {
  "InvoiceId-C-003-C": invoices,
  "InvoiceId-C-004-C": invoices,
  "InvoiceId-C-005-C": invoices,
  "ServiceName-C-005-C": oneCategory,
  "ServiceName-C-008-C": oneCategory,
  "BilledCost-C-003-M": [amortizedAlone],
  "BilledCost-C-005-C": [
    {
      by: "check",
      text: "The rule is for payments that a third party receives. The check compares the names of provider and invoice issuer, and AWS bills through companies such as Amazon Web Services EMEA SARL.",
      families: ["aws_cur2", "aws_cur", "aws_focus"],
    },
  ],
  "EffectiveCost-C-003-M": [actualAlone],
  "EffectiveCost-C-004-M": [actualAlone],
  "EffectiveCost-C-005-C": [
    {
      by: "check",
      text: "The rule is for purchases that cover future charges. The check demands 0 of every purchase, also of support, domains and Marketplace plans, whose cost is not spread over usage.",
      families: ["aws_cur2", "aws_cur", "azure_focus", "azure"],
    },
  ],
  "BillingAccountId-C-001-M": [noBillingAccount],
  "ChargeDescription-C-003-O": [
    {
      by: "export",
      text: "Azure leaves the description of some charges empty.",
      families: ["azure_focus"],
    },
  ],
  "InvoiceIssuerName-C-003-M": [noIssuer],
  "PublisherName-C-003-M": [noIssuer],
  "PricingUnit-C-003-O": [
    {
      by: "export",
      text: "The unit is as AWS writes it (`Obj-Month`). FOCUS recommends its own form.",
      families: ["aws_cur"],
    },
    {
      by: "export",
      text: "The unit of measure is a number alone (`10,000`), and does not say of what.",
      families: ["azure"],
    },
  ],
  "PricingUnit-C-006-C": noUnit,
};

/** Rules of focus-data-toolkit that rows of `focus_v1_4` break. */
export const lintReasons: Reasons = {
  "PricingCurrencyEffectiveCost: null_not_allowed": [
    {
      by: "export",
      text: "The row has prices in another currency than costs, and the export lacks its cost in the currency of prices (flag PricingCurrencyEffectiveCostMissing).",
      families: ["azure_focus"],
    },
    {
      by: "export",
      text: "The row has prices in another currency than costs, and the export lacks its cost in the currency of prices (flag PricingCurrencyEffectiveCostMissing), or actual cost alone does not give the effective cost (flag AmortizedCostMissing).",
      families: ["azure"],
    },
  ],
  "BillingAccountType: null_not_allowed": [
    { by: "export", text: "FOCUS 1.0 does not have the column.", families: ["aws_focus"] },
    noBillingAccount,
  ],
  "BillingAccountId: null_not_allowed": [noBillingAccount],
  "BilledCost: null_not_allowed": [amortizedAlone],
  "EffectiveCost: null_not_allowed": [actualAlone],
  "InvoiceIssuerName: null_not_allowed": [noIssuer],
  "PricingUnit: quantity_without_unit": noUnit,
  "ConsumedUnit: quantity_without_unit": noUnit.filter(({ families }) => families.includes("azure")),
  "ListUnitPrice: required_with_sku_price_id": [
    { by: "export", text: "The report lacks the public price for the row.", families: reports },
  ],
  "ContractedUnitPrice: required_with_sku_price_id": [
    { by: "export", text: "The report lacks the negotiated price for the row.", families: reports },
  ],
  "ListCost: cost_not_unit_price_times_quantity": costs("list"),
  "ContractedCost: cost_not_unit_price_times_quantity": costs("negotiated"),
};

function costs(price: "list" | "negotiated"): readonly Reason[] {
  return [
    {
      by: "export",
      text: `The export has the ${price} price 0 although the charge costs something. The view takes the cost from the next amount that is known, with a flag, and leaves the price as it is.`,
      families: ["azure_focus"],
    },
    {
      by: "export",
      text: "The unit price of a savings plan is rounded, and its cost is not.",
      families: ["aws_focus"],
    },
  ];
}
