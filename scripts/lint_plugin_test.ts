import assert from "node:assert/strict";
import plugin from "./lint_plugin.ts";

/** The rules that find something in the source, as if it were the file at that path. */
function lint(path: string, source: string): string[] {
  const root = new URL("..", import.meta.url).pathname;
  return [
    ...new Set(Deno.lint.runPlugin(plugin, root + path, source).map(({ id }) => id.replace("house/", ""))),
  ];
}

const cases: { rule: string; path: string; bad: string[]; good?: string[]; allowedIn?: string[] }[] = [
  {
    rule: "folder-imports",
    path: "src/backend/backend.ts",
    bad: [
      'import { a } from "../../lib/sys/syscall.ts";',
      'import { a } from "../agent/window.ts";',
      'import type { A } from "../ui/api.ts";',
      'import { a } from "preact";',
      'const a = await import("../agent/window.ts");',
    ],
    good: [
      'import { a } from "../../lib/clock.ts";',
      'import { a } from "../../lib/pprof/encode.ts";',
      'import { a } from "../model/policy.ts";',
      'import { a } from "./auth.ts";',
      'import { a } from "node:fs";',
      'import { a } from "@connectrpc/connect/protocol";',
    ],
    allowedIn: ["tests/e2e/a.ts", "src/backend/backend_test.ts"],
  },
  { rule: "folder-imports", path: "lib/bpf/map.ts", bad: ['import { a } from "../../src/model/policy.ts";'] },
  {
    rule: "folder-imports",
    path: "src/model/policy.ts",
    bad: ['import { a } from "../../lib/clock.ts";', 'import { a } from "node:fs";'],
    good: ['import { z } from "zod";'],
  },
  { rule: "folder-imports", path: "src/cli/up.ts", bad: ['import { a } from "../ui/main.tsx";'] },
  { rule: "folder-imports", path: "src/ui/main.tsx", bad: ['import { a } from "../../lib/log.ts";'] },
  {
    rule: "no-barrels",
    path: "lib/a.ts",
    bad: ['export * from "./b.ts";', 'export { b } from "./b.ts";'],
    good: ['import { b } from "./b.ts";\nexport const c = b;'],
  },
  {
    rule: "no-default-exports",
    path: "lib/a.ts",
    bad: ["export default function a() {}", "export default 1;"],
    good: ["export const a = 1;"],
  },
  {
    rule: "no-foreign-functions",
    path: "src/agent/agent.ts",
    bad: ['Deno.dlopen("x", {});', "new Deno.UnsafePointerView(p);", "Deno.UnsafePointer.of(b);"],
    good: ["Deno.readTextFileSync(p);"],
    allowedIn: ["lib/bpf/object.ts", "lib/sys/syscall.ts", "tests/kernel/a_test.ts"],
  },
  {
    rule: "no-process-control",
    path: "src/cli/up.ts",
    bad: ["Deno.exit(1);", "f(Deno.args);"],
    good: ["Deno.cwd();"],
    allowedIn: ["main.ts", "scripts/ok.ts"],
  },
  {
    rule: "no-console",
    path: "src/agent/agent.ts",
    bad: ["console.log(1);"],
    good: ["logger.info('x');"],
    allowedIn: ["scripts/ok.ts", "tests/bench/bench.ts"],
  },
  { rule: "no-process-control", path: "src/ui/api.ts", bad: ['Deno.env.get("A");'] },
  {
    rule: "no-wall-time",
    path: "src/backend/backend.ts",
    bad: ["const t = Date.now();", "new Date();", "Date();", "Temporal.Now.instant();"],
    good: ["new Date(ms).toISOString();", "performance.now();"],
    allowedIn: ["lib/clock.ts", "tests/e2e/a_test.ts"],
  },
  {
    rule: "no-sql",
    path: "src/backend/auth.ts",
    bad: [
      'import { DatabaseSync } from "node:sqlite";',
      'db.prepare("SELECT a FROM b");',
      "db.exec(`\n  INSERT OR IGNORE INTO a VALUES (${1})`);",
      'db.exec("PRAGMA journal_mode=wal");',
    ],
    good: ['const hint = "Select a process from the list";', 'const m = "UPDATE";'],
    allowedIn: ["src/backend/store/tasks.ts"],
  },
  {
    rule: "no-process-root",
    path: "src/agent/names/child.ts",
    bad: [
      "open(`/proc/${pid}/root/etc`);",
      'open("/proc/" + pid + "/root" + path);',
      'open("/proc/1/root");',
    ],
    good: ["read(`/proc/${pid}/maps`);", 'const home = "/root";'],
    allowedIn: ["lib/sys/open_in_root.ts"],
  },
  {
    rule: "no-inner-html",
    path: "src/ui/view.tsx",
    bad: [
      "e.innerHTML = x;",
      'e["outerHTML"] = x;',
      "const a = <p dangerouslySetInnerHTML={{ __html: x }} />;",
    ],
    good: ["e.textContent = x;"],
  },
  {
    rule: "no-top-level-arrows",
    path: "lib/a.ts",
    bad: ["export const f = () => 1;", "const g = async function () {};"],
    good: ["function f() { const g = () => 1; return g; }", "const doubled = [1].map((n) => n * 2);"],
  },
  {
    rule: "private-by-hash",
    path: "lib/a.ts",
    bad: [
      "class A { private b = 1; }",
      "class A { private f() {} }",
      "class A { constructor(private b: number) {} }",
    ],
    good: [
      "class A { #b = 1; readonly c = this.#b; privateer() {} }",
      "class A { private constructor() {} }",
    ],
  },
  {
    rule: "error-message",
    path: "lib/a.ts",
    bad: [
      'throw new Error("cannot open it");',
      'throw new RangeError("Too big.");',
      "throw new TypeError(`Can't read ${path}`);",
      'throw new TypeError("It doesn\'t end");',
    ],
    good: [
      'throw new Error("Cannot open it: no such file");',
      "throw new Error(`${path} is not a file`);",
      'throw new Error("Cannot read the process\'s maps");',
      "throw new Error(`Cannot parse: ${rest}...`);",
      "throw new Error(message);",
    ],
    allowedIn: ["tests/kernel/a.ts"],
  },
  {
    rule: "small-files",
    path: "lib/a.ts",
    bad: ["\n".repeat(600)],
    good: ["\n".repeat(400)],
  },
  { rule: "small-files", path: "lib/someThing.ts", bad: ["const a = 1;"] },
];

for (const { rule, path, bad, good = [], allowedIn = [] } of cases) {
  Deno.test(`house/${rule} refuses what is forbidden in ${path} and nothing else`, () => {
    for (const source of bad) assert.deepEqual(lint(path, source), [rule], source);
    for (const source of good) assert.deepEqual(lint(path, source), [], source);
    for (const place of allowedIn) {
      for (const source of bad) assert.ok(!lint(place, source).includes(rule), `${place}: ${source}`);
    }
  });
}
