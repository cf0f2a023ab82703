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
