import { awsCur } from "./aws-cur.ts";
import { awsDataExport } from "./aws-data-export.ts";
import { azureCost } from "./azure-cost.ts";
import type { ExportFormat } from "./export.ts";

/** Every export format that billhouse reads. A new one is a file beside this one and a line here. */
export const exportFormats: readonly ExportFormat[] = [awsCur, awsDataExport, azureCost];
