/** A test that loads BPF programs: skipped where this user may not. */
export function testAsRoot(name: string, run: () => Promise<void>): void {
  Deno.test({ name, ignore: Deno.uid() !== 0, fn: run });
}
