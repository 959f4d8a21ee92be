/**
 * V8's flags in the executable: a young generation of 2 MiB instead of 16, since a resident agent makes little garbage and its
 * memory counts.
 */
export const v8Flags = "--max-semi-space-size=2";
