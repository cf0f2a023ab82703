/** A read that runs while the warehouse loads previous files. */
export interface Reading<T> {
  /** Whether it has started: until then it waits for a place and for room on disk. */
  readonly isStarted: boolean;
  /** The result; rejects with the error of the read. */
  result(): Promise<T>;
  /** Frees its place and its room for the next one. Called once, when the result was used or is no longer needed. */
  release(): Promise<void>;
}

/** A read to start when there is room. */
export interface Read<T> {
  /** The bytes that the result will take on disk, estimated. */
  readonly estimate: number;
  readonly read: () => Promise<T>;
  /** The bytes that the result takes on disk. */
  readonly bytesOf: (result: T) => number;
  /** Removes its files, also if it failed. */
  readonly dispose: () => Promise<void>;
}

/** Starts reads in the order in which they were added. */
export interface ReadAhead {
  add<T>(read: Read<T>): Reading<T>;
}

/**
 * Reads ahead of the warehouse: at most `places` reads run at the same time, and their results take at most `room` bytes
 * on disk, unless one alone is larger. Because reads start in order, the next one needed has started or is the first that
 * waits.
 */
export function createReadAhead(places: number, room: number): ReadAhead {
  let free = places;
  let held = 0;
  const queue: { readonly estimate: number; readonly start: () => void }[] = [];

  const fits = ({ estimate }: { readonly estimate: number }): boolean =>
    free > 0 && (held === 0 || held + estimate <= room);

  const startNext = (): void => {
    for (let next = queue[0]; next !== undefined && fits(next); next = queue[0]) {
      queue.shift();
      next.start();
    }
  };

  return {
    add<T>({ estimate, read, bytesOf, dispose }: Read<T>): Reading<T> {
      let state: "queued" | "started" | "released" = "queued";
      let bytes = 0;
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      // A failed read of a month that already failed must not end the process.
      promise.catch(() => {});
      const hold = (now: number): void => {
        held += now - bytes;
        bytes = now;
      };
      const start = async (): Promise<void> => {
        if (state === "released") return;
        state = "started";
        free -= 1;
        hold(estimate);
        try {
          const result = await read();
          if (state === "started") hold(bytesOf(result));
          resolve(result);
        } catch (error) {
          reject(error);
        } finally {
          free += 1;
          startNext();
        }
      };
      queue.push({ estimate, start: () => void start() });
      queueMicrotask(startNext);
      return {
        get isStarted() {
          return state !== "queued";
        },
        result: () => promise,
        async release() {
          const before = state;
          if (before === "released") return;
          state = "released";
          if (before === "started") {
            await promise.catch(() => {});
            await dispose();
            hold(0);
          }
          startNext();
        },
      };
    },
  };
}
