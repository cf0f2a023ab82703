import { describe, test } from "node:test";
import { keysAt } from "../../src/config/schema.ts";
import { createPlace } from "../support/secrets/places.ts";

const limits = { timeout: 240_000 };

/** How a secret comes into a value where it does not belong. */
const shapes: Readonly<Record<string, (secret: string) => string>> = {
  "a login": (secret) => `https://me:${secret}@storage.example/bills`,
  "a signature": (secret) => `exports?sv=2025-01-05&sig=${secret}`,
  "a connection string": (secret) => `DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=${secret}`,
};

const sections = ["sources.aws_cur", "destination.duckdb", "destination.bigquery"];

describe("a secret instead of a value", limits, () => {
  for (const [shape, value] of Object.entries(shapes)) {
    test(`is never shown by a command: ${shape}`, async (t) => {
      const place = await createPlace(t);
      const bad = (section: string, key: string): string => value(place.markers.plant(`${section} ${key}`));
      const lines = sections.flatMap((section) => [
        `[${section}]`,
        ...(keysAt(section.split(".")) ?? []).map((key) => `${key} = ${JSON.stringify(bad(section, key))}`),
        `passwort = ${JSON.stringify(bad(section, "unknown key"))}`,
      ]);
      await place.write("all/billhouse.toml", lines.join("\n"));
      await place.write("dlt/.dlt/config.toml", lines.join("\n"));
      await place.write(
        "dlt/.dlt/secrets.toml",
        `[sources.aws_cur]\nprefix = ${JSON.stringify(bad("secrets", "prefix"))}\n`,
      );
      await place.write("broken/billhouse.toml", `[sources.aws_cur]\nprefix = ${bad("broken", "without quotes")}\n`);
      // What is taken apart after the other values have been found right.
      await place.write(
        "url/billhouse.toml",
        `[sources.aws_cur]\nbucket_url = ${JSON.stringify(bad("late", "bucket_url"))}\n`,
      );
      await place.write("good/billhouse.toml", '[sources.aws_cur]\nbucket_url = "bucket"\n');
      const environment = Object.fromEntries(
        sections.flatMap((section) =>
          (keysAt(section.split(".")) ?? []).map((key) => [
            `${section}.${key}`.replaceAll(".", "__").toUpperCase(),
            bad("environment", key),
          ]),
        ),
      );
      const expected = { code: 64, shows: /CONFIG_INVALID/ };
      await place.run(["plan", "--verbose", "--debug"], { ...expected, folder: "all" });
      await place.run(["run", "--json", "--debug"], { ...expected, folder: "dlt" });
      await place.run(["status", "--debug"], { ...expected, folder: "broken" });
      await place.run(["connect", "--json", "--debug"], { ...expected, folder: "url" });
      await place.run(["doctor", "--json", "--debug"], { ...expected, folder: "good", environment });
      const words = { folder: "good", code: 64 };
      await place.run(["init", value(place.markers.plant("init")), "--debug"], words);
      await place.run(["init", "gs://acme", "--endpoint", value(place.markers.plant("endpoint")), "--debug"], words);
      await place.run(["plan", "--config", value(place.markers.plant("--config")), "--debug"], words);
      await place.search();
    });
  }
});
