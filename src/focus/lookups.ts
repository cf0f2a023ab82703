import awsRegions from "./lookups/aws-regions.json" with { type: "json" };
import awsServices from "./lookups/aws-services.json" with { type: "json" };
import awsUnits from "./lookups/aws-units.json" with { type: "json" };
import azureRegions from "./lookups/azure-regions.json" with { type: "json" };
import azureServices from "./lookups/azure-services.json" with { type: "json" };
import azureUnits from "./lookups/azure-units.json" with { type: "json" };

/** A table of facts that bills do not hold. */
export interface Lookup {
  readonly name: string;
  /** Where the facts come from, with the licence. */
  readonly source: string;
  /** The first column is the key, without repetitions. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** The categories of Azure services by their names in lower case, as exports in FOCUS columns give them. */
const azureServiceNames: Lookup = {
  name: "azure_service_names",
  source: azureServices.source,
  columns: ["key", "category", "subcategory"],
  rows: [
    ...new Map(
      azureServices.rows.map(([, service, category, subcategory]) => {
        const name = String(service).toLowerCase();
        return [name, [name, String(category), String(subcategory)]] as const;
      }),
    ).values(),
  ],
};

/** Every lookup by its name. What a lookup lacks is flagged in `x_QualityFlags`, never guessed. */
export const lookups: Readonly<Record<string, Lookup>> = Object.fromEntries(
  [awsRegions, awsServices, awsUnits, azureRegions, azureServices, azureServiceNames, azureUnits].map(
    (lookup: Lookup) => [lookup.name, lookup],
  ),
);
