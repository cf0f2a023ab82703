/** What rounding is called among the parts and the reasons. */
export const roundingName = "rounding";

/** An id, or the name at the end of Azure's path to a billing profile or account. */
export function lastName(id: string): string {
  return id.startsWith("/") ? (id.split("/").findLast((name) => name !== "") ?? id) : id;
}
