import { exportField, ownExport, ownKind, unknownKind } from "../family.ts";
import {
  all,
  cases,
  compared,
  type Condition,
  type Expression,
  field,
  first,
  hasColumn,
  isOneOf,
  joined,
  lower,
  matches,
  not,
  nothing,
  notZero,
  present,
  replaced,
  some,
  text,
  where,
} from "../expression.ts";
import type { Family } from "../mapping.ts";
import { subscription } from "./azure-values.ts";

/**
 * The lines of Azure actual and amortized cost: what each charge type means, and which export each line is taken from.
 * Sources: Microsoft Learn, "Understand usage details fields" and "Reservation costs and usage" (actual and amortized cost);
 * microsoft/finops-toolkit@04d370f, docs-mslearn/focus/convert.md; FOCUS 1.2, appendix on commitment discounts.
 */
export const cost: Expression = field("cost", "decimal");

/** The charge type in lower case. The columns of pay-as-you-go of 2019 lack it, and have usage only. */
const chargeType = first(
  replaced(lower(field("chargetype")), "\\s", ""),
  where(not(hasColumn("chargetype")), text("usage")),
);

// Columns without benefits give a reservation by its own identifier and that of its order; a purchase has the order in both.
const reservation = field("reservationid");
const order = field("productorderid");
const reservationPath = cases(
  [
    [not(present(reservation)), nothing()],
    [matches(reservation, "/"), reservation],
    [
      all(present(order), not(compared(order, "=", reservation))),
      joined("", text("/providers/microsoft.capacity/reservationorders/"), order, text("/reservations/"), reservation),
    ],
    [present(order), joined("", text("/providers/microsoft.capacity/reservationorders/"), order)],
  ],
  reservation,
);

/** The commitment of a line, in lower case: purchases have the order, use has the instance. */
export const commitment: Expression = lower(first(field("benefitid"), reservationPath));

const pricingModel = replaced(lower(field("pricingmodel")), "\\s", "");
const isCommitmentModel = isOneOf(pricingModel, "reservation", "savingsplan");
const hasCommitment = present(commitment);

/** Use of a commitment, as far as it is used. */
export const isCommitmentUse: Condition = all(
  isOneOf(chargeType, "usage"),
  some(isCommitmentModel, all(not(present(pricingModel)), hasCommitment)),
);
/** The part of a commitment that nothing used. Only amortized cost has it. */
export const isUnused: Condition = isOneOf(chargeType, "unusedreservation", "unusedsavingsplan");
/** Payments for a commitment and their refunds. Only actual cost has them. */
export const isCommitmentPurchase: Condition = all(
  isOneOf(chargeType, "purchase", "refund"),
  some(isCommitmentModel, hasCommitment),
);
/** Use at the changing price of spare capacity. */
export const isSpot: Condition = isOneOf(pricingModel, "spot");
/** Money back for a purchase. */
export const isRefund: Condition = isOneOf(chargeType, "refund");

/** Types that are known. Others become adjustments with a flag, except the two that Azure uses for adjustments. */
export const isKnown: Condition = isOneOf(
  chargeType,
  "usage",
  "purchase",
  "refund",
  "credit",
  "tax",
  "unusedreservation",
  "unusedsavingsplan",
  "roundingadjustment",
  "adjustment",
);

/** ChargeCategory. A type that is not known is an adjustment. */
export const category: Expression = cases(
  [
    [some(isOneOf(chargeType, "usage"), isUnused), text("Usage")],
    [isOneOf(chargeType, "purchase", "refund"), text("Purchase")],
    [isOneOf(chargeType, "credit"), text("Credit")],
    [isOneOf(chargeType, "tax"), text("Tax")],
  ],
  text("Adjustment"),
);

// A refund corrects an earlier invoice. The Microsoft Customer Agreement names it; the Enterprise Agreement lacks invoices.
const previousInvoice = field("previousinvoiceid");

/** Refunds of what an earlier invoice billed. */
export const isCorrection: Condition = all(
  isRefund,
  some(
    not(present(field("invoiceid"))),
    all(present(previousInvoice), not(compared(previousInvoice, "=", field("invoiceid")))),
  ),
);

/** Whether a line is billed to a billing profile: the Microsoft Customer Agreement. */
export const isBilledToProfile: Condition = all(
  present(field("billingprofileid")),
  some(
    present(field("pricing_currency")),
    present(field("exchange_rate", "decimal")),
    matches(field("billingaccountid"), ":"),
  ),
);

/** What an invoice is for: the billing profile, or the billing account. */
export const billingAccount: Expression = cases(
  [[isBilledToProfile, field("billingprofileid")]],
  field("billingaccountid"),
);

/** Both costs of charges that no commitment covers are the same, so these rows show which cost a table has. */
export const family: Family = {
  keys: ["account", "billing_scope"],
  kinds: [
    ["amortized", isUnused],
    ["actual", isCommitmentPurchase],
    ["amortized", all(isCommitmentUse, notZero(cost))],
    ["actual", isCommitmentUse],
  ],
  datasets: { ActualCost: "actual", AmortizedCost: "amortized" },
};

/** The facts that are the keys of the family: where a line is charged, and who is billed. */
export const familyKeys: Readonly<Record<string, Expression>> = {
  account: first(subscription(lower(field("subscription"))), lower(billingAccount), text("")),
  billing_scope: first(lower(billingAccount), text("")),
};

const exportOf = (kind: string, key: string): Expression => field(exportField(kind, key));
const amortizedExport = (key: string): Expression => first(exportOf("amortized", key), exportOf(unknownKind, key));
const actualExport = (key: string): Expression => first(exportOf("actual", key), exportOf(unknownKind, key));
const own = field(ownExport);
const isOwn = (of: Expression): Condition => compared(own, "=", of);

/** Whether the line is from amortized cost. A table without any commitment has both costs, and is neither. */
export const isAmortized: Condition = isOneOf(field(ownKind), "amortized");
/** Whether the line is from actual cost. */
export const isActual: Condition = isOneOf(field(ownKind), "actual");

/** Whether a line is of the export with the actual cost of its account. */
export const isOfActualAlone: Condition = isOwn(actualExport("account"));
const isOfActual = isOwn(first(actualExport("account"), exportOf("amortized", "account")));
/** Whether a line is of the export with the amortized cost of its account, or with the only cost that it has. */
export const isOfAmortized: Condition = isOwn(first(amortizedExport("account"), exportOf("actual", "account")));

/**
 * The lines that become rows: purchases of commitments from actual cost, everything else from amortized cost where there is
 * one, so that what both exports have is counted once.
 */
export const isCounted: Condition = some(
  all(isCommitmentPurchase, isOfActual),
  all(not(isCommitmentPurchase), isOfAmortized),
);

/** Whether actual cost is there too: the billed cost of a month of amortized cost lacks the purchases of commitments. */
export const isWithActual: Condition = some(
  not(isAmortized),
  all(isUnused, present(actualExport("billing_scope"))),
  present(actualExport("account")),
);

/** Whether amortized cost is there too: the effective cost of a month of actual cost lacks the use of commitments. */
export const isWithAmortized: Condition = some(
  not(isActual),
  all(isCommitmentPurchase, present(amortizedExport("billing_scope"))),
  present(amortizedExport("account")),
);

/** Whether nothing in any table shows which of the two costs it is. */
export const isUnknown: Condition = all(
  isOneOf(field(ownKind), unknownKind),
  not(present(exportOf("actual", "billing_scope"))),
  not(present(exportOf("amortized", "billing_scope"))),
);
