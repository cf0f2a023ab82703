import { targets } from "./bills.ts";
import type { Answer, Treatment } from "./proxy.ts";
import { amazon, google, mixed, type Step } from "./steps.ts";
import type { End, Fault, Trial } from "./fault.ts";

const places = [amazon, mixed, google];
const answered: readonly Step[] = ["list", "manifest", "header", "read", "look"];
const bodies: readonly Step[] = ["list", "manifest", "header", "read"];
const bytes: readonly Step[] = ["manifest", "header", "read"];
const rarely = "there are no requests to the storage then";
const passing: readonly End[] = ["at once"];
const lasting: readonly End[] = ["reported"];
const either: readonly End[] = ["at once", "reported"];

/** What goes wrong between billhouse and a storage behind a network, by the proxy between them. */
export const networkFaults: readonly Fault[] = [
  treated("no connection", "The connection breaks before the response.", answered, passing, { instead: "reset" }),
  treated("broken body", "The connection breaks in the middle of a body.", bodies, passing, { breaks: "reset" }),
  treated("early end", "A body ends before its declared length.", bodies, passing, { breaks: "end" }),
  treated("short body", "A body is half as long as it should be, and so is its declared length.", bodies, either, {
    edit: halved,
  }),
  treated(
    "short bodies",
    "Every body is half as long as it should be, and so is its declared length.",
    bytes,
    lasting,
    { edit: halved },
    Infinity,
  ),
  treated("silence", "A body stalls after its first half.", bodies, passing, { breaks: "stall" }),
  treated("long silence", "The storage never responds.", answered, lasting, { instead: "stall" }, Infinity),
  treated("500", "The storage answers with status 500, three times.", answered, passing, { instead: 500 }, 3),
  treated("503", "The storage answers with status 503, three times.", answered, passing, { instead: 503 }, 3),
  treated(
    "long 503",
    "The storage answers with status 503 from now on.",
    answered,
    lasting,
    { instead: 503 },
    Infinity,
  ),
  treated("denied", "The storage answers with status 403 from now on.", answered, lasting, { instead: 403 }, Infinity),
  treated("foreign page", "A proxy returns its own page.", bodies, either, { edit: page }),
  treated("wrong bytes", "One bit of a body is changed.", bytes, either, { edit: flipped }),
  treated("other version", "The response is marked as another version.", bytes, either, {
    edit: otherVersion,
  }),
  listed("listed larger", "The listing says that a file is larger than it is.", targets.file, either, resized(100)),
  listed("listed smaller", "The listing says that a file is smaller than it is.", targets.file, either, resized(-100)),
  listed(
    "manifest larger",
    "The listing says that a manifest is larger than it is.",
    targets.manifest,
    either,
    resized(100),
  ),
  listed(
    "manifest smaller",
    "The listing says that a manifest is smaller than it is.",
    targets.manifest,
    either,
    resized(-100),
  ),
  listed("left out", "A file is missing from the listing.", targets.file, ["unseen"], () => ""),
  listed("manifest left out", "A manifest is missing from the listing.", targets.manifest, ["unseen"], () => ""),
  listed("listed twice", "The listing contains a file twice.", targets.file, passing, (item) => item + item),
  {
    ...listed("listed though gone", "The listing contains a deleted file.", targets.file, lasting, (item) => item),
    arm(trial) {
      // Deleted while the last page is on its way.
      trial.treat({ edit: (answer) => gone(trial, answer) }, Infinity);
      trial.repair(() => trial.world.bucket.put(targets.file, trial.world.bucket.bytes(targets.file)));
    },
  },
];

function treated(
  name: string,
  does: string,
  steps: readonly Step[],
  ends: readonly End[],
  treatment: Treatment,
  times = 1,
): Fault {
  return { name, does, places, steps, otherwise: rarely, ends, arm: (trial) => trial.treat(treatment, times) };
}

function listed(
  name: string,
  does: string,
  key: string,
  ends: readonly End[],
  change: (item: string) => string,
): Fault {
  const arm = (trial: Trial): void => {
    let happened = 0;
    const edit = (answer: Answer): Answer => {
      const body = answer.body.toString();
      const item = itemsOf(body).find((text) => text.includes(key.slice(key.indexOf("acme-cur/") + 9)));
      if (item === undefined) return answer;
      happened += 1;
      return withBody(answer, Buffer.from(replaceItem(body, item, change(item))));
    };
    trial.treat({ edit }, Infinity);
    trial.repair(() => happened > 0);
  };
  return { name, does, places, steps: ["list"], otherwise: "it is a fault of listings", ends, arm };
}

/** The parts of a listing that speak of one object each, in the JSON of Cloud Storage or the XML of S3. */
function itemsOf(body: string): readonly string[] {
  if (body.startsWith("<")) return body.match(/<Contents>.*?<\/Contents>/gsu) ?? [];
  return ((JSON.parse(body) as { items?: readonly unknown[] }).items ?? []).map((item) => JSON.stringify(item));
}

function replaceItem(body: string, item: string, by: string): string {
  if (body.startsWith("<")) return body.replace(item, () => by);
  const listing = JSON.parse(body) as { items: readonly unknown[] };
  const items = listing.items.flatMap((each) => {
    const text = JSON.stringify(each);
    return text === item ? (JSON.parse(`[${by.replaceAll("}{", "},{")}]`) as unknown[]) : [each];
  });
  return JSON.stringify({ ...listing, items });
}

function resized(difference: number): (item: string) => string {
  return (item) =>
    item.replace(/(<Size>|"size":")(\d+)/u, (_, tag: string, size: string) => `${tag}${Number(size) + difference}`);
}

function gone({ world }: Trial, answer: Answer): Answer {
  if (itemsOf(answer.body.toString()).some((item) => item.includes("00002.csv.gz") && item.includes("20250301T"))) {
    world.bucket.remove(targets.file);
  }
  return answer;
}

function withBody(answer: Answer, body: Buffer): Answer {
  return { ...answer, body, headers: { ...answer.headers, "content-length": String(body.length) } };
}

function halved(answer: Answer): Answer {
  return withBody(answer, answer.body.subarray(0, answer.body.length >> 1));
}

function flipped(answer: Answer): Answer {
  const body = Buffer.from(answer.body);
  body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1;
  return withBody(answer, body);
}

function page(): Answer {
  const body = Buffer.from("<html>Sign in to the network</html>");
  return { status: 200, headers: { "content-type": "text/html", "content-length": String(body.length) }, body };
}

function otherVersion(answer: Answer): Answer {
  return {
    ...answer,
    headers: { ...answer.headers, etag: '"0123456789abcdef0123456789abcdef"', "x-goog-generation": "1" },
  };
}
