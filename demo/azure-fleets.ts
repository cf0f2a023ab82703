import type { ApplicationName, Swing } from "./company.ts";

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

/** What Azure meters: one meter of one service. */
export interface AzureMeter {
  readonly service: string;
  readonly category: string;
  readonly subcategory: string;
  /** The name of the meter. */
  readonly meter: string;
  readonly unit: string;
  /** List price of one unit. */
  readonly price: string;
  /** `provider/type` of the resources, as in a resource id; a name of its type for people. */
  readonly resourceType: string;
  readonly resourceTypeName: string;
  readonly model: "IaaS" | "PaaS" | "SaaS";
  readonly priceDetails?: string;
  /** Who sells it, where that is not Microsoft. */
  readonly publisher?: string;
}

/** The name of a meter. */
export type AzureMeterName =
  | "d4s"
  | "d2s"
  | "e8s"
  | "disks"
  | "blobs"
  | "operations"
  | "bandwidth"
  | "gateway"
  | "firewall"
  | "sql"
  | "cosmos"
  | "kubernetes"
  | "webApps"
  | "functions"
  | "logs"
  | "models"
  | "databricks"
  | "mail";

/** Every meter of the demo's Azure bill. */
export const azureMeters: Readonly<Record<AzureMeterName, AzureMeter>> = {
  d4s: virtualMachine("D4s v5", "0.23", 4, 16),
  d2s: virtualMachine("D2s v5", "0.115", 2, 8),
  e8s: virtualMachine("E8s v5", "0.596", 8, 64),
  disks: {
    ...storage("P20 LRS Disk", "Units/Month", "73.22", "Block Storage"),
    resourceType: "microsoft.compute/disks",
    resourceTypeName: "Disk",
  },
  blobs: storage("Hot LRS Data Stored", "GB-Months", "0.0196", "Object Storage"),
  operations: storage("Hot Read Operations", "10K Operations", "0.0052", "Object Storage"),
  bandwidth: networking("Bandwidth", "Network Connectivity", "Standard Data Transfer Out", "GB", "0.0832", {
    resourceType: "microsoft.network/publicipaddresses",
    resourceTypeName: "Public IP address",
  }),
  gateway: networking("Application Gateway", "Application Networking", "Standard v2 Fixed Cost", "Hours", "0.246", {
    resourceType: "microsoft.network/applicationgateways",
    resourceTypeName: "Application gateway",
  }),
  firewall: networking("Azure Firewall", "Network Security", "Standard Deployment", "Hours", "1.25", {
    resourceType: "microsoft.network/azurefirewalls",
    resourceTypeName: "Firewall",
  }),
  sql: {
    service: "SQL Database",
    category: "Databases",
    subcategory: "Relational Databases",
    meter: "General Purpose Gen5 vCore",
    unit: "vCore-Hours",
    price: "0.152118",
    resourceType: "microsoft.sql/servers/databases",
    resourceTypeName: "SQL database",
    model: "PaaS",
  },
  cosmos: {
    service: "Azure Cosmos DB",
    category: "Databases",
    subcategory: "NoSQL Databases",
    meter: "100 RU/s",
    unit: "Hours",
    price: "0.008",
    resourceType: "microsoft.documentdb/databaseaccounts",
    resourceTypeName: "Azure Cosmos DB account",
    model: "PaaS",
  },
  kubernetes: {
    service: "Azure Kubernetes Service",
    category: "Compute",
    subcategory: "Containers",
    meter: "Standard Uptime SLA",
    unit: "Hours",
    price: "0.1",
    resourceType: "microsoft.containerservice/managedclusters",
    resourceTypeName: "Kubernetes service",
    model: "PaaS",
  },
  webApps: {
    service: "Azure App Service",
    category: "Compute",
    subcategory: "Other (Compute)",
    meter: "P1 v3 App",
    unit: "Hours",
    price: "0.188",
    resourceType: "microsoft.web/serverfarms",
    resourceTypeName: "App Service plan",
    model: "PaaS",
  },
  functions: {
    service: "Azure Functions",
    category: "Compute",
    subcategory: "Serverless Compute",
    meter: "Standard Execution Time",
    unit: "GB-Seconds",
    price: "0.000016",
    resourceType: "microsoft.web/sites",
    resourceTypeName: "Function App",
    model: "PaaS",
  },
  logs: {
    service: "Azure Monitor",
    category: "Management and Governance",
    subcategory: "Observability",
    meter: "Analytics Logs Data Ingestion",
    unit: "GB",
    price: "2.76",
    resourceType: "microsoft.operationalinsights/workspaces",
    resourceTypeName: "Log Analytics workspace",
    model: "PaaS",
  },
  models: {
    service: "Azure OpenAI Service",
    category: "AI and Machine Learning",
    subcategory: "Generative AI",
    meter: "gpt-4o output Data Zone Tokens",
    unit: "1K Tokens",
    price: "0.011",
    resourceType: "microsoft.cognitiveservices/accounts",
    resourceTypeName: "Azure OpenAI",
    model: "PaaS",
  },
  databricks: {
    service: "Azure Databricks",
    category: "Analytics",
    subcategory: "Data Processing",
    meter: "Premium Jobs Compute DBU",
    unit: "Hours",
    price: "0.3",
    resourceType: "microsoft.databricks/workspaces",
    resourceTypeName: "Azure Databricks Service",
    model: "PaaS",
  },
  mail: {
    service: "Mailwright Pro",
    category: "Web",
    subcategory: "Other (Web)",
    meter: "Mailwright Pro, 1K Emails",
    unit: "1K Emails",
    price: "0.95",
    resourceType: "microsoft.saas/resources",
    resourceTypeName: "SaaS",
    model: "SaaS",
    publisher: "Mailwright Inc.",
  },
};

function virtualMachine(size: string, price: string, cores: number, memory: number): AzureMeter {
  const details = {
    InstanceType: `Standard_${size.replace(" ", "_")}`,
    CoreCount: cores,
    MemorySize: memory,
    OperatingSystem: "Linux",
  };
  return {
    service: "Virtual Machines",
    category: "Compute",
    subcategory: "Virtual Machines",
    meter: size,
    unit: "Hours",
    price,
    resourceType: "microsoft.compute/virtualmachines",
    resourceTypeName: "Virtual machine",
    model: "IaaS",
    priceDetails: JSON.stringify(details),
  };
}

function storage(meter: string, unit: string, price: string, subcategory: string): AzureMeter {
  return {
    service: "Storage Accounts",
    category: "Storage",
    subcategory,
    meter,
    unit,
    price,
    resourceType: "microsoft.storage/storageaccounts",
    resourceTypeName: "Storage account",
    model: "IaaS",
  };
}

function networking(
  service: string,
  subcategory: string,
  meter: string,
  unit: string,
  price: string,
  resource: { readonly resourceType: string; readonly resourceTypeName: string },
): AzureMeter {
  return { service, category: "Networking", subcategory, meter, unit, price, model: "IaaS", ...resource };
}
