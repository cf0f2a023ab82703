import type { StatusResult } from "../pipeline/status.ts";

/** A measured value, with what it is a value of. */
interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What is loaded, in the text format of Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/). */
export function metricsText({ pipelines }: StatusResult, publishedAt: string | null, now: Date): string {
  const ofExports = (value: (pipeline: StatusResult["pipelines"][number]) => number | null): Sample[] =>
    pipelines.flatMap((pipeline) => {
      const found = value(pipeline);
      return found === null ? [] : [{ labels: { export: pipeline.name }, value: found }];
    });
  const dataEnd = ({ months }: StatusResult["pipelines"][number]): number | null => {
    const last = months
      .flatMap(({ dataUntil }) => dataUntil ?? [])
      .toSorted()
      .at(-1);
    return last === undefined ? null : Date.parse(last) / 1000 + 86_400;
  };
  return [
    metric("billhouse_data_end_timestamp_seconds", "End of the last day with usage.", ofExports(dataEnd)),
    metric(
      "billhouse_data_age_seconds",
      "Time since the end of the last day with usage.",
      ofExports((pipeline) => {
        const end = dataEnd(pipeline);
        return end === null ? null : Math.round(now.getTime() / 1000 - end);
      }),
    ),
    metric(
      "billhouse_last_load_timestamp_seconds",
      "Time of the newest load.",
      ofExports(({ newestLoad }) => seconds(newestLoad)),
    ),
    metric(
      "billhouse_last_run_timestamp_seconds",
      "Time of the last run without a failure.",
      ofExports(({ lastRun }) => seconds(lastRun)),
    ),
    metric(
      "billhouse_months",
      "Months by state.",
      pipelines.flatMap(({ name, months }) =>
        [...Map.groupBy(months, ({ state }) => state)].map(([state, own]) => ({
          labels: { export: name, state },
          value: own.length,
        })),
      ),
    ),
    metric(
      "billhouse_missing_months",
      "Months between loaded ones that are not loaded.",
      ofExports(({ missingMonths }) => missingMonths.length),
    ),
    metric(
      "billhouse_attention",
      "Findings that need attention.",
      ofExports(({ attention }) => attention.length),
    ),
    metric(
      "billhouse_unreadable",
      "1 if the state or the receipts of an export cannot be read.",
      ofExports(({ error }) => (error === undefined ? 0 : 1)),
    ),
    metric(
      "billhouse_published_timestamp_seconds",
      "Time of the publication that the dashboard shows.",
      publishedAt === null ? [] : [{ labels: {}, value: Date.parse(publishedAt) / 1000 }],
    ),
  ].join("");
}

function metric(name: string, help: string, samples: readonly Sample[]): string {
  const lines = samples.map(({ labels, value }) => {
    const named = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
    return `${name}${named.length === 0 ? "" : `{${named.join(",")}}`} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join("")}`;
}

function escaped(label: string): string {
  return label.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function seconds(time: string | null): number | null {
  return time === null ? null : Math.round(Date.parse(time) / 1000);
}
