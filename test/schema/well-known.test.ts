import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { awsCur } from "../../src/exports/aws-cur.ts";
import { awsDataExport } from "../../src/exports/aws-data-export.ts";
import { azureCost } from "../../src/exports/azure-cost.ts";
import { createTypeLookup } from "../../src/schema/columns.ts";
import { azureTypes, dataExportTypes, manifestType } from "../../src/schema/well-known.ts";
import { samplesFolder } from "../support/schema-samples.ts";

const cur = createTypeLookup(awsCur.columns);
const azure = createTypeLookup(azureCost.columns);
const dataExport = createTypeLookup(awsDataExport.columns);

describe("words of AWS manifests", () => {
  it("mean our types", () => {
    const types = {
      String: "text",
      OptionalString: "text",
      Interval: "text",
      BigDecimal: "decimal",
      OptionalBigDecimal: "decimal",
      DateTime: "timestamp",
      string: "text",
      double: "decimal",
      timestamp: "timestamp",
      map: "json",
    };
    for (const [word, type] of Object.entries(types)) assert.equal(manifestType(word), type, word);
  });

  it("may be missing or unknown", () => {
    for (const word of [undefined, null, "", "Blob", "constructor"]) assert.equal(manifestType(word), null);
  });
});

describe("well-known columns", () => {
  it("of legacy CUR: amounts are decimals, rates are text, tags are text", () => {
    const types = {
      "lineItem/UnblendedCost": "decimal",
      "lineItem/UnblendedRate": "text",
      "pricing/publicOnDemandCost": "decimal",
      "pricing/publicOnDemandRate": "text",
      "savingsPlan/SavingsPlanRate": "decimal",
      "bill/BillingPeriodStartDate": "timestamp",
      "identity/TimeInterval": "text",
      "bill/PayerAccountId": "text",
      "resourceTags/user:anything": "text",
      "costCategory/Team": "text",
      "product/neverSeen": "text",
    };
    for (const [name, type] of Object.entries(types)) assert.equal(cur(name), type, name);
    for (const name of ["lineItem/unblendedcost", "lineItem/NeverSeen", "product", "toString"]) {
      assert.equal(cur(name), undefined, name);
    }
  });

  it("of Azure: known in every case and language", () => {
    const types = {
      costInBillingCurrency: "decimal",
      CostInBillingCurrency: "decimal",
      paygcostinbillingcurrency: "decimal",
      "Ressourcensatz (ResourceRate)": "decimal",
      "Abonnement-GUID (SubscriptionGuid)": "text",
      date: "timestamp",
      BillingPeriodStart: "timestamp",
      x_EffectiveUnitPrice: "decimal",
      Tags: "text",
      BillingAccountId: "text",
      Term: "text",
    };
    for (const [name, type] of Object.entries(types)) assert.equal(azure(name), type, name);
    assert.equal(azure("NeverSeen"), undefined);
  });

  it("of Azure: no name stands twice with different types", () => {
    const names = Object.keys(azureTypes).map((name) => name.toLowerCase());
    assert.equal(new Set(names).size, names.length);
  });

  it("of AWS Data Exports: amounts are decimals, rates and ids are text, maps are JSON", () => {
    const types = {
      line_item_unblended_cost: "decimal",
      line_item_unblended_rate: "text",
      pricing_public_on_demand_cost: "decimal",
      savings_plan_savings_plan_rate: "decimal",
      reservation_start_time: "text",
      bill_payer_account_id: "text",
      resource_tags: "json",
      discount: "json",
      BilledCost: "decimal",
      BillingPeriodStart: "timestamp",
      Tags: "json",
      x_Discounts: "json",
    };
    for (const [name, type] of Object.entries(types)) assert.equal(dataExport(name), type, name);
    const names = Object.keys(dataExportTypes).map((name) => name.toLowerCase());
    assert.equal(new Set(names).size, names.length);
  });

  it("of AWS Data Exports: as the manifests of the samples type them", (test) => {
    const folder = samplesFolder(test, "buckets");
    if (folder === undefined) return;
    for (const path of [
      "aws-dataexport-cur2-parquet-overwrite/exports/cur2-parquet/metadata/BILLING_PERIOD=2025-01/cur2-parquet-Manifest.json",
      "aws-dataexport-focus12-parquet-createnew/exports/focus12/metadata/billing_period=2026-05/focus12-Manifest.json",
    ]) {
      const { columns } = JSON.parse(readFileSync(join(folder, path), "utf8")) as {
        columns: readonly { name: string; type: string }[];
      };
      assert.ok(columns.length > 50);
      for (const { name, type } of columns) assert.equal(dataExport(name), manifestType(type), name);
    }
  });

  it("cover every column of the sample files", (test) => {
    const folder = samplesFolder(test, "rows");
    if (folder === undefined) return;
    for (const name of readdirSync(join(folder, "azure-dialects"))) {
      assert.deepEqual(unknown(join(folder, "azure-dialects", name), azure), [], name);
    }
    for (const name of ["focus_1_3_cost_and_usage_azure.csv", "focus_1_3_cost_and_usage_aws.csv"]) {
      assert.deepEqual(unknown(join(folder, "focus", name), azure), [], name);
      assert.deepEqual(unknown(join(folder, "focus", name), dataExport), [], name);
    }
    assert.deepEqual(unknown(join(folder, "aws-cur1/real-2023-11.csv"), cur), []);
  });
});

function unknown(path: string, lookUp: (name: string) => unknown): string[] {
  const [first = ""] = readFileSync(path, "utf8").replace("\uFEFF", "").split(/\r?\n/);
  return first.split(",").filter((name) => lookUp(name) === undefined);
}
