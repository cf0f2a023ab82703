import * as z from "zod";
import { isBillingMonth, isDay } from "../schema/periods.ts";

/** A `[sources.<name>]` section whose keys and values have been checked. */
export interface SourceSection {
  readonly bucket_url?: string | undefined;
  readonly bucket?: string | undefined;
  readonly prefix?: string | undefined;
  readonly export_name?: string | undefined;
  readonly table_name?: string | undefined;
  readonly dataset?: string | undefined;
  readonly kind?: string | undefined;
  readonly partition_column?: string | undefined;
  readonly first_month?: string | undefined;
  readonly project_id?: string | undefined;
  readonly keep_previous?: number | undefined;
  readonly unpacked_limit?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly payer?: string | undefined;
  readonly settle?: string | undefined;
  readonly active_from?: string | undefined;
  readonly active_to?: string | undefined;
  readonly null_values?: readonly string[] | undefined;
}

/** `[destination.duckdb]`, checked. */
export interface DuckdbSection {
  readonly path?: string | undefined;
  readonly storage_version?: string | undefined;
  readonly memory_limit?: string | undefined;
  readonly threads?: number | undefined;
}

/** `[destination.bigquery]`, checked. */
export interface BigquerySection {
  readonly project_id?: string | undefined;
  readonly job_project_id?: string | undefined;
  readonly location?: string | undefined;
  readonly staging_bucket?: string | undefined;
  readonly kms_key_name?: string | undefined;
  readonly maximum_bytes_billed?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly storage_endpoint?: string | undefined;
}

/** `[notify]`, checked. */
export interface NotifySection {
  readonly command?: string | readonly string[] | undefined;
  readonly max_age?: string | undefined;
}

/** `[focus]`, checked. */
export interface FocusSection {
  readonly dataset?: string | undefined;
  readonly accounts?: string | undefined;
  /** Keys, or each key with other spellings of it. */
  readonly tags?: readonly string[] | Readonly<Record<string, readonly string[]>> | undefined;
  readonly placeholders?: readonly string[] | undefined;
  /** Tables in FOCUS columns that others fill, by name. */
  readonly tables?: Readonly<Record<string, { readonly table: string }>> | undefined;
}

/** `[budgets]`, checked. */
export interface BudgetsSection {
  readonly file?: string | undefined;
}

/** A configuration whose keys and values have been checked. */
export interface ConfigDocument {
  readonly sources: Readonly<Record<string, SourceSection>>;
  readonly destination: {
    readonly duckdb?: DuckdbSection | undefined;
    readonly bigquery?: BigquerySection | undefined;
  };
  readonly notify?: NotifySection | undefined;
  readonly focus?: FocusSection | undefined;
  readonly budgets?: BudgetsSection | undefined;
}

/** What is wrong at one path of the document. */
export interface Issue {
  readonly path: readonly string[];
  /** Keys of the table at `path` that do not exist; without them the value itself is wrong. */
  readonly unknownKeys?: readonly string[];
}

/** Checks keys and values, strictly. */
export function checkDocument(
  document: unknown,
): { readonly document: ConfigDocument; readonly issues?: never } | { readonly issues: readonly Issue[] } {
  const result = documentSchema.safeParse(document, { jitless: true });
  if (result.success) return { document: result.data };
  return {
    issues: result.error.issues.map((issue) => ({
      path: issue.path.map(String),
      ...(issue.code === "unrecognized_keys" ? { unknownKeys: issue.keys } : {}),
    })),
  };
}

/** Whether a name can be part of a table's name in every warehouse. */
export function isIdentifier(name: string): boolean {
  return identifier.safeParse(name).success;
}

/** Whether an address can be that of a server: without a login, a key or options. */
export function isEndpoint(address: string): boolean {
  return endpoint.safeParse(address).success;
}

/** The known keys of a section, or undefined for an unknown section. */
export function keysAt(path: readonly string[]): readonly string[] | undefined {
  const shape = shapeAt(path);
  return shape === undefined ? undefined : Object.keys(shape);
}

