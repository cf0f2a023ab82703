import { cases, field, first, isOneOf } from "../expression.ts";
import type { Mapping } from "../mapping.ts";
import { nativeColumns } from "./native.ts";

const billed = field("billedcost", "decimal");
const effective = cases([[isOneOf(field("chargecategory"), "Tax"), billed]], field("effectivecost", "decimal"));
const provider = first(field("serviceprovidername"), field("providername"), field("publishername"));

/**
 * FOCUS files of any vendor, versions 1.0 to 1.4: every column as delivered, except names that versions renamed. Source: FOCUS
 * 1.3, which renamed ProviderName to ServiceProviderName and added HostProviderName; FOCUS 1.4, rules of EffectiveCost.
 */
export const focusFiles: Mapping = {
  name: "focus_files",
  title: "FOCUS files 1.0 to 1.4",

  cloud: "focus",
  rank: () => 1,

  recognises: (fields) => fields.has("billedcost") || fields.has("effectivecost"),

  fieldOf: (sourceName) => sourceName.toLowerCase(),

  amounts: ["billedcost", "effectivecost", "contractedcost", "listcost"],

  emptyWord: "NULL",

  facts: {},

  columns: {
    ...nativeColumns,
    ProviderName: first(field("providername"), field("serviceprovidername")),
    PublisherName: first(field("publishername"), field("serviceprovidername")),
    ServiceProviderName: provider,
    // Files before 1.3 do not name the host: most vendors run what they sell.
    HostProviderName: first(field("hostprovidername"), provider),
    // 1.0 as AWS writes it has the usage type in a column of its own.
    SkuMeter: first(field("skumeter"), field("x_usagetype")),
  },

  versions: {
    // FOCUS 1.4: the effective cost of tax is what is billed.
    v1_4: {
      EffectiveCost: effective,
    },
  },

  totals: {
    BilledCost: { rule: billed },
    EffectiveCost: { rule: effective },
    ContractedCost: { rule: field("contractedcost", "decimal") },
    ListCost: { rule: field("listcost", "decimal") },
  },

  branches: [{ name: "charges", columns: {} }],
};
