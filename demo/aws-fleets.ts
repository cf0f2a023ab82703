import type { ApplicationName, Swing } from "./company.ts";
import type { AwsMeterName } from "./aws-meters.ts";

/** The accounts of the demo's company on AWS; the first one pays. One id begins with a zero, as real ones do. */
export const awsAccounts = {
  management: { id: "014523987610", name: "acme-management", environment: "production", businessUnit: "Shared" },
  production: { id: "217390548812", name: "acme-production", environment: "production", businessUnit: "Retail" },
  data: { id: "330918274655", name: "acme-data", environment: "production", businessUnit: "Insights" },
  staging: { id: "445821903377", name: "acme-staging", environment: "staging", businessUnit: "Retail" },
  sandbox: { id: "562017734490", name: "acme-sandbox", environment: "development", businessUnit: "Insights" },
} as const;

/** The key of an account. */
export type AwsAccount = keyof typeof awsAccounts;

/** The regions of the demo's company on AWS, and what a unit costs there compared with us-east-1. */
export const awsRegions = {
  "us-east-1": { location: "US East (N. Virginia)", prefix: "", factor: 1 },
  "us-west-2": { location: "US West (Oregon)", prefix: "USW2-", factor: 1 },
  "eu-central-1": { location: "EU (Frankfurt)", prefix: "EUC1-", factor: 1.14 },
} as const;

/** The code of a region. */
export type AwsRegion = keyof typeof awsRegions;

/** Resources of one kind that one application uses in one place. */
export interface AwsFleet {
  readonly account: AwsAccount;
  readonly region: AwsRegion;
  readonly meter: AwsMeterName;
  readonly count: number;
  /** Units that one resource uses on a plain working day. */
  readonly daily: string;
  readonly application: ApplicationName;
  readonly swing: Swing;
  /** What pays for it, where that is not the on-demand price. */
  readonly commitment: "savings-plan" | "aurora" | "cache" | null;
}

/** Everything that the demo's company runs on AWS. */
export const awsFleets: readonly AwsFleet[] = [
  fleet("production", "us-east-1", "m6i2xlarge", 14, "24", "storefront", "autoscaled", "savings-plan"),
  fleet("production", "eu-central-1", "m6i2xlarge", 10, "24", "storefront", "autoscaled", "savings-plan"),
  fleet("production", "us-east-1", "c6i4xlarge", 6, "24", "search", "autoscaled", "savings-plan"),
  fleet("production", "us-east-1", "m6iLarge", 8, "24", "checkout", "always"),
  fleet("production", "us-east-1", "r6i4xlarge", 2, "24", "search", "always"),
  fleet("production", "us-east-1", "volume", 14, "20", "storefront", "stored"),
  fleet("production", "eu-central-1", "volume", 10, "16.5", "storefront", "stored"),
  fleet("production", "us-east-1", "snapshot", 4, "66.7", "untagged", "stored"),
  fleet("production", "us-east-1", "transfer", 6, "128.5", "storefront", "business"),
  fleet("production", "us-east-1", "natHours", 2, "24", "platform", "always"),
  fleet("production", "us-east-1", "natBytes", 2, "610", "platform", "business"),
  fleet("production", "us-east-1", "loadBalancer", 3, "310", "storefront", "business"),
  fleet("production", "eu-central-1", "loadBalancer", 2, "190", "storefront", "business"),
  fleet("production", "us-east-1", "aurora", 4, "24", "checkout", "always", "aurora"),
  fleet("production", "us-east-1", "auroraStorage", 2, "148", "checkout", "stored"),
  fleet("production", "us-east-1", "auroraRequests", 2, "61000000", "checkout", "business"),
  fleet("production", "us-east-1", "cache", 5, "24", "storefront", "always", "cache"),
  fleet("production", "us-east-1", "writes", 3, "9400000", "checkout", "business"),
  fleet("production", "us-east-1", "functions", 6, "610000", "checkout", "business"),
  fleet("production", "us-east-1", "content", 2, "540", "storefront", "business"),
  fleet("production", "us-east-1", "logs", 5, "19.5", "platform", "business"),
  fleet("production", "us-east-1", "queues", 4, "2300000", "checkout", "business"),
  fleet("production", "us-east-1", "objects", 4, "190", "storefront", "stored"),
  fleet("production", "us-east-1", "gets", 4, "2750000", "storefront", "business"),
  fleet("production", "us-east-1", "puts", 4, "140000", "storefront", "business"),
  fleet("production", "us-east-1", "clusters", 2, "24", "platform", "always"),
  fleet("production", "eu-central-1", "clusters", 1, "24", "platform", "always"),
  fleet("production", "us-east-1", "searchNodes", 3, "24", "search", "always"),
  fleet("data", "us-west-2", "redshift", 2, "24", "analytics", "always"),
  fleet("data", "us-west-2", "jobs", 7, "26", "analytics", "batch"),
  fleet("data", "us-west-2", "scans", 3, "2.1", "analytics", "business"),
  fleet("data", "us-west-2", "objects", 5, "1180", "analytics", "stored"),
  fleet("data", "us-west-2", "puts", 5, "310000", "analytics", "batch"),
  fleet("data", "us-west-2", "gets", 5, "4100000", "analytics", "batch"),
  fleet("data", "us-west-2", "spot", 10, "24", "analytics", "batch"),
  fleet("data", "us-west-2", "transfer", 3, "64", "untagged", "business"),
  fleet("data", "us-east-1", "endpoints", 2, "24", "recommendations", "always"),
  fleet("data", "us-east-1", "tokens", 1, "9800", "recommendations", "rising"),
  fleet("staging", "us-east-1", "m6iLarge", 10, "24", "storefront", "office"),
  fleet("staging", "us-east-1", "c6i4xlarge", 2, "24", "search", "office"),
  fleet("staging", "us-east-1", "aurora", 1, "24", "checkout", "office"),
  fleet("staging", "us-east-1", "volume", 6, "7.25", "storefront", "stored"),
  fleet("staging", "us-east-1", "logs", 2, "3.4", "platform", "office"),
  fleet("staging", "us-east-1", "clusters", 1, "24", "platform", "always"),
  fleet("staging", "us-east-1", "queues", 2, "1150", "checkout", "office"),
  fleet("sandbox", "us-east-1", "m6iLarge", 7, "24", "untagged", "office"),
  fleet("sandbox", "us-east-1", "volume", 9, "11.4", "untagged", "stored"),
  fleet("sandbox", "us-east-1", "objects", 2, "38", "untagged", "stored"),
  fleet("sandbox", "us-east-1", "training", 3, "2.4", "recommendations", "office"),
  fleet("management", "us-east-1", "logs", 1, "6.1", "platform", "business"),
  fleet("management", "us-east-1", "objects", 1, "74", "platform", "stored"),
  fleet("management", "us-east-1", "gets", 1, "95", "platform", "business"),
];

/** The planted anomaly: training jobs in the sandbox that ran for a week by mistake. */
export const anomaly = {
  account: "sandbox",
  meter: "training",
  from: "2026-10-12",
  to: "2026-10-18",
  /** Units that each resource used on each of those days. */
  daily: "24",
} as const;

function fleet(
  account: AwsAccount,
  region: AwsRegion,
  meter: AwsMeterName,
  count: number,
  daily: string,
  application: ApplicationName,
  swing: Swing,
  commitment: AwsFleet["commitment"] = null,
): AwsFleet {
  return { account, region, meter, count, daily, application, swing, commitment };
}