/** What the value of a key must be, in words that follow "must be". */
export function expectation(path: readonly string[]): string | undefined {
  return shapeAt(path.slice(0, -1))?.[path.at(-1) ?? ""]?.description;
}

// Values of the configuration appear in messages, and in requests to services.
// No system accepts a NUL in a name, and some end the name there.
const openText = z.string().refine((value) => !holdsSecret(value) && !value.includes("\u0000"));
const text = openText.min(1);

const identifier = openText
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,254}$/)
  .describe("a name of letters, digits and _ that does not begin with a digit");

const endpoint = text
  .refine((address) => /^https?:\/\/[^/?#\s@]+(\/[^?#\s@]*)?$/.test(address))
  .describe('the address of a server without a login or a key, such as "http://127.0.0.1:9000"');

/** The bytes that a size such as `64 GB` (powers of 1000) or `64 GiB` (of 1024) means; undefined for any other text. */
export function byteCount(size: string): number | undefined {
  const [, figure = "", unit = "", binary = ""] = /^(\d{1,6}(?:\.\d{1,3})?)\s*([KMGT]?)(i?)B$/i.exec(size) ?? [];
  const power = " KMGT".indexOf(unit.toUpperCase() || " ");
  const bytes = Math.round(Number(figure) * (binary === "" ? 1000 : 1024) ** power);
  return bytes > 0 && (unit !== "" || binary === "") ? bytes : undefined;
}

/** `settle`, where nothing is configured. */
export const defaultSettle = "30m";

/** The milliseconds that a duration such as `90s`, `30m`, `2h` or `1d` means; undefined for any other text. */
export function milliseconds(duration: string): number | undefined {
  const [, figure = "", unit = ""] = /^(\d{1,5})\s*([smhd])$/.exec(duration) ?? [];
  const length = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit];
  return length === undefined ? undefined : Number(figure) * length;
}

function isCommand(command: unknown): boolean {
  const words: readonly unknown[] = Array.isArray(command) ? command : [command];
  const [program] = words;
  return (
    typeof program === "string" &&
    program.trim() !== "" &&
    words.every((word) => typeof word === "string" && !word.includes("\u0000"))
  );
}

/** A key becomes a part of a column name. The spellings of a key are looked for in bills. */
function isTags(tags: unknown): boolean {
  const isKey = (key: unknown): boolean => typeof key === "string" && /^[A-Za-z][A-Za-z0-9_]{0,100}$/.test(key);
  const isSpelling = (word: unknown): boolean => typeof word === "string" && /^[^"\\\p{Cc}]{1,200}$/u.test(word);
  const isList = (list: unknown): list is readonly unknown[] => Array.isArray(list) && list.length <= 100;
  const areDistinct = (keys: readonly unknown[]): boolean =>
    new Set(keys.map((key) => String(key).toLowerCase())).size === keys.length;
  if (isList(tags)) return tags.every(isKey) && areDistinct(tags);
  if (typeof tags !== "object" || tags === null) return false;
  const entries = Object.entries(tags);
  return (
    entries.length <= 100 &&
    areDistinct(entries.map(([key]) => key)) &&
    entries.every(([key, spellings]) => isKey(key) && isList(spellings) && spellings.every(isSpelling))
  );
}

/** The names become values of `x_Export`, and the parts of an address names in SQL. */
function areTables(tables: unknown): boolean {
  const isTable = (table: unknown): boolean =>
    typeof table === "object" &&
    table !== null &&
    Object.keys(table).join(" ") === "table" &&
    /^(?:[\w:.-]+\.)?\w+\.[\w-]+$/.test(String((table as { readonly table: unknown }).table));
  if (typeof tables !== "object" || tables === null || Array.isArray(tables)) return false;
  const entries = Object.entries(tables);
  return entries.length <= 100 && entries.every(([name, table]) => /^\w{1,100}$/.test(name) && isTable(table));
}

function isNullWord(word: unknown): boolean {
  return typeof word === "string" && /^[^'"\\\p{Cc}]{1,100}$/u.test(word);
}

function isPlaceholder(word: unknown): boolean {
  return typeof word === "string" && /^[^\p{Cc}]{1,100}$/u.test(word) && word.trim() !== "";
}

/** `dataset` in `[focus]`, where nothing is configured. */
export const defaultFocusDataset = "billing_focus";

/** The kinds of exports that can be named; without one, the kind is recognised from the manifests. */
export const kinds: readonly string[] = ["aws-cur", "aws-data-export", "azure-cost", "focus-files"];

const sourceKeys = {
  // It is parsed later, with a message of its own for what it must not contain.
  bucket_url: z
    .string()
    .min(1)
    .refine((address) => !address.includes("\u0000"))
    .describe("a bucket or a folder: gs://bucket, s3://bucket, az://account/container, file:///folder or folder"),
  bucket: text
    .regex(/^[^:/?@\s]+$/)
    .describe("the bare name of a Cloud Storage bucket; bucket_url takes every other place"),
  prefix: openText.describe('text such as "billing/aws"'),
  export_name: text.describe("the name of the export, as text"),
  table_name: identifier,
  dataset: identifier,
  kind: z.enum(kinds).describe(`one of ${kinds.join(", ")}`),
  partition_column: identifier,
  first_month: z.string().refine(isBillingMonth).describe('a month as text, such as "2025-01"'),
  project_id: text.describe("the id of a Google Cloud project, as text"),
  keep_previous: z.int().min(0).max(9).describe("a whole number from 0 to 9"),
  unpacked_limit: z
    .string()
    .refine((size) => byteCount(size) !== undefined)
    .describe('a size such as "64 GB"'),
  endpoint,
  payer: text.describe("the id of the project or account that pays for requests, as text"),
  settle: z
    .string()
    .refine((duration) => milliseconds(duration) !== undefined)
    .describe('a duration such as "30m", "2h" or "0m"'),
  active_from: z.string().refine(isDay).describe('a day as text, such as "2025-03-10"'),
  active_to: z.string().refine(isDay).describe('a day as text, such as "2025-03-10"'),
  null_values: z
    .custom<readonly string[]>((list) => Array.isArray(list) && list.length <= 100 && list.every(isNullWord))
    .describe('a list of words without quotes or backslashes, such as ["None", "n/a"]'),
};

const duckdbKeys = {
  path: text.describe("the path of the database file, as text without a login or a key"),
  storage_version: z
    .string()
    .regex(/^(latest|v\d+\.\d+\.\d+)$/)
    .describe('"latest", or a version of DuckDB such as "v1.3.0"'),
  memory_limit: z
    .string()
    .regex(/^\d+(\.\d+)?\s*([KMGT]i?)?B$/i)
    .describe('a size such as "4GB"'),
  threads: z.int().min(1).max(1024).describe("a whole number from 1 to 1024"),
};

const bigqueryKeys = {
  project_id: text.describe("the id of a Google Cloud project, as text"),
  job_project_id: text.describe("the id of a Google Cloud project, as text"),
  location: text.describe('a location of BigQuery such as "US" or "europe-west1"'),
  staging_bucket: text.regex(/^[^:/?@\s]+$/).describe("the name of a Cloud Storage bucket, as text"),
  kms_key_name: text
    .regex(/^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+$/)
    .describe('the full name of a key, such as "projects/p/locations/us/keyRings/r/cryptoKeys/k"'),
  maximum_bytes_billed: z.string().regex(/^\d+$/).describe('a number of bytes as text, such as "1000000000000"'),
  endpoint,
  storage_endpoint: endpoint,
};

const notifyKeys = {
  command: z
    .custom<string | readonly string[]>(isCommand)
    .describe('a command as text, or a list such as ["python3", "notify.py"]'),
  max_age: z
    .string()
    .refine((duration) => (milliseconds(duration) ?? 0) > 0)
    .describe('a duration such as "36h" or "3d"'),
};

const focusKeys = {
  dataset: identifier,
  accounts: text.describe("the path of a CSV file with the columns id, name, owner and environment"),
  tags: z
    .custom<readonly string[] | Readonly<Record<string, readonly string[]>>>(isTags)
    .describe('a list of keys such as ["team", "env"], or a section with the spellings of each key'),
  placeholders: z
    .custom<readonly string[]>((list) => Array.isArray(list) && list.length <= 100 && list.every(isPlaceholder))
    .describe('a list of words such as ["none", "n/a"]'),
  tables: z
    .custom<Readonly<Record<string, { readonly table: string }>>>(areTables)
    .describe('sections such as [focus.tables.gcp] with table = "project.dataset.table"'),
};

const budgetsKeys = {
  file: text.describe("the path of a CSV file with the columns by, value, month, amount and currency"),
};

const warehouses = {
  duckdb: z.strictObject(duckdbKeys).partial(),
  bigquery: z.strictObject(bigqueryKeys).partial(),
};

const documentSchema = z.strictObject({
  sources: z.record(z.string(), z.strictObject(sourceKeys).partial()).default({}),
  destination: z.strictObject(warehouses).partial().default({}),
  notify: z.strictObject(notifyKeys).partial().optional(),
  focus: z.strictObject(focusKeys).partial().optional(),
  budgets: z.strictObject(budgetsKeys).partial().optional(),
});

type Shape = Readonly<Record<string, { readonly description?: string | undefined }>>;

function shapeAt(path: readonly string[]): Shape | undefined {
  if (path.length === 0) return documentSchema.shape;
  if (path.length === 1 && path[0] === "destination") return warehouses;
  if (path.length === 1 && path[0] === "notify") return notifyKeys;
  if (path.length === 1 && path[0] === "focus") return focusKeys;
  if (path.length === 1 && path[0] === "budgets") return budgetsKeys;
  if (path.length !== 2) return undefined;
  if (path[0] === "sources") return sourceKeys;
  if (path[1] === "duckdb") return duckdbKeys;
  return path[1] === "bigquery" ? bigqueryKeys : undefined;
}

/** Whether a key is one that people keep secrets under; its value is never shown. */
export function looksSecret(key: string): boolean {
  return /secret|passw|token|private|credential|signature|connection_string|(access|account|api|shared)_?key|(^|_)sas(_|$)/i.test(
    key,
  );
}

/**
 * Whether a value has the shape of a secret, or holds one: a login in an address, a signature or a key among the options
 * of one, a connection string, a private key, the document of a service account, a token of a known form.
 */
export function holdsSecret(value: string): boolean {
  return shapes.some((shape) => shape.test(value));
}

const shapes: readonly RegExp[] = [
  /:\/\/[^/?#\s]*@/,
  /^[^/\s]+:[^/\s]+@/,
  // Behind a separator, or at the very beginning: `/data/token=7/` is a folder.
  /[?&;,\s](sig|key|code)=/i,
  /(^|[?&;,\s])[\w.-]*(secret|passw(or)?d|pwd|token|signature|credential|(account|access|api)[_-]?key)\s*=/i,
  /["'][\w-]*(secret|password|token|private_key|api_?key)[\w-]*["']\s*:/i,
  /-----BEGIN /,
  // Amazon, GitHub, Google (two), Slack, a JSON web token; a key of an Azure storage account.
  /\b(A[KS]IA[A-Z0-9]{16}|gh[a-z]_\w{30,}|github_pat_\w{20,}|ya29\.[\w-]{10,}|AIza[\w-]{35}|xox[a-z]-[\w-]{10,}|eyJ[\w-]+\.eyJ[\w-]+\.)/,
  /[A-Za-z0-9+/]{86}==/,
];
