import assert from "node:assert/strict";
import { parseAllowedSkips, parseTestReport } from "./test_report.ts";

const xml = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="4" failures="1" errors="0" time="0.011">
    <testsuite name="a_test.ts" tests="4" disabled="1" errors="0" failures="1">
        <testcase name="passes &amp; &lt;ok&gt;" classname="a_test.ts" time="0.001" line="1" col="6">
        </testcase>
        <testcase name="needs &quot;BTF&quot;" classname="a_test.ts" time="0.000" line="2" col="6">
            <skipped/>
        </testcase>
        <testcase name="fails" classname="a_test.ts" time="0.006" line="3" col="6">
            <failure message="Uncaught Error: &lt;skipped/&gt;">Error: x</failure>
        </testcase>
        <testcase name="parent &gt; step" classname="a_test.ts" time="0.001" line="4" col="6">
        </testcase>
    </testsuite>
</testsuites>`;

Deno.test("parseTestReport() counts passed tests and names the failed and skipped ones", () => {
  assert.deepEqual(parseTestReport(xml), { passed: 2, failed: ["fails"], skipped: ['needs "BTF"'] });
  assert.deepEqual(parseTestReport(""), { passed: 0, failed: [], skipped: [] });
});

Deno.test("parseAllowedSkips() wants a reason for every name", () => {
  assert.deepEqual([...parseAllowedSkips("# why\n\na b -- no BTF here\n")], ["a b"]);
  assert.throws(() => parseAllowedSkips("# why\na b\n"), /Line 2 /);
});
