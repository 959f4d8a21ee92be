import { signal } from "@preact/signals";

/** True once the backend refused this browser's cookie, or the lack of one: the login page then takes over. */
export const signedOut = signal(false);
