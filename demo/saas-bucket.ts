import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { amount, amountText, multiply, times } from "./amounts.ts";
import { daysOf, nextMonth, randomFrom, swingOn } from "./company.ts";
import { type Cells, csvText, type DemoDelivery } from "./delivery.ts";
import type { BillingMonth } from "../src/model.ts";

/** The folder of the bills of the demo's SaaS vendor in its bucket. */
export const saasExport = { prefix: "focus" } as const;

/** Writes the vendor's bill of one month: one file in FOCUS 1.2 columns, without a manifest. */
export async function writeSaasMonth(bucket: string, month: BillingMonth): Promise<DemoDelivery> {
  const charges = [subscription(month), ...usage(month)];
  await mkdir(join(bucket, saasExport.prefix), { recursive: true });
  const text = csvText(
    columns,
    charges.map(({ cells }) => cells),
  );
  await writeFile(join(bucket, saasExport.prefix, `lumen-${month}.csv.gz`), gzipSync(text));
  return {
    source: "lumen_ai",
    billingMonth: month,
    executionId: null,
    files: 1,
    rows: charges.length,
    currency: "USD",
    cost: amountText(charges.reduce((sum, { billed }) => sum + billed, 0n)),
  };
}

/** A charge with what is billed for it, in units of `amounts.ts`. */
interface Charge {
  readonly cells: Cells;
  readonly billed: bigint;
}

const columns = (
  "BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd BillingPeriodStart ChargeCategory " +
  "ChargeDescription ChargeFrequency ChargePeriodEnd ChargePeriodStart ConsumedQuantity ConsumedUnit ContractedCost " +
  "ContractedUnitPrice EffectiveCost InvoiceId InvoiceIssuerName ListCost ListUnitPrice PricingCategory PricingQuantity " +
  "PricingUnit ProviderName PublisherName ResourceId ResourceName ResourceType ServiceCategory ServiceName ServiceSubcategory SkuId SkuMeter SkuPriceId " +
  "SubAccountId SubAccountName SubAccountType Tags"
).split(" ");

/** What the vendor bills by the million tokens. */
const meters = [
  { model: "lumen-large", meter: "Input tokens", price: "3.2", daily: "2.1" },
  { model: "lumen-large", meter: "Output tokens", price: "12.8", daily: "0.35" },
  { model: "lumen-small", meter: "Input tokens", price: "0.16", daily: "19" },
] as const;

const workspaces = [
  { id: "ws-search", name: "Search", team: "web", share: 1 },
  { id: "ws-recommendations", name: "Recommendations", team: "machine-learning", share: 0.55 },
] as const;

function usage(month: BillingMonth): Charge[] {
  return workspaces.flatMap((workspace) =>
    meters.flatMap(({ model, meter, price, daily }) => {
      const sku = `${model}-${meter.split(" ")[0]?.toLowerCase()}`;
      const random = randomFrom(`saas ${month} ${workspace.id} ${sku}`);
      return daysOf(month).map((day) => {
        const quantity = times(amount(daily), workspace.share * swingOn("rising", day, random), 6);
        return chargeOf(month, multiply(quantity, amount(price)), {
          ChargeCategory: "Usage",
          ChargeDescription: `${model}: ${meter.toLowerCase()}`,
          ChargeFrequency: "Usage-Based",
          ChargePeriodStart: `${day.date}T00:00:00Z`,
          ChargePeriodEnd: `${day.next}T00:00:00Z`,
          ConsumedQuantity: amountText(quantity),
          ConsumedUnit: "1M Tokens",
          ContractedUnitPrice: price,
          ListUnitPrice: price,
          PricingQuantity: amountText(quantity),
          PricingUnit: "1M Tokens",
          ResourceId: `lumen:project/${workspace.id}`,
          ResourceName: workspace.name,
          ResourceType: "Project",
          ServiceSubcategory: "Generative AI",
          SkuId: sku,
          SkuMeter: meter,
          SkuPriceId: `${sku}/standard`,
          SubAccountId: workspace.id,
          SubAccountName: workspace.name,
          SubAccountType: "Workspace",
          Tags: JSON.stringify({ team: workspace.team }),
        });
      });
    }),
  );
}

function subscription(month: BillingMonth): Charge {
  return chargeOf(month, amount("249"), {
    ChargeCategory: "Purchase",
    ChargeDescription: "Business plan",
    ChargeFrequency: "Recurring",
    ChargePeriodStart: `${month}-01T00:00:00Z`,
    ChargePeriodEnd: `${nextMonth(month)}-01T00:00:00Z`,
    ContractedUnitPrice: "249",
    ListUnitPrice: "249",
    PricingQuantity: "1",
    PricingUnit: "Months",
    ServiceSubcategory: "Other (AI and Machine Learning)",
    SkuId: "lumen-business",
    SkuPriceId: "lumen-business/monthly",
  });
}

function chargeOf(month: BillingMonth, billed: bigint, cells: Cells): Charge {
  const cost = amountText(billed);
  return {
    billed,
    cells: {
      BilledCost: cost,
      BillingAccountId: "acme-7741",
      BillingAccountName: "Acme",
      BillingCurrency: "USD",
      BillingPeriodStart: `${month}-01T00:00:00Z`,
      BillingPeriodEnd: `${nextMonth(month)}-01T00:00:00Z`,
      ContractedCost: cost,
      EffectiveCost: cost,
      InvoiceId: `LUM-${month.replace("-", "")}-7741`,
      InvoiceIssuerName: "Lumen AI",
      ListCost: cost,
      PricingCategory: "Standard",
      ProviderName: "Lumen AI",
      PublisherName: "Lumen AI",
      ServiceCategory: "AI and Machine Learning",
      ServiceName: "Lumen Models",
      ...cells,
    },
  };
}
