import type { ReportResult } from "../../answers/report.ts";
import { budgetSection, untaggedSection } from "./allocation.ts";
import { causes, commitmentSection } from "./causes.ts";
import { proofSection, restatementSection } from "./proof.ts";
import type { ReportDocument } from "./section.ts";
import { costSections, monthSection, summary } from "./spending.ts";

/** The report of a month as sections. A section that has nothing to say is left out. */
export function reportDocument(report: ReportResult): ReportDocument {
  const sections = [
    summary(report),
    ...costSections(report),
    monthSection(report),
    causes(report),
    commitmentSection(report),
    untaggedSection(report),
    budgetSection(report),
    restatementSection(report),
    proofSection(report),
  ];
  return {
    title: `Cloud costs of ${report.month}`,
    sections: sections.filter(({ sentences, tables, notes }) => sentences.length + tables.length + notes.length > 0),
  };
}
