/** The text shown in place of a secret; it does not reveal the length either. */
export const mask = "********";

/**
 * Masks a value in everything that this process prints from now on, in every spelling in which it may come back: with
 * other escapes, in base64, in hexadecimal. Values shorter than 8 characters are not masked.
 */
export function keepSecret(value: string): void {
  // A private key is quoted line by line.
  for (const line of [value, ...value.split(/\r?\n|\\n/u)]) {
    if (line.length >= 8 && !line.startsWith("-----")) for (const spelling of spellings(line)) kept.add(spelling);
  }
}

/** Masks the secret fields of a Google Cloud key file: all but names and addresses. */
export function keepKey(key: object): void {
  for (const [name, value] of Object.entries<unknown>({ ...key })) {
    const isPublic = /^(?:type|project_id|client_email|client_id|universe_domain|.*_(?:uri|url))$/u.test(name);
    if (typeof value === "string" && !isPublic) keepSecret(value);
  }
}

/** Masks the token in a header such as `Bearer ya29...`. */
export function keepToken(header: string | null): void {
  keepSecret(header?.split(" ").at(-1) ?? "");
}

/**
 * A text with all known secrets masked, and everything that looks like one: a login in an address, a signature
 * or a key among its options, a header with a token, a web token, a private key. Services quote what they were sent.
 */
export function maskSecrets(text: string): string {
  let masked = text;
  // The longest first: one secret can contain another.
  for (const secret of [...kept].toSorted((left, right) => right.length - left.length)) {
    masked = masked.replaceAll(secret, mask);
  }
  if (!signs.test(masked)) return masked;
  for (const shape of shapes) masked = masked.replace(shape, `$<before>${mask}`);
  return masked;
}

/**
 * A copy of an error for `cause`, without what SDKs attach to theirs: requests, responses and their headers hold
 * signatures and tokens. Name, message, stack, code, status and request id stay. Undefined for a value that is not an error.
 */
export function withoutSecrets(error: unknown): Error | undefined {
  // The message of a JSON error quotes its input, which may be a key.
  if (!(error instanceof Error) || error instanceof SyntaxError) return undefined;
  const { code, status, statusCode, requestId, $metadata: metadata } = error as unknown as SdkError;
  const cause = withoutSecrets(error.cause);
  const copy = new Error(maskSecrets(error.message), cause === undefined ? undefined : { cause });
  copy.name = error.name;
  copy.stack = maskSecrets(error.stack ?? "");
  const facts = {
    code,
    status: status ?? statusCode ?? metadata?.httpStatusCode,
    requestId: requestId ?? metadata?.requestId,
  };
  return Object.assign(copy, Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)));
}

interface SdkError {
  readonly code?: unknown;
  readonly status?: unknown;
  readonly statusCode?: unknown;
  readonly requestId?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
}

const kept = new Set<string>();

function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const base64 = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
    // Digits that depend on the neighbouring bytes are left out.
    const partial = (shift + bytes.length) % 3;
    return encoded.slice([0, 2, 3][shift], partial === 0 ? undefined : partial === 1 ? -3 : -2);
  });
  const hex = bytes.toString("hex");
  return [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    ...base64,
    ...base64.map((encoded) => encoded.replaceAll("+", "-").replaceAll("/", "_")),
    hex,
    hex.toUpperCase(),
  ];
}

// Each of the shapes contains one of these. A plan masks thousands of short sentences without any.
const signs = /[:=]|Bearer|Basic|-----BEGIN|eyJ|ya29/i;

const shapes: readonly RegExp[] = [
  /(?<before>:\/\/)[^/?#\s@]+(?=@)/gu,
  /(?<before>\b(?:proxy-)?authorization["']?\s*[:=]\s*["']?)(?!\*)[^\s"'][^\n"']*/giu,
  /(?<before>\bx-amz-security-token["']?\s*[:=]\s*["']?)[^\s"'&]+/giu,
  /(?<before>\b(?:Bearer|Basic|SharedKey [\w-]+:|Credential=|Signature=)\s*)[\w.~+/=-]{16,}/giu,
  /(?<before>(?:\bsig|AccountKey|X-Amz-[\w-]+|client_secret|refresh_token|access_token|id_token|assertion|password)=)[^&;,\s"'<>]+/giu,
  /(?<before>"(?:private_key|client_secret|refresh_token|access_token|id_token)"\s*:\s*")[^"]+/giu,
  /(?<before>-----BEGIN [A-Z ]*PRIVATE KEY-----)[\w+/=\s\\]+/gu,
  /(?<before>\b)(?:eyJ[\w-]+\.eyJ[\w-]+(?:\.[\w-]+)?|ya29\.[\w.-]+)/gu,
];
