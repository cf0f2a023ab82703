import { awsCur } from "./aws-cur.ts";
import { awsDataExport } from "./aws-data-export.ts";
import { azureCost } from "./azure-cost.ts";
import type { ExportFormat } from "./export.ts";
import { focusFiles } from "./focus-files.ts";

/** Every export format that billhouse reads. To add one, write a file beside this one and add a line here. */
export const exportFormats: readonly ExportFormat[] = [awsCur, awsDataExport, azureCost, focusFiles];
