import type { Cloud } from "../../exports/export.ts";
import type { IdColumn } from "../../model.ts";
import { type ChargeTable, fieldsOf, idColumnOf, type Mapping } from "../mapping.ts";
import { awsCur } from "./aws-cur.ts";
import { awsFocus } from "./aws-focus.ts";
import { azureCost } from "./azure-cost.ts";
import { azureFocus } from "./azure-focus.ts";
import { focusFiles } from "./focus-files.ts";

/** Every mapping. To add one, write a file beside this one and add a line here. */
export const mappings: readonly Mapping[] = [awsCur, awsFocus, azureFocus, azureCost, focusFiles];

/** The mapping of a table; undefined for a table that is not a bill that the view knows. */
export function mappingOf(table: ChargeTable): Mapping | undefined {
  // The columns of FOCUS alone do not say whose bill it is: the id of its deliveries does.
  const cloud = clouds[idColumnOf(table)];
  return mappings.find(
    (mapping) => mapping.cloud === cloud && mapping.recognises(new Set(fieldsOf(table, mapping).keys())),
  );
}

/** The mapping of a table of a cloud with columns of these source names; undefined as for `mappingOf`. */
export function mappingOfColumns(cloud: Mapping["cloud"], sourceNames: readonly string[]): Mapping | undefined {
  return mappings.find(
    (mapping) => mapping.cloud === cloud && mapping.recognises(new Set(sourceNames.map(mapping.fieldOf))),
  );
}

const clouds: Readonly<Record<IdColumn, Cloud>> = { assembly_id: "aws", run_id: "azure", execution_id: "focus" };
