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
