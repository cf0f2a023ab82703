import type { BillingMonth } from "../src/model.ts";
import { amount, amountText, times } from "./amounts.ts";
import { committedPrice, commitmentCells, type AzureCommitment, azureCommitments } from "./azure-commitments.ts";
import {
  type AzureFleet,
  azureFleets,
  type AzureMeter,
  azureMeters,
  azureRegions,
  azureSubscriptions,
} from "./azure-fleets.ts";
import { agreementFactor, azureRow, subscriptionCells, type AzureRow } from "./azure-rows.ts";
import { alphabets, applications, daysOf, type Random, randomFrom, swingOn } from "./company.ts";
import type { Cells } from "./delivery.ts";

/** What the company's resources used in a month: one row for each resource and day, in the order of the days. */
export function azureUsage(month: BillingMonth): AzureRow[] {
  const resources = azureFleets.flatMap((fleet, position) =>
    Array.from({ length: fleet.count }, (_, index) => resourceOf(fleet, position, index, month)),
  );
  const rows: AzureRow[] = [];
  for (const day of daysOf(month)) {
    for (const resource of resources) {
      const quantity = times(resource.daily, swingOn(resource.fleet.swing, day, resource.random), 8);
      if (quantity === 0n) continue;
      const { cells, list, commitment } = resource;
      const consumed = { ...cells, ConsumedQuantity: amountText(quantity) };
      const contracted = times(list, agreementFactor, 10);
      const price = { quantity, list, contracted, billed: null, effective: null };
      rows.push(
        commitment === null
          ? azureRow(consumed, day.date, day.next, price)
          : azureRow(
              { ...consumed, ...commitmentCells(commitment, "Used", committedPrice(commitment, list, quantity)) },
              day.date,
              day.next,
              { ...price, billed: 0n, effective: committedPrice(commitment, list, quantity).cost },
            ),
      );
    }
  }
  return rows;
}

interface AzureResource {
  readonly fleet: AzureFleet;
  readonly list: bigint;
  readonly daily: bigint;
  readonly commitment: AzureCommitment | null;
  readonly cells: Cells;
  /** Draws the usage of this resource in this month, day by day. */
  readonly random: Random;
}

function resourceOf(fleet: AzureFleet, position: number, index: number, month: BillingMonth): AzureResource {
  const meter = azureMeters[fleet.meter];
  const subscription = azureSubscriptions[fleet.subscription];
  const constant = randomFrom(`azure resource ${position} ${index}`);
  const name = `${fleet.application}-${fleet.meter.toLowerCase()}-${constant.text(alphabets.hexadecimal, 4)}`;
  const group = `rg-${fleet.application}-${fleet.region}`;
  const [provider = "", type = "", child] = meter.resourceType.split("/");
  const path = child === undefined ? `${provider}/${type}/${name}` : `${provider}/${type}/${name}/${child}/main`;
  return {
    fleet,
    list: amount(meter.price),
    daily: amount(fleet.daily),
    commitment: fleet.commitment === null ? null : azureCommitments[fleet.commitment],
    random: randomFrom(`azure usage ${position} ${index} ${month}`),
    cells: {
      ...subscriptionCells(fleet.subscription),
      ...meterCells(meter, fleet.region),
      ChargeCategory: "Usage",
      ChargeFrequency: "Usage-Based",
      PricingCategory: "Standard",
      RegionId: fleet.region,
      RegionName: azureRegions[fleet.region],
      ResourceId: `/subscriptions/${subscription.id}/resourcegroups/${group}/providers/${path}`,
      ResourceName: child === undefined ? name : `${name}/main`,
      x_ResourceGroupName: group,
      ...tagCells(fleet, subscription.environment),
    },
  };
}

function meterCells(meter: AzureMeter, region: string): Cells {
  const draw = randomFrom(`azure meter ${region} ${meter.meter}`);
  const product = `DZH318Z0${draw.text(alphabets.sku, 4)}`;
  return {
    PublisherName: meter.publisher ?? "Microsoft",
    ServiceName: meter.service,
    ServiceCategory: meter.category,
    ServiceSubcategory: meter.subcategory,
    ChargeDescription: `${meter.service} - ${meter.meter}`,
    ConsumedUnit: meter.unit,
    PricingUnit: meter.unit,
    ResourceType: meter.resourceTypeName,
    SkuId: product,
    SkuPriceId: `${product}_${draw.text(alphabets.sku, 4)}_000${draw.text(alphabets.sku, 4)}`,
    SkuMeter: meter.meter,
    SkuPriceDetails: meter.priceDetails ?? "",
    x_PricingBlockSize: "1",
    x_PricingUnitDescription: /^\d/.test(meter.unit) ? meter.unit : `1 ${meter.unit}`,
    x_PublisherCategory: meter.publisher === undefined ? "Cloud Provider" : "Vendor",
    x_ResourceType: meter.resourceType,
    x_ServiceModel: meter.model,
    x_SkuIsCreditEligible: meter.publisher === undefined ? "true" : "false",
    x_SkuMeterCategory: meter.service,
    x_SkuMeterId: draw.uuid(),
    x_SkuOfferId: "MS-AZR-0017G",
  };
}

function tagCells(fleet: AzureFleet, environment: string): Cells {
  const tags = applications[fleet.application];
  if (tags === null) return {};
  const { team, costCenter, costCenterKey } = tags;
  return {
    Tags: JSON.stringify({ team, environment, application: fleet.application, [costCenterKey]: costCenter }),
    x_CostCenter: costCenter,
  };
}
