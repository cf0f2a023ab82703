/** A query parameter, as the REST API writes it. */
export interface QueryParameter {
  readonly name: string;
  readonly parameterType: { readonly type: string; readonly arrayType?: { readonly type: string } };
  readonly parameterValue: {
    readonly value?: string | null;
    readonly arrayValues?: readonly { readonly value: string }[];
  };
}

/** Collects the values of a statement: text that comes from outside never stands in the statement itself. */
export interface Parameters {
  readonly list: readonly QueryParameter[];
  /** A text, or NULL, and how the statement names it. */
  text(value: string | null): string;
  /** A list of texts. */
  texts(values: readonly string[]): string;
  /** A whole number. */
  integer(value: number): string;
}

/** Starts an empty collection. */
export function createParameters(): Parameters {
  const list: QueryParameter[] = [];
  const add = (parameter: Omit<QueryParameter, "name">): string => {
    const name = `p${list.length}`;
    list.push({ name, ...parameter });
    return `@${name}`;
  };
  return {
    list,
    text: (value) => add({ parameterType: { type: "STRING" }, parameterValue: { value } }),
    texts: (values) =>
      add({
        parameterType: { type: "ARRAY", arrayType: { type: "STRING" } },
        parameterValue: { arrayValues: values.map((value) => ({ value })) },
      }),
    integer: (value) => add({ parameterType: { type: "INT64" }, parameterValue: { value: String(value) } }),
  };
}
