/** What one JUnit report of Deno says: its tests, and how each ended. */
export interface TestReport {
  passed: number;
  failed: string[];
  skipped: string[];
}

const entities: Readonly<Record<string, string>> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
  "&amp;": "&",
};

/** Reads the report that `deno test --junit-path` writes. Steps count as tests of their own. */
export function parseTestReport(xml: string): TestReport {
  const report: TestReport = { passed: 0, failed: [], skipped: [] };
  for (
    const [, rawName, body] of xml.matchAll(/<testcase name="([^"]*)"[^>]*?(?:\/>|>(.*?)<\/testcase>)/gs)
  ) {
    const name = rawName!.replace(/&\w+;/g, (entity) => entities[entity] ?? entity);
    if (/<(failure|error)\b/.test(body ?? "")) report.failed.push(name);
    else if (/<skipped\b/.test(body ?? "")) report.skipped.push(name);
    else report.passed++;
  }
  return report;
}

/**
 * Reads the list of tests that may be skipped: `NAME -- REASON` a line, `#` before remarks.
 * @throws {SyntaxError} when a line has no reason.
 */
export function parseAllowedSkips(text: string): Set<string> {
  const names = new Set<string>();
  text.split("\n").forEach((line, index) => {
    if (line.trim() === "" || line.startsWith("#")) return;
    const [name, reason] = line.split(" -- ");
    if (!name?.trim() || !reason?.trim()) {
      throw new SyntaxError(`Line ${index + 1} of the list of skips has no reason: write NAME -- REASON`);
    }
    names.add(name.trim());
  });
  return names;
}
