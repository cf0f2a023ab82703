import {
  all,
  compared,
  type Condition,
  decimal,
  type Expression,
  isJson,
  isOneOf,
  lower,
  matches,
  month,
  not,
  notZero,
  present,
  replaced,
  some,
} from "../expression.ts";
import { columnsOfVersion } from "../charges.ts";
import { broken, columnValue as value, differsFromProduct, isObject, nests } from "./compile.ts";
import type { Answer } from "./model.ts";

const commitment = value("CommitmentDiscountId");
const status = value("CommitmentDiscountStatus");
const category = value("ChargeCategory");
const isUsage = isOneOf(category, "Usage");
const isPurchase = isOneOf(category, "Purchase");
const isPriced = isOneOf(category, "Usage", "Purchase");
const isTax = isOneOf(category, "Tax");
const isCredit = isOneOf(category, "Credit");
const isCorrection = isOneOf(value("ChargeClass"), "Correction");
const isCovered = isOneOf(status, "Used", "Unused");
const isUnused = isOneOf(status, "Unused");
const isCommitmentPurchase = all(isPurchase, present(commitment));

function differs(column: string, other: string): Condition {
  return compared(value(column), "<>", value(other));
}

function isWithout(column: string): Condition {
  return not(present(value(column)));
}

const withoutCommitment: Answer = {
  by: "rows",
  broken: all(some(isCovered, isOneOf(value("PricingCategory"), "Committed")), not(present(commitment))),
  columns: ["CommitmentDiscountId", "CommitmentDiscountStatus", "PricingCategory"],
};

const usedAndUnused: Answer = { by: "commitments", measure: "cost" };

const jsonColumns = ["Tags", "SkuPriceDetails"] as const;
const unitColumns = ["PricingUnit", "ConsumedUnit", "CommitmentDiscountUnit"] as const;

/** Texts that mean that there is no value. */
const placeholders = ["", "N/A", "n/a", "NULL", "Not Applicable", "not applicable"];
const textColumns = columnsOfVersion("v1_2").filter(({ name, type }) => type === "text" && !name.startsWith("x_"));

/** Keys of SkuPriceDetails that FOCUS 1.2 defines, by the type of their values. */
const numericProperties = "CoreCount|DiskMaxIops|DiskSpace|GpuCount|MemorySize|NetworkMaxIops|NetworkMaxThroughput";
const textProperties = "DiskType|InstanceSeries|InstanceType|OperatingSystem|Redundancy|StorageClass";
const details = value("SkuPriceDetails");
const withoutProperties = replaced(details, String.raw`"(${numericProperties}|${textProperties})"\s*:`, "");
const otherKey = String.raw`[{,]\s*"[^"\\]*"\s*:`;

/** Rows of which a value in any of the columns is wrong. */
function anyOf(columns: readonly string[], isWrong: (column: string) => Condition): Answer {
  return rows(some(...columns.map(isWrong)), ...columns);
}

/**
 * What decides the rules that FOCUS 1.2 calls dynamic, and for which it lacks checks, as far as a bill can decide them. A rule
 * that bills can decide in part is decided in that part: what its rows show to be wrong.
 */
