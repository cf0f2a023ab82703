/** Something that is being read while the warehouse is busy with what came before. */
export interface Reading<T> {
  /** The result; rejects with what reading threw. */
  result(): Promise<T>;
  /** Frees its place for the next one. Called once, when the result was used or is no longer wanted. */
  release(): Promise<void>;
}

/** Starts readings in the order in which they were added, so many at a time. */
export interface ReadAhead {
  /** Adds a reading: `read` makes it, `dispose` removes what it left (also when it failed or was never started). */
  add<T>(read: () => Promise<T>, dispose: () => Promise<void>): Reading<T>;
}

/**
 * Reads ahead of the warehouse: at most `places` results are being read or waiting to be used, whatever the size of a
 * bill. Because readings start in order, the one that is asked for next always has a place.
 */
export function createReadAhead(places: number): ReadAhead {
  let free = places;
  const queue: (() => void)[] = [];

  const startNext = (): void => {
    while (free > 0) {
      const start = queue.shift();
      if (start === undefined) return;
      free -= 1;
      start();
    }
  };

  return {
    add<T>(read: () => Promise<T>, dispose: () => Promise<void>): Reading<T> {
      let state: "queued" | "started" | "released" = "queued";
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      // A reading whose month has failed must not end the process.
      promise.catch(() => {});
      queue.push(() => {
        if (state === "released") {
          free += 1;
          return;
        }
        state = "started";
        read().then(resolve, reject);
      });
      queueMicrotask(startNext);
      return {
        result: () => promise,
        async release() {
          const before = state;
          if (before === "released") return;
          state = "released";
          if (before === "started") {
            await promise.catch(() => {});
            await dispose();
            free += 1;
          }
          startNext();
        },
      };
    },
  };
}
