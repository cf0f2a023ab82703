import type { Warehouse } from "../warehouses/warehouse.ts";
import { requireCapability, type QueryRow } from "../warehouses/warehouse.ts";

/** Answers of a warehouse that are kept while it does not change: the same question is asked once. */
export interface Memory {
  /** The answer to a question, from memory, or computed. Questions that fail are asked again. */
  remember<T>(this: void, question: string, answer: () => Promise<T>): Promise<T>;
  /** Forgets all answers. */
  clear(): void;
}

/** A memory of at most so many answers; those that were not used for the longest time are forgotten first. */
export function createMemory(most: number): Memory {
  const answers = new Map<string, Promise<unknown>>();
  return {
    remember<T>(question: string, answer: () => Promise<T>): Promise<T> {
      const known = answers.get(question) as Promise<T> | undefined;
      const result = known ?? answer();
      answers.delete(question);
      answers.set(question, result);
      if (known === undefined) {
        result.catch(() => {
          if (answers.get(question) === result) answers.delete(question);
        });
        const [oldest] = answers.keys();
        if (answers.size > most && oldest !== undefined) answers.delete(oldest);
      }
      return result;
    },
    clear: () => answers.clear(),
  };
}

/** Work that is done one after the other. */
export type Queue = <T>(work: () => Promise<T>) => Promise<T>;

/** A queue in which nothing waits yet. */
export function createQueue(): Queue {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
}

/**
 * The warehouse, asked only for what is not in memory. Statements wait in the queue: DuckDB runs one of them on all threads, and
 * the memory of several at a time would not be bounded. `onStatement` receives every statement.
 */
export function remembering(
  warehouse: Warehouse,
  { memory, queue, onStatement }: { memory: Memory; queue: Queue; onStatement: (sql: string) => void },
): Warehouse {
  const query = requireCapability(warehouse, "query");
  const previous = requireCapability(warehouse, "previous");
  return {
    ...warehouse,
    ledger: (table) => memory.remember(`ledger ${JSON.stringify(table)}`, () => warehouse.ledger(table)),
    previous: {
      ...previous,
      history: (table, month) =>
        memory.remember(`history ${JSON.stringify([table, month])}`, () => previous.history(table, month)),
    },
    async *query(sql, settings) {
      onStatement(sql);
      const rows = await memory.remember(`query ${JSON.stringify([sql, settings?.datasets])}`, () =>
        queue(async () => {
          const found: QueryRow[] = [];
          for await (const row of query(sql, settings)) found.push(row);
          return found;
        }),
      );
      yield* rows;
    },
  };
}
