/** A folder of a test's own under /tmp that others may enter, removed when the scope ends. */
export interface TestFolder extends AsyncDisposable {
  readonly path: string;
}

/** Makes one. */
export async function makeTestFolder(name: string): Promise<TestFolder> {
  const path = await Deno.makeTempDir({ prefix: `stakeout-${name}-` });
  await Deno.chmod(path, 0o755);
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}
