import assert from "node:assert/strict";
import { makeLive } from "../../tests/support/live_process.ts";
import type { Policy } from "../model/policy.ts";
import { Matcher } from "./matcher.ts";

function policy(name: string, service: string, paused = false): Policy {
  return {
    ...{ name, description: "", paused, target: { service, labels: {} }, rules: [], start: ["on_cpu"] },
    ...{
      durationSeconds: 60,
      silenceSeconds: 60,
      onCpu: { frequencyHz: 99 },
      offCpu: { minimumNs: 0 },
      tls: false,
    },
  };
}

const nothing = { appeared: [], changed: [], gone: [] };

/** What happened since the last call, as pids. */
function take(matcher: Matcher) {
  const { added, changed, removed } = matcher.takeChanges();
  const pids = (list: typeof added) => list.map(({ live }) => live.process.pid);
  return { added: pids(added), changed: pids(changed), removed: pids(removed) };
}

Deno.test("setPolicies() matches known processes, and apply() those that appear", () => {
  const matcher = new Matcher("node-1");
  const [web, db] = [makeLive(1, { service: "web" }), makeLive(2, { service: "db" })];
  matcher.setPolicies([policy("a", "web"), policy("b", "w*"), policy("c", "*", true)], [web, db]);
  assert.deepEqual(take(matcher), { added: [1], changed: [], removed: [] });
  assert.deepEqual([...matcher.watched()].map(({ policies }) => [...policies]), [["a", "b"]]);
  assert.equal(matcher.processesOf("c").size, 0);

  const web2 = makeLive(3, { service: "web" });
  matcher.apply({ ...nothing, appeared: [web2] });
  assert.deepEqual(take(matcher), { added: [3], changed: [], removed: [] });
  matcher.apply({ ...nothing, gone: [web] });
  assert.deepEqual(take(matcher), { added: [], changed: [], removed: [1] });
  assert.deepEqual([...matcher.processesOf("a")], [web2]);
});

Deno.test("apply() matches a process anew when it became another program", () => {
  const matcher = new Matcher("node-1");
  const live = makeLive(1, { service: "sh" });
  matcher.setPolicies([policy("a", "sh"), policy("b", "web"), policy("c", "*")], [live]);
  take(matcher);
  live.process = { ...live.process, service: "web" };
  matcher.apply({ ...nothing, changed: [live] });
  assert.deepEqual(take(matcher), { added: [], changed: [1], removed: [] });
  assert.deepEqual([...[...matcher.watched()][0]!.policies].sort(), ["b", "c"]);
});

Deno.test("setPolicies() keeps watching without a break where old and new policy match", () => {
  const matcher = new Matcher("node-1");
  const [web, db] = [makeLive(1, { service: "web" }), makeLive(2, { service: "db" })];
  matcher.setPolicies([policy("a", "*")], [web, db]);
  take(matcher);
  matcher.setPolicies([policy("a", "w*")], [web, db]);
  const { added, removed } = take(matcher);
  assert.deepEqual([added, removed], [[], [2]]);
  assert.deepEqual([...matcher.watched()].map(({ policies }) => [...policies]), [["a"]]);

  matcher.setPolicies([policy("a", "w*", true)], [web, db]);
  assert.deepEqual(take(matcher).removed, [1]);
  matcher.setPolicies([], [web, db]);
  assert.equal(matcher.size, 0);
});

Deno.test("apply() refuses processes over the limit with the number, and takes them in when others end", () => {
  const matcher = new Matcher("node-1", 2);
  const all = [1, 2, 3, 4].map((pid) => makeLive(pid));
  matcher.setPolicies([policy("a", "test")], all);
  assert.equal(matcher.size, 2);
  assert.deepEqual(matcher.refusals(), [{
    policy: "a",
    reason:
      "2 matched processes are not watched: 2 are watched on this host, which is the limit; narrow the targets",
  }]);
  matcher.apply({ ...nothing, gone: [all[0]!, all[3]!] });
  assert.deepEqual(matcher.refusals(), []);
  assert.deepEqual([...matcher.processesOf("a")].map(({ process }) => process.pid), [2, 3]);
});
