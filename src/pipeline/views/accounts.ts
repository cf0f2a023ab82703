import { BillhouseError, quoted } from "../../errors.ts";
import { type ListKind, readList, type TextList } from "../../files/list.ts";
import type { Account } from "../../focus/allocation.ts";

const accountList: ListKind = {
  title: "list of accounts",
  // The views contain it.
  most: 2000,
  keep: "Keep the accounts whose names or owners matter.",
  correct: "Correct accounts in [focus], or remove it.",
};

/**
 * Reads a list of accounts: CSV with the columns `id`, `name`, `owner` and `environment` in any order, of which only `id` is
 * required. Errors: FILE_NOT_FOUND; FILE_INVALID, also for an account that is there twice; LIMIT_EXCEEDED.
 */
export async function readAccounts(path: string): Promise<readonly Account[]> {
  const list = await readList(path, accountList);
  return accountsOf({ ...list, header: list.header.map((title) => title.trim().toLowerCase()) });
}

function accountsOf({ name, header, rows }: TextList): readonly Account[] {
  if (!header.includes("id")) {
    throw new BillhouseError("FILE_INVALID", `${name}, line 1: column id is missing.`, {
      hint: "Write a header such as id,name,owner,environment, separated by commas.",
    });
  }
  const seen = new Set<string>();
  return rows.map(({ cells, line }) => {
    const cell = (column: string): string | null => cells[header.indexOf(column)]?.trim() || null;
    const id = cell("id");
    if (id === null || seen.has(id.toLowerCase())) {
      const what = id === null ? "the id is missing" : `the account ${quoted(id)} is listed twice`;
      throw new BillhouseError("FILE_INVALID", `${name}, line ${line}: ${what}.`, {
        hint: "Give each account one line with its id.",
      });
    }
    seen.add(id.toLowerCase());
    return { id, name: cell("name"), owner: cell("owner"), environment: cell("environment") };
  });
}
