import { refusal } from "./failures.ts";

/** What a project and its user may not do. */
export interface Permissions {
  /** `bigquery.tables.getData`, `storage.objects.get` ... that the user lacks. */
  readonly denied: Set<string>;
  /** A project without billing, which may load and ask, and take no DML. */
  sandbox: boolean;
  project(permission: string, project: string): void;
  dataset(permission: string, dataset: string): void;
  table(permission: string, table: string): void;
  files(uri: string): void;
  dml(): void;
}

/** Everything is allowed at first. */
export function createPermissions(): Permissions {
  const denied = new Set<string>();
  const permissions: Permissions = {
    denied,
    sandbox: false,
    project(permission, project) {
      if (denied.has(permission)) {
        throw refusal(
          "accessDenied",
          `Access Denied: Project ${project}: User does not have ${permission} permission in project ${project}.`,
        );
      }
    },
    dataset(permission, dataset) {
      if (denied.has(permission)) {
        throw refusal(
          "accessDenied",
          `Access Denied: Dataset ${dataset}: Permission ${permission} denied on dataset ${dataset} (or it may not exist).`,
        );
      }
    },
    table(permission, table) {
      if (!denied.has(permission)) return;
      const what =
        permission === "bigquery.tables.getData"
          ? `to query table ${table}, or perhaps it does not exist.`
          : `${permission} on table ${table} (or it may not exist).`;
      throw refusal("accessDenied", `Access Denied: Table ${table}: User does not have permission ${what}`);
    },
    files(uri) {
      if (!denied.has("storage.objects.get")) return;
      throw refusal(
        "accessDenied",
        `Access Denied: BigQuery BigQuery: Permission denied while globbing file pattern. The user does not have storage.objects.get access to ${uri}.`,
      );
    },
    dml() {
      if (!permissions.sandbox) return;
      // Documented: sandbox#limits; wording as the service answers.
      throw refusal(
        "billingNotEnabled",
        "Billing has not been enabled for this project. Enable billing at https://console.cloud.google.com/billing. DML queries are not allowed in the free tier. Set up a billing account to remove this restriction.",
      );
    },
  };
  return permissions;
}
