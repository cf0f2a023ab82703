/** What an application of the demo's company is called on its resources. */
export interface Application {
  readonly team: string;
  readonly costCenter: string;
  /** The tag key under which its team keeps the cost centre: the company has two spellings, as companies do. */
  readonly costCenterKey: "CostCenter" | "cost-center";
}

/** The name of an application. */
export type ApplicationName =
  | "storefront"
  | "checkout"
  | "search"
  | "analytics"
  | "recommendations"
  | "platform"
  | "untagged";

/** The applications of the demo's company. What is `untagged` belongs to nobody that the bill could name. */
export const applications: Readonly<Record<ApplicationName, Application | null>> = {
  storefront: { team: "web", costCenter: "CC-1200", costCenterKey: "CostCenter" },
  checkout: { team: "payments", costCenter: "CC-1300", costCenterKey: "CostCenter" },
  search: { team: "web", costCenter: "CC-1200", costCenterKey: "CostCenter" },
  analytics: { team: "data", costCenter: "CC-2100", costCenterKey: "cost-center" },
  recommendations: { team: "machine-learning", costCenter: "CC-2200", costCenterKey: "cost-center" },
  platform: { team: "platform", costCenter: "CC-1000", costCenterKey: "CostCenter" },
  untagged: null,
};