export const judged: Readonly<Record<string, Answer>> = {
  "DateTimeFormat-A-001-M": view("Times are stored in UTC."),
  "DateTimeFormat-A-002-M": view("Times have a type of their own, which clients write in ISO 8601."),
  "DateTimeFormat-A-004-M": view("Times have a type of their own, with a date and a time."),
  "DateTimeFormat-A-005-M": view("Times have a type of their own, with hours, minutes and seconds."),
  "DateTimeFormat-A-006-M": view("Times are stored in UTC."),
  "CurrencyFormat-A-001-C": anyOf(
    ["BillingCurrency", "PricingCurrency"],
    (column) => broken(["format", column, "Currency"]) ?? isWithout(column),
  ),
  "CurrencyFormat-A-002-C": view("AWS and Azure do not use virtual currencies."),
  ...Object.fromEntries(
    "002 003 004 005 006 007 008 009 010 011 012"
      .split(" ")
      .map((number) => [`NumericFormat-A-${number}-M`, view("Every numeric column is an exact decimal.")]),
  ),
  "StringHandling-A-001-M": view("Both warehouses store Unicode."),
  ...Object.fromEntries(
    "001 002 003 006 008"
      .split(" ")
      .map((number) => [`ColumnHandling-A-${number}-M`, view("The columns have the names of FOCUS.")]),
  ),
  "ColumnHandling-A-010-M": view("Columns of billhouse and of the clouds start with x_."),
  "UnitFormat-A-003-M": anyOf(unitColumns, (column) => hasOtherCase(value(column))),
  "KeyValueFormat-A-001-M": anyOf(jsonColumns, (column) => all(present(value(column)), not(isObject(value(column))))),
  "KeyValueFormat-A-003-M": anyOf(jsonColumns, nested),
  "KeyValueFormat-A-004-M": anyOf(jsonColumns, nested),
  "DiscountHandling-A-006-C": withoutCommitment,
  "DiscountHandling-A-009-C": rows(
    all(isCovered, notZero(value("BilledCost"))),
    "CommitmentDiscountStatus",
    "BilledCost",
  ),
  "DiscountHandling-A-011-C": usedAndUnused,
  "DiscountHandling-A-012-C": rows(
    all(isCommitmentPurchase, not(isCorrection), not(isSame("ResourceId", "CommitmentDiscountId"))),
    "ChargeCategory",
    "CommitmentDiscountId",
    "ResourceId",
  ),
  "DiscountHandling-A-014-C": rows(
    all(isUsage, isOneOf(value("PricingCategory"), "Committed"), not(isCovered)),
    "ChargeCategory",
    "PricingCategory",
    "CommitmentDiscountStatus",
  ),
  "DiscountHandling-A-015-C": withoutCommitment,
  "DiscountHandling-A-016-C": rows(
    all(isOneOf(status, "Used"), compared(value("ResourceId"), "=", commitment)),
    "CommitmentDiscountStatus",
    "CommitmentDiscountId",
    "ResourceId",
  ),
  "DiscountHandling-A-017-C": usedAndUnused,
  "DiscountHandling-A-018-C": rows(all(isUnused, not(isUsage)), "CommitmentDiscountStatus", "ChargeCategory"),
  "DiscountHandling-A-019-C": rows(
    all(isUnused, not(isSame("ResourceId", "CommitmentDiscountId"))),
    "CommitmentDiscountStatus",
    "CommitmentDiscountId",
    "ResourceId",
  ),
  "NullHandling-A-001-C": withoutPlaceholders(),
  "NullHandling-A-002-M": withoutPlaceholders(),
  "BillingPeriodStart-C-004-M": rows(
    compared(value("BillingPeriodStart"), ">=", value("BillingPeriodEnd")),
    "BillingPeriodStart",
    "BillingPeriodEnd",
  ),
  "BillingPeriodEnd-C-004-M": rows(
    some(
      compared(value("BillingPeriodEnd"), "<=", value("BillingPeriodStart")),
      // A period of a month ends in the next one, unless its end is its last day.
      compared(month(value("BillingPeriodEnd")), "=", month(value("BillingPeriodStart"))),
    ),
    "BillingPeriodStart",
    "BillingPeriodEnd",
  ),
  "ChargePeriodStart-C-004-M": rows(
    compared(value("ChargePeriodStart"), ">", value("ChargePeriodEnd")),
    "ChargePeriodStart",
    "ChargePeriodEnd",
  ),
  "ChargePeriodEnd-C-004-M": rows(
    compared(value("ChargePeriodEnd"), "<=", value("ChargePeriodStart")),
    "ChargePeriodStart",
    "ChargePeriodEnd",
  ),
  "PricingQuantity-C-009-C": rows(
    all(
      not(isCorrection),
      some(
        differsFromProduct("ContractedUnitPrice", "PricingQuantity", "ContractedCost"),
        differsFromProduct("ListUnitPrice", "PricingQuantity", "ListCost"),
      ),
    ),
    "PricingQuantity",
    "ContractedUnitPrice",
    "ContractedCost",
    "ListUnitPrice",
    "ListCost",
  ),
  "ContractedCost-C-009-C": rows(
    all(not(isCorrection), differsFromProduct("ContractedUnitPrice", "PricingQuantity", "ContractedCost")),
    "ContractedUnitPrice",
    "PricingQuantity",
    "ContractedCost",
  ),
  "CommitmentDiscountId-C-005-C": withoutCommitment,
  "SkuPriceId-C-012-C": rows(
    all(isPriced, present(value("SkuPriceId")), isWithout("ResourceId"), isWithout("ServiceName")),
    "SkuPriceId",
    "ResourceId",
    "ServiceName",
  ),
  "SkuId-C-011-C": rows(
    all(isPriced, present(value("SkuId")), isWithout("ResourceId"), isWithout("ServiceName")),
    "SkuId",
    "ResourceId",
    "ServiceName",
  ),
  "InvoiceId-C-007-C": rows(
    all(present(value("InvoiceId")), isWithout("BillingAccountId")),
    "InvoiceId",
    "BillingAccountId",
  ),
  "SkuPriceDetails-C-007-M": rows(all(present(details), isWithout("SkuPriceId")), "SkuPriceDetails", "SkuPriceId"),
  "SkuPriceDetails-C-017-C": rows(
    matches(replaced(withoutProperties, String.raw`"x_[^"]*"\s*:`, ""), otherKey),
    "SkuPriceDetails",
  ),
  "SkuPriceDetails-C-020-M": rows(
    matches(lower(withoutProperties), `"(${`${numericProperties}|${textProperties}`.toLowerCase()})"\\s*:`),
    "SkuPriceDetails",
  ),
  "SkuPriceDetails-C-021-M": rows(
    some(
      matches(details, String.raw`"(${numericProperties})"\s*:\s*[^-0-9.\s]`),
      matches(details, String.raw`"(${textProperties})"\s*:\s*[-0-9]`),
    ),
    "SkuPriceDetails",
  ),
  "ConsumedQuantity-C-008-C": view("The column is an exact decimal."),
  "CommitmentDiscountQuantity-C-009-M": view("The column is an exact decimal."),
  "PricingCategory-C-009-C": rows(
    all(isCovered, not(isOneOf(value("PricingCategory"), "Committed"))),
    "CommitmentDiscountStatus",
    "PricingCategory",
  ),
  "CommitmentDiscountUnit-C-008-M": {
    by: "groups",
    key: "CommitmentDiscountId",
    counted: "CommitmentDiscountUnit",
    most: 1,
  },
  "PricingCurrencyContractedUnitPrice-C-004-C": rows(
    all(isTax, present(value("PricingCurrencyContractedUnitPrice"))),
    "ChargeCategory",
    "PricingCurrencyContractedUnitPrice",
  ),
  "PricingCurrencyContractedUnitPrice-C-005-C": rows(
    all(isPriced, not(isCorrection), isWithout("PricingCurrencyContractedUnitPrice")),
    "ChargeCategory",
    "PricingCurrencyContractedUnitPrice",
  ),
  "PricingCurrencyContractedUnitPrice-C-008-C": rows(
    compared(value("PricingCurrencyContractedUnitPrice"), "<", decimal("0")),
    "PricingCurrencyContractedUnitPrice",
  ),
  "PricingCurrencyEffectiveCost-C-005-M": rows(
    all(isCommitmentPurchase, notZero(value("PricingCurrencyEffectiveCost"))),
    "ChargeCategory",
    "CommitmentDiscountId",
    "PricingCurrencyEffectiveCost",
  ),
  "CommitmentDiscountQuantity-C-012-C": { by: "commitments", measure: "quantity" },
  "CommitmentDiscountQuantity-C-014-C": rows(
    all(isOneOf(status, "Used"), not(isCorrection), compared(value("CommitmentDiscountQuantity"), "<", decimal("0"))),
    "CommitmentDiscountStatus",
    "CommitmentDiscountQuantity",
  ),
  "CommitmentDiscountQuantity-C-015-C": rows(
    all(isUnused, not(isCorrection), compared(value("CommitmentDiscountQuantity"), "<", decimal("0"))),
    "CommitmentDiscountStatus",
    "CommitmentDiscountQuantity",
  ),
  "EffectiveCost-C-010-C": rows(all(isCredit, differs("EffectiveCost", "BilledCost")), "EffectiveCost", "BilledCost"),
  "EffectiveCost-C-012-C": usedAndUnused,
  "EffectiveCost-C-013-C": rows(
    all(isUsage, present(commitment), not(isCovered), notZero(value("EffectiveCost"))),
    "CommitmentDiscountId",
    "CommitmentDiscountStatus",
    "EffectiveCost",
  ),
  "ResourceName-C-004-C": rows(
    all(isWithout("ResourceId"), present(value("ResourceName"))),
    "ResourceId",
    "ResourceName",
  ),
  "ContractedCost-C-008-C": rows(
    all(isCredit, isWithout("ContractedUnitPrice"), differs("ContractedCost", "BilledCost")),
    "ContractedCost",
    "BilledCost",
  ),
  "ListCost-C-008-C": rows(
    all(isCredit, isWithout("ListUnitPrice"), differs("ListCost", "BilledCost")),
    "ListCost",
    "BilledCost",
  ),
};

function view(because: string): Answer {
  return { by: "view", holds: true, because };
}

function rows(condition: Condition, ...columns: readonly string[]): Answer {
  return { by: "rows", broken: condition, columns };
}

/** Whether two IDs are the same: those of Azure ignore case. */
function isSame(column: string, other: string): Condition {
  return compared(lower(value(column)), "=", lower(value(other)));
}

function nested(column: string): Condition {
  return all(isJson(value(column)), nests(value(column)));
}

/** Whether a unit of time is written in another case than in FOCUS. */
function hasOtherCase(unit: Expression): Condition {
  const of = (names: string): string => `(^|[ /-])(${names})s?($|[ /-])`;
  const names = "Year|Month|Day|Hour|Minute|Second";
  return all(matches(lower(unit), of(names.toLowerCase())), not(matches(unit, of(names))));
}

function withoutPlaceholders(): Answer {
  const columns = textColumns.map(({ name }) => name);
  return anyOf(columns, (name) => isOneOf(value(name), ...placeholders));
}
