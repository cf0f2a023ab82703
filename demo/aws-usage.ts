import type { BillingMonth } from "../src/model.ts";
import { amount, times } from "./amounts.ts";
import { chargedLine } from "./aws-commitments.ts";
import { anomaly, awsAccounts, awsFleets, awsRegions, type AwsFleet } from "./aws-fleets.ts";
import type { AwsLine } from "./aws-lines.ts";
import { type AwsMeter, awsMeters, awsProducts } from "./aws-meters.ts";
import {
  alphabets,
  type ApplicationName,
  applications,
  daysOf,
  type DemoDay,
  type Random,
  randomFrom,
  swingOn,
} from "./company.ts";
import type { Cells } from "./delivery.ts";

/** What the company's resources used in a month: one line for each resource and day, in the order of the days. */
export function awsUsage(month: BillingMonth): AwsLine[] {
  const resources = awsFleets.flatMap((fleet, position) =>
    Array.from({ length: fleet.count }, (_, index) => resourceOf(fleet, position, index, month)),
  );
  const lines: AwsLine[] = [];
  for (const day of daysOf(month)) {
    for (const resource of resources) {
      const quantity = usedOn(day, resource);
      if (quantity > 0n) lines.push(chargedLine(resource.fleet, resource.cells, resource.rate, quantity, day, month));
    }
  }
  return lines;
}

interface AwsResource {
  readonly fleet: AwsFleet;
  readonly rate: bigint;
  readonly daily: bigint;
  readonly cells: Cells;
  /** Draws the usage of this resource in this month, day by day. */
  readonly random: Random;
}

function usedOn(day: DemoDay, { fleet, daily, random }: AwsResource): bigint {
  const factor = swingOn(fleet.swing, day, random);
  const forgotten =
    fleet.account === anomaly.account &&
    fleet.meter === anomaly.meter &&
    day.date >= anomaly.from &&
    day.date <= anomaly.to;
  return forgotten ? amount(anomaly.daily) : times(daily, factor, 10);
}

function resourceOf(fleet: AwsFleet, position: number, index: number, month: BillingMonth): AwsResource {
  const meter = awsMeters[fleet.meter];
  const region = awsRegions[fleet.region];
  const account = awsAccounts[fleet.account];
  const constant = randomFrom(`aws resource ${position} ${index}`);
  const name = `${fleet.application}-${account.environment}-${fleet.meter.toLowerCase()}-${index + 1}`;
  const id = meter.resource
    .replace("{id}", constant.text(alphabets.hexadecimal, 17))
    .replace("{name}", name)
    .replace("{region}", fleet.region)
    .replace("{account}", account.id);
  return {
    fleet,
    rate: times(amount(meter.rate), region.factor, 10),
    daily: amount(fleet.daily),
    random: randomFrom(`aws usage ${position} ${index} ${month}`),
    cells: {
      "lineItem/UsageAccountId": account.id,
      "lineItem/ProductCode": meter.productCode,
      "lineItem/UsageType": region.prefix + meter.usageType,
      "lineItem/Operation": meter.operation,
      "lineItem/AvailabilityZone": id.startsWith("i-") ? fleet.region + "abc".charAt(index % 3) : "",
      "lineItem/ResourceId": id,
      "lineItem/LineItemDescription": `${meter.description}, ${region.location}`,
      "pricing/unit": meter.unit,
      ...productCells(fleet, meter),
      ...tagCells(fleet.application, account.environment, name),
    },
  };
}

function productCells(fleet: AwsFleet, meter: AwsMeter): Cells {
  const region = awsRegions[fleet.region];
  const draw = randomFrom(`aws sku ${fleet.region} ${meter.usageType}`);
  const sku = draw.text(alphabets.sku, 16);
  const attributes = Object.entries(meter.attributes).map(([name, value]) => [`product/${name}`, value]);
  return {
    "product/ProductName": awsProducts[meter.productCode] ?? "",
    "product/productFamily": meter.family,
    "product/location": region.location,
    "product/locationType": "AWS Region",
    "product/operation": meter.operation,
    "product/region": fleet.region,
    "product/regionCode": fleet.region,
    "product/servicecode": meter.productCode,
    "product/servicename": awsProducts[meter.productCode] ?? "",
    "product/sku": sku,
    "product/usagetype": region.prefix + meter.usageType,
    "pricing/RateCode": `${sku}.JRTCKXETXF.6YS6EN2CT7`,
    "pricing/RateId": draw.text("123456789", 11),
    "pricing/currency": "USD",
    ...(Object.fromEntries(attributes) as Cells),
  };
}

function tagCells(application: ApplicationName, environment: string, name: string): Cells {
  const tags = applications[application];
  if (tags === null) return {};
  return {
    "resourceTags/user:Name": name,
    "resourceTags/user:environment": environment,
    "resourceTags/user:project": application,
    "resourceTags/user:team": tags.team,
    [`resourceTags/user:${tags.costCenterKey}`]: tags.costCenter,
  };
}
