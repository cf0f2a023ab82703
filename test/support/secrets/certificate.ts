import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** A key, and the certificate that its owner signed: who trusts it, trusts the servers of these names. */
export interface Certificate {
  /** PEM. */
  readonly key: string;
  /** PEM. */
  readonly certificate: string;
}

/** Makes a certificate for servers of these names (`*.googleapis.com`), good for a day: RFC 5280, section 4.1. */
export function makeCertificate(names: readonly string[]): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const ecdsaWithSha256 = sequence(identifier(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
  const name = sequence(set(sequence(identifier(0x55, 0x04, 0x03), node(0x0c, Buffer.from("billhouse tests")))));
  const day = 86_400_000;
  const validity = sequence(time(Date.now() - day), time(Date.now() + day));
  const isAuthority = extension([0x55, 0x1d, 0x13], sequence(node(0x01, Buffer.from([0xff]))));
  const servers = sequence(...names.map((each) => node(0x82, Buffer.from(each))));
  const extensions = node(0xa3, sequence(isAuthority, extension([0x55, 0x1d, 0x11], servers)));
  const content = sequence(
    node(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsaWithSha256,
    name,
    validity,
    name,
    publicKey.export({ type: "spki", format: "der" }),
    extensions,
  );
  const signature = Buffer.concat([Buffer.from([0]), sign("sha256", content, privateKey)]);
  const bytes = sequence(content, ecdsaWithSha256, node(0x03, signature));
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    certificate: `-----BEGIN CERTIFICATE-----\n${bytes.toString("base64").replaceAll(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`,
  };
}

function node(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return node(0x30, Buffer.concat(parts));
}

function set(part: Buffer): Buffer {
  return node(0x31, part);
}

function identifier(...bytes: readonly number[]): Buffer {
  return node(0x06, Buffer.from(bytes));
}

function integer(bytes: Buffer): Buffer {
  return node(0x02, bytes);
}

function time(milliseconds: number): Buffer {
  return node(0x18, Buffer.from(new Date(milliseconds).toISOString().replaceAll(/[-:T]|\.\d+/g, "")));
}

function extension(id: readonly number[], value: Buffer): Buffer {
  return sequence(identifier(...id), node(0x04, value));
}
