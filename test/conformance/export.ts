import assert from "node:assert/strict";
import { BillhouseError } from "../../src/errors.ts";
import type { ExportFormat, ManifestPlace } from "../../src/exports/export.ts";
import { foreignBills } from "../../src/exports/foreign.ts";
import type { DaySpan, FileFormat } from "../../src/model.ts";

/** A delivery as its cloud writes it, with the answer beside it: what an export format is tested with. */
export interface ExportSample {
  readonly format: ExportFormat;
  /** The key of the manifest that is the delivery. */
  readonly manifestKey: string;
  readonly manifest: Record<string, unknown>;
  /** Keys near it that must not be recognised as manifests of this format. */
  readonly otherKeys: readonly string[];
  readonly expected: {
    readonly exportName: string;
    readonly folder: string;
    readonly period: DaySpan;
    readonly id: string;
    readonly format: FileFormat;
    readonly files: readonly string[];
    readonly rows: number | null;
  };
  /** Keys of manifests of other exports of the cloud, at least one for each of `others`, and their description. */
  readonly otherExports: readonly { readonly key: string; readonly name: string; readonly title: string }[];
  /** Fields without which the manifest cannot be used, as paths. */
  readonly needed: readonly (readonly string[])[];
}

function recognised({ format, manifestKey }: ExportSample): ManifestPlace {
  const place = format.recognise(manifestKey);
  assert.ok(place, `${manifestKey} is not recognised`);
  return place;
}

function without(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined || typeof value !== "object" || value === null) return value;
  const copy: Record<string, unknown> = { ...value };
  if (rest.length === 0) delete copy[key];
  else copy[key] = without(copy[key], rest);
  return copy;
}

/** Every export format must pass every case. They know no test runner. */
export const exportCases: Readonly<Record<string, (sample: ExportSample) => void>> = {
  "recognises its manifest by the path, and reads the path"(sample) {
    const { exportName, folder, period } = recognised(sample);
    const { expected } = sample;
    assert.deepEqual(
      { exportName, folder, period },
      { exportName: expected.exportName, folder: expected.folder, period: expected.period },
    );
  },

  "recognises it below any prefix, and at the root of the bucket"(sample) {
    const below = sample.format.recognise(`mirror of/2024/a=b/${sample.manifestKey}`);
    assert.equal(below?.folder, `mirror of/2024/a=b/${sample.expected.folder}`);
    assert.equal(below?.exportName, sample.expected.exportName);
    const range = sample.manifestKey.slice(sample.expected.folder.length);
    assert.equal(sample.format.recognise(range)?.folder, "");
  },

  "takes nothing else for a manifest"(sample) {
    for (const key of sample.otherKeys) assert.equal(sample.format.recognise(key), undefined, key);
  },

  "does not take a folder for a period that is none"(sample) {
    const impossible = sample.manifestKey
      .replace(/\d{8}-\d{8}(?=\/)/, "20251301-20251401")
      .replace(/=\d{4}-\d{2}(?=\/)/, "=2025-13");
    assert.notEqual(impossible, sample.manifestKey);
    assert.equal(sample.format.recognise(impossible), undefined);
  },

  "reads the delivery"(sample) {
    const { expected } = sample;
    const manifest = sample.format.readManifest(sample.manifest, recognised(sample));
    assert.deepEqual(
      {
        id: manifest.id,
        period: manifest.period,
        format: manifest.format,
        files: manifest.files.map(({ key }) => key),
        rows: manifest.rows,
      },
      { id: expected.id, period: expected.period, format: expected.format, files: expected.files, rows: expected.rows },
    );
  },

  "survives fields that it does not know"(sample) {
    const place = recognised(sample);
    const known = sample.format.readManifest(sample.manifest, place);
    assert.deepEqual(sample.format.readManifest({ ...sample.manifest, future: { a: [1, null] } }, place), known);
  },

  "refuses a manifest that lacks what is needed, naming it and the field"(sample) {
    const place = recognised(sample);
    for (const path of sample.needed) {
      assert.throws(
        () => sample.format.readManifest(without(sample.manifest, path), place),
        (error) =>
          error instanceof BillhouseError &&
          error.code === "MANIFEST_INVALID" &&
          error.message.includes(sample.manifestKey) &&
          error.message.includes(path[0] ?? ""),
        path.join("."),
      );
    }
  },

  "names what its cloud delivers and what holds no bills, and takes none of it for a bill"({ format, otherExports }) {
    const seen = otherExports.map(({ key }) => {
      assert.equal(format.recognise(key), undefined, key);
      const found = format.others.filter(({ manifest }) => manifest.test(key));
      assert.equal(found.length, 1, key);
      return { key, name: found[0]?.manifest.exec(key)?.groups?.["name"], title: found[0]?.title };
    });
    assert.deepEqual(seen, otherExports);
    const titles = otherExports.map(({ title }) => title);
    assert.deepEqual(new Set(titles), new Set(format.others.map(({ title }) => title)));
  },

  "takes no bill of any kind for something else"({ format, manifestKey, otherKeys }) {
    for (const key of [manifestKey, ...otherKeys]) {
      assert.deepEqual(
        format.others.filter(({ manifest }) => manifest.test(key)),
        [],
        key,
      );
    }
  },

  "knows the paths of its data files, so that it can name what is missing when they are copied without manifests"(
    sample,
  ) {
    const { dataFiles } = sample.format;
    for (const file of sample.expected.files) {
      const key = file.replace(/^s3:\/\/[^/]+\//, "");
      assert.equal(dataFiles.filter(({ path }) => path.test(key)).length, 1, key);
    }
    for (const { path } of dataFiles) assert.doesNotMatch(sample.manifestKey, path);
  },

  "is not mistaken for unsupported bills"({ manifestKey, expected }) {
    for (const key of [manifestKey, ...expected.files]) {
      for (const { title, path } of foreignBills) assert.doesNotMatch(key, path, title);
    }
  },

  "refuses a file that is not a manifest"(sample) {
    const place = recognised(sample);
    for (const json of [null, 1, "text", [], true]) {
      assert.throws(
        () => sample.format.readManifest(json, place),
        (error) => error instanceof BillhouseError && error.code === "MANIFEST_INVALID",
      );
    }
  },

  "knows a column for the billing month, for cost, for currency and for usage"({ format: { columns } }) {
    for (const names of [columns.partition, columns.cost[0] ?? [], columns.currency, columns.usage])
      assert.ok(names.length > 0);
    assert.ok(columns.cost.length <= 2, "at most two cost columns are summed");
  },

  "types its cost columns as decimals and its dates as timestamps"({ format: { columns } }) {
    const fold = (name: string): string => (columns.caseSensitive ? name : name.toLowerCase());
    const known = new Map(Object.entries(columns.wellKnown).map(([name, type]) => [fold(name), type]));
    const csvNames = (names: readonly string[]): readonly string[] =>
      columns.naming === "cur-legacy" ? names.filter((name) => name.includes("/")) : names;
    for (const name of csvNames(columns.cost.flat())) assert.equal(known.get(fold(name)), "decimal", name);
    for (const name of csvNames([...columns.partition, ...columns.usage]))
      assert.equal(known.get(fold(name)), "timestamp", name);
  },
};
