/** A read that runs while the warehouse loads previous files. */
export interface Reading<T> {
  /** The result; rejects with the error of the read. */
  result(): Promise<T>;
  /** Frees its place for the next one. Called once, when the result was used or is no longer needed. */
  release(): Promise<void>;
}

/** Starts reads in the order in which they were added, a limited number at a time. */
export interface ReadAhead {
  /** Adds a read: `read` starts it, `dispose` removes its files (also if it failed or never started). */
  add<T>(read: () => Promise<T>, dispose: () => Promise<void>): Reading<T>;
}

/**
 * Reads ahead of the warehouse: at most `places` results are being read or waiting, whatever the size of a
 * bill. Because reads start in order, the next one needed always has a place.
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
      // A failed read of a month that already failed must not end the process.
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
