import type { AccountNames } from "../answers/bills.ts";
import { plainView, type View } from "./address.ts";
import { answerTo, type PageContext } from "./page.ts";
import { costsQuestion } from "./questions.ts";

/** The names of all sub-accounts with charges in the period of a view. Errors: those of `costs`. */
export async function accountNamesIn({ from, to }: View, context: PageContext): Promise<AccountNames> {
  const view: View = { ...plainView, from, to, by: "account" };
  return (await answerTo(context, costsQuestion, { view })).result.accountNames;
}
