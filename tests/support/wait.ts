/** Waits so many milliseconds. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Asks ten times a second until there is an answer; `undefined` when there was none in time. */
export async function waitFor<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  seconds: number,
): Promise<T | undefined> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined || performance.now() > deadline) return answer;
    await sleep(100);
  }
}
