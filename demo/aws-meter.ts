import type { Cells } from "./csv.ts";

/** What AWS meters: one usage type of one product. */
export interface AwsMeter {
  readonly productCode: string;
  readonly family: string;
  readonly usageType: string;
  readonly operation: string;
  readonly unit: string;
  /** Price of one unit in us-east-1. */
  readonly rate: string;
  readonly description: string;
  /** What a resource of it is called: `{id}` is drawn, `{name}`, `{region}` and `{account}` are filled in. */
  readonly resource: string;
  readonly attributes: Cells;
}

/** A meter whose description is made of its price and unit. */
export function meter(
  productCode: string,
  family: string,
  usageType: string,
  operation: string,
  unit: string,
  rate: string,
  rest: { readonly resource: string; readonly attributes?: Cells },
): AwsMeter {
  const description = `$${rate} per ${unit} of ${family}, ${usageType}`;
  return {
    productCode,
    family,
    usageType,
    operation,
    unit,
    rate,
    description,
    resource: rest.resource,
    attributes: rest.attributes ?? {},
  };
}

/** The on-demand hours of an EC2 instance type. */
export function instance(type: string, rate: string, vcpu: string, memory: string, instanceFamily: string): AwsMeter {
  const attributes = {
    instanceType: type,
    vcpu,
    memory,
    instanceFamily,
    operatingSystem: "Linux",
    tenancy: "Shared",
    licenseModel: "No License required",
  };
  const base = meter("AmazonEC2", "Compute Instance", `BoxUsage:${type}`, "RunInstances", "Hrs", rate, {
    resource: "i-{id}",
    attributes,
  });
  return { ...base, description: `$${rate} per On Demand Linux ${type} Instance Hour` };
}
