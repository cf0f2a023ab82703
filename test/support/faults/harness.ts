import { join } from "node:path";
import pMap from "p-map";
import { bigqueryFaults } from "./bigquery-faults.ts";
import { diskFaults } from "./disk-faults.ts";
import type { Case, Fault, Outcome } from "./fault.ts";
import { networkFaults } from "./network-faults.ts";
import { objectFaults } from "./object-faults.ts";
import { processFaults } from "./process-faults.ts";
import { requestFaults } from "./request-faults.ts";
import { bound } from "./runs.ts";
import { amazon, google, mixed, placeName, type Place } from "./steps.ts";
import { placeScenario, type Scenario } from "./scenarios.ts";
import { tryFault } from "./trials.ts";
import { withLogin, type PlaceWorld, type Seeds } from "./worlds.ts";

const kinds = [processFaults, networkFaults, objectFaults, diskFaults, requestFaults, bigqueryFaults] as const;

/** Every fault. */
export const faults: readonly Fault[] = kinds.flat();

/** A fault that does not strike at a step of a place, and why. */
export interface MissingCase extends Case {
  readonly why: string;
}

/** Every fault at every step at which it can strike, in every place; and what is left out of that product, and why. */
export function allCases(): { readonly cases: readonly Case[]; readonly missing: readonly MissingCase[] } {
  const product = faults.flatMap((fault) =>
    fault.places.flatMap((place) => fault.steps.map((step): Case => ({ fault, place, step }))),
  );
  return {
    cases: product.filter((each) => whyNot(each) === undefined),
    missing: product.flatMap((each) => {
      const why = whyNot(each);
      return why === undefined ? [] : [{ ...each, why }];
    }),
  };
}

function whyNot({ fault, place, step }: Case): string | undefined {
  const isOfNetwork = fault.places.includes(mixed) || fault.name.endsWith("while read");
  if (isOfNetwork && step === "read" && place === google) return "BigQuery reads the bucket itself";
  if (place === mixed && step !== "read") return "the requests to Cloud Storage are those with BigQuery";
  if (place.storage === "folder" && step === "manifest")
    return "a run on a folder does not stop between listing and manifests";
  return undefined;
}

/** One case of every fault: in the place that is quickest, at the steps in turn. Some of them stand for their kind. */
export function quickCases(): readonly (Case & { readonly isOfItsKind: boolean })[] {
  const { cases } = allCases();
  return faults.flatMap((fault, index) => {
    const own = cases.filter((each) => each.fault === fault);
    const quickest = Math.min(...own.map(({ place }) => cost(place)));
    const cheap = own.filter(({ place }) => cost(place) === quickest);
    const found = cheap[index % cheap.length];
    return found === undefined ? [] : { ...found, isOfItsKind: kinds.some(([first]) => first === fault) };
  });
}

function cost(place: Place): number {
  return place.warehouse === "bigquery" ? 3 : place === amazon || place === mixed ? 2 : 1;
}

/** A case, and what came of it. */
export interface Result extends Case {
  readonly outcome: Outcome | Error;
}

/** Tries cases, some at the same time, below a folder; `hear` is called with each result. */
export function tryCases(
  cases: readonly Case[],
  home: string,
  hear: (result: Result) => void = () => undefined,
): Promise<readonly Result[]> {
  const seeds: Seeds = { home, databases: new Map() };
  const scenarios = new Map<string, Promise<Scenario<PlaceWorld>>>();
  const scenarioOf = (place: Place): Promise<Scenario<PlaceWorld>> => {
    const found = scenarios.get(placeName(place)) ?? placeScenario(seeds, place);
    scenarios.set(placeName(place), found);
    return found;
  };
  return withLogin(() =>
    pMap(
      cases,
      async (each, index) => {
        const scenario = await scenarioOf(each.place);
        const trial = tryFault(scenario, each, join(home, `trial-${index}`));
        const outcome = await withinBound(trial).catch((error: unknown) =>
          error instanceof Error ? error : new Error(String(error)),
        );
        const result = { ...each, outcome };
        hear(result);
        return result;
      },
      { concurrency: 3 },
    ),
  );
}

/** Three runs, one of which may wait for its end, and what is done between them. */
async function withinBound(trial: Promise<Outcome>): Promise<Outcome> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("The trial came to no end.")), 4 * bound);
  try {
    return await Promise.race([trial, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A case in words: `silence, at header, duckdb-s3`. */
export function titleOf({ fault, place, step }: Case): string {
  return `${fault.name}, at ${step}, ${placeName(place)}`;
}
