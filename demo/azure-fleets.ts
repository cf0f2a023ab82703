import type { AzureMeterName } from "./azure-meters.ts";
import type { ApplicationName } from "./company.ts";
import type { Swing } from "./swings.ts";

/** The subscriptions of the demo's company on Azure. */
export const azureSubscriptions = {
  retail: { id: "3c1f7a52-8d40-4e7b-9b16-52d0a6e8f134", name: "acme-retail", environment: "production" },
  insights: { id: "81b94e0d-2f63-4a8c-a7d5-0e9b3c6f2a71", name: "acme-insights", environment: "production" },
  shared: { id: "d7e20c98-64b1-4f35-8c02-b19f7d5a3e46", name: "acme-shared", environment: "production" },
  development: { id: "f05a6b13-c97e-42d8-b384-6a7d1e90c25f", name: "acme-development", environment: "development" },
} as const;

/** The key of a subscription. */
export type AzureSubscription = keyof typeof azureSubscriptions;

/** The regions of the demo's company on Azure. */
export const azureRegions = { westeurope: "West Europe", northeurope: "North Europe", eastus2: "East US 2" } as const;

/** Resources of one kind that one application uses in one place. */
export interface AzureFleet {
  readonly subscription: AzureSubscription;
  readonly region: keyof typeof azureRegions;
  readonly meter: AzureMeterName;
  readonly count: number;
  /** Units that one resource uses on a plain working day. */
  readonly daily: string;
  readonly application: ApplicationName;
  readonly swing: Swing;
  /** What pays for it, where that is not the price of the agreement. */
  readonly commitment: "reservation" | "savings-plan" | null;
}

/** Everything that the demo's company runs on Azure. */
export const azureFleets: readonly AzureFleet[] = [
  fleet("retail", "westeurope", "d4s", 9, "24", "storefront", "autoscaled", "reservation"),
  fleet("retail", "westeurope", "d2s", 4, "24", "checkout", "always"),
  fleet("retail", "northeurope", "d2s", 6, "24", "storefront", "autoscaled", "savings-plan"),
  fleet("retail", "westeurope", "disks", 8, "0.0333", "storefront", "always"),
  fleet("retail", "westeurope", "sql", 3, "192", "checkout", "always"),
  fleet("retail", "westeurope", "cosmos", 2, "2400", "storefront", "business"),
  fleet("retail", "westeurope", "webApps", 4, "48", "checkout", "always"),
  fleet("retail", "westeurope", "functions", 3, "890000", "checkout", "business"),
  fleet("retail", "westeurope", "bandwidth", 3, "165", "storefront", "business"),
  fleet("retail", "westeurope", "gateway", 2, "24", "storefront", "always"),
  fleet("retail", "westeurope", "blobs", 3, "145", "storefront", "stored"),
  fleet("retail", "westeurope", "operations", 3, "310", "storefront", "business"),
  fleet("retail", "westeurope", "mail", 1, "41", "checkout", "business"),
  fleet("insights", "westeurope", "e8s", 4, "24", "analytics", "autoscaled", "savings-plan"),
  fleet("insights", "westeurope", "databricks", 3, "440", "analytics", "batch"),
  fleet("insights", "westeurope", "blobs", 4, "690", "analytics", "stored"),
  fleet("insights", "westeurope", "models", 2, "2150", "recommendations", "rising"),
  fleet("insights", "eastus2", "models", 1, "1300", "untagged", "business"),
  fleet("insights", "westeurope", "sql", 1, "96", "analytics", "always"),
  fleet("shared", "westeurope", "firewall", 1, "24", "platform", "always"),
  fleet("shared", "westeurope", "logs", 4, "6.4", "platform", "business"),
  fleet("shared", "westeurope", "kubernetes", 3, "24", "platform", "always"),
  fleet("shared", "northeurope", "disks", 3, "0.0333", "untagged", "always"),
  fleet("development", "westeurope", "d4s", 5, "24", "storefront", "office"),
  fleet("development", "eastus2", "d2s", 5, "24", "untagged", "office"),
  fleet("development", "westeurope", "disks", 4, "0.0333", "untagged", "always"),
  fleet("development", "westeurope", "sql", 1, "48", "checkout", "office"),
  fleet("development", "westeurope", "logs", 1, "1.9", "platform", "office"),
];

function fleet(
  subscription: AzureSubscription,
  region: AzureFleet["region"],
  meter: AzureMeterName,
  count: number,
  daily: string,
  application: ApplicationName,
  swing: Swing,
  commitment: AzureFleet["commitment"] = null,
): AzureFleet {
  return { subscription, region, meter, count, daily, application, swing, commitment };
}
