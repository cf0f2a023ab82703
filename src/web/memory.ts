import {
  requireCapability,
  type QueryColumn,
  type QueryRow,
  type QuerySettings,
  type Warehouse,
} from "../warehouses/warehouse.ts";

/** Answers of a warehouse that are kept while it does not change: the same question is asked once. */
export interface Memory {
  /**
   * The answer to a question, from memory, or computed. Questions that fail are asked again, and so are those whose answer is not
   * worth keeping.
   */
  remember<T>(this: void, question: string, answer: () => Promise<T>, isKept?: (answer: T) => boolean): Promise<T>;
  /** Whether an answer is in memory. */
  has(this: void, question: string): boolean;
}

/** A memory of at most so many answers; those that were not used for the longest time are forgotten first. */
export function createMemory(most: number): Memory {
  const answers = new Map<string, Promise<unknown>>();
  const forget = (question: string, result: Promise<unknown>): void => {
    if (answers.get(question) === result) answers.delete(question);
  };
  return {
    remember<T>(question: string, answer: () => Promise<T>, isKept: (answer: T) => boolean = () => true): Promise<T> {
      const known = answers.get(question) as Promise<T> | undefined;
      const result = known ?? answer();
      answers.delete(question);
      answers.set(question, result);
      if (known === undefined) {
        result.then(
          (given) => isKept(given) || forget(question, result),
          () => forget(question, result),
        );
        const [oldest] = answers.keys();
        if (answers.size > most && oldest !== undefined) answers.delete(oldest);
      }
      return result;
    },
    has: (question) => answers.has(question),
  };
}

/** How many rows of a statement are kept. What is computed from more of them is kept by itself. */
const mostRows = 2000;

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
      const { columns, rows } = await memory.remember(
        questionOf(sql, settings),
        () =>
          queue(async () => {
            const found: QueryRow[] = [];
            let names: readonly QueryColumn[] = [];
            const onColumns = (given: readonly QueryColumn[]): void => void (names = given);
            for await (const row of query(sql, { ...settings, onColumns })) found.push(row);
            return { columns: names, rows: found };
          }),
        (answer) => answer.rows.length <= mostRows,
      );
      settings?.onColumns?.(columns);
      yield* rows;
    },
  };
}

/**
 * The warehouse, in which statements that are not in memory are not run: they give no rows, and `onBytes` receives the bytes that
 * each of them would bill. Only `small` is run, because other statements depend on its rows.
 */
export function estimating(
  warehouse: Warehouse,
  memory: Memory,
  {
    small,
    bytesOf,
    onBytes,
  }: {
    small: string;
    bytesOf: NonNullable<Warehouse["queryBytes"]>;
    onBytes: (bytes: number) => void;
  },
): Warehouse {
  const remembered = remembering(warehouse, { memory, queue: (work) => work(), onStatement: () => {} });
  const query = requireCapability(remembered, "query");
  const seen = new Set<string>();
  return {
    ...remembered,
    async *query(sql, settings) {
      const question = questionOf(sql, settings);
      const isRun = sql === small || memory.has(question);
      if (isRun) yield* query(sql, settings);
      if (isRun || seen.has(question)) return;
      seen.add(question);
      onBytes(await bytesOf(sql, settings));
    },
  };
}

function questionOf(sql: string, settings: QuerySettings | undefined): string {
  return `query ${JSON.stringify([sql, settings?.datasets])}`;
}
