import type { Receipt } from "../../model.ts";

/** The flag of a receipt whose month has other sums in the FOCUS view than were loaded. */
export const viewDiffersFlag = "view-differs";

/** Whether the FOCUS view had other sums than were loaded when it was last checked. */
export function viewDiffers({ flags }: Pick<Receipt, "flags">): boolean {
  return flags.includes(viewDiffersFlag);
}
