import type { RetentionLimits } from "./retention.ts";
import type { Store } from "./store.ts";
import type { StoreErrorKind } from "./store_error.ts";

/** From the main thread to the worker; `open` comes first and once. */
export type WorkerRequest =
  | { readonly id: number; readonly method: "open"; readonly path: string; readonly limits: RetentionLimits }
  | { readonly id: number; readonly method: keyof Store; readonly args: readonly unknown[] };

/** From the worker: an answer by id, or without one what went wrong in the background. */
export type WorkerResponse =
  | { readonly id: number; readonly value: unknown }
  | {
    readonly id: number | undefined;
    readonly error: { readonly kind: StoreErrorKind; readonly message: string };
  };
