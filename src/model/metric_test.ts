import assert from "node:assert/strict";
import { formatMetricValue, isMetricName } from "./metric.ts";
import { formatThreshold, parseThreshold } from "./threshold.ts";

Deno.test("formatMetricValue() writes the metric's unit and three digits that matter", () => {
  assert.equal(formatMetricValue("process_cpu", 82.44), "82.4 %");
  assert.equal(formatMetricValue("process_cpu", 399.6), "400 %");
  assert.equal(formatMetricValue("http_error_rate", 0.5), "0.5 %");
  assert.equal(formatMetricValue("http_avg_response_time", 512), "512 ms");
  assert.equal(formatMetricValue("http_avg_response_time", 1500), "1.5 s");
  assert.equal(formatMetricValue("http_avg_response_time", 0.0129), "12.9 µs");
  assert.equal(formatMetricValue("http_avg_response_time", 0), "0 ms");
  assert.equal(formatMetricValue("http_p95_response_time", 12_340), "12.3 s");
  assert.equal(formatMetricValue("http_request_rate", 29.04), "29 /s");
  assert.equal(formatMetricValue("system_load", 0.731), "0.73");
  assert.equal(formatMetricValue("process_thread_count", 12), "12");
});

Deno.test("isMetricName() knows metrics and nothing of Object", () => {
  assert.equal(isMetricName("process_cpu"), true);
  assert.equal(isMetricName("toString"), false);
});

Deno.test("formatThreshold() writes what parseThreshold() reads back", () => {
  for (const threshold of [1, 80, 0.7, 1500, 2000, 1e-7, 1e21]) {
    for (const metric of ["process_cpu", "system_load", "http_avg_response_time"] as const) {
      assert.equal(parseThreshold(metric, formatThreshold(metric, threshold)), threshold);
    }
  }
  assert.equal(formatThreshold("http_avg_response_time", 2000), "2s");
});
