import { commitmentQuestions } from "./commitments.ts";
import { invoiceQuestions } from "./invoices.ts";
import type { OpenQuestion, Question } from "./question.ts";
import { usageQuestions } from "./usage.ts";

/** Every question with an answer. To add one, add it to the list that it belongs to. */
export const questions: readonly Question[] = [...invoiceQuestions, ...usageQuestions, ...commitmentQuestions];

const virtual = "AWS and Azure do not use virtual currencies.";
const split = "Exports of AWS and Azure do not fill the columns of allocated cost (FOCUS 1.3).";
const contracts = "Exports of AWS and Azure do not fill ContractApplied (FOCUS 1.3).";
const eligibility = "Exports of AWS and Azure do not say which commitments a charge could have (FOCUS 1.4).";
const application = "The bill does not name applications. With a tag for them: billhouse costs --by tag:application";
const details =
  "Few charges have the number of cores in SkuPriceDetails: reports without product attributes, and Azure exports of many services, lack it.";

/** Questions of the library without an answer here. */
export const openQuestions: readonly OpenQuestion[] = [
  { title: "Allocate multi-currency charges per application", because: application },
  { title: "Report application cost month over month", because: application },
  { title: "Update budgets for each application", because: application },
  {
    title: "Analyze effective cost by pricing currency",
    because: "Most exports of AWS and Azure lack amounts in the pricing currency.",
  },
  { title: "Analyze purchase of virtual currency", because: virtual },
  { title: "Calculate consumption of virtual currency within a billing period", because: virtual },
  { title: "Determine contracted savings by virtual currency", because: virtual },
  { title: "Determine target of virtual currency usage", because: virtual },
  { title: "Analyze total cost by allocated resource", because: split },
  { title: "Identify resources with shared cost allocation", because: split },
  { title: "Report on initial contract commitments", because: contracts },
  { title: "Track contract commitment burn-down over time", because: contracts },
  { title: "Calculate Commitment Discount Coverage Rate with Eligibility-Adjusted Denominator", because: eligibility },
  { title: "Compare Commitment Opportunities Across Providers (Cross-Provider with SaaS)", because: eligibility },
  { title: "Identify Eligible Capacity Reservation Spend", because: eligibility },
  { title: "Identify Eligible Uncovered Spend by Program Type", because: eligibility },
  { title: "Calculate average rate of a component resource", because: details },
  { title: "Quantify usage of a component resource", because: details },
];
