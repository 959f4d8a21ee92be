const scripts = {
  store: new URL("./store/worker.ts", import.meta.url),
  profiles: new URL("./profile/profile_worker.ts", import.meta.url),
};

/** Starts one of the backend's workers; `src/packed/start_worker.ts` does it in the executable. */
export function startWorker(name: keyof typeof scripts): Worker {
  return new Worker(scripts[name], { type: "module", name });
}
