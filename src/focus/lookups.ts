import awsRegions from "./lookups/aws-regions.json" with { type: "json" };
import awsServices from "./lookups/aws-services.json" with { type: "json" };
import awsUnits from "./lookups/aws-units.json" with { type: "json" };

/** A table of facts that bills do not hold. */
export interface Lookup {
  readonly name: string;
  /** Where the facts come from, with the licence. */
  readonly source: string;
  /** The first column is the key, without repetitions. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** Every lookup by its name. What a lookup lacks is flagged in `x_QualityFlags`, never guessed. */
export const lookups: Readonly<Record<string, Lookup>> = Object.fromEntries(
  [awsRegions, awsServices, awsUnits].map((lookup: Lookup) => [lookup.name, lookup]),
);
