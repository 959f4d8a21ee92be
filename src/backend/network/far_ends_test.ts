import assert from "node:assert/strict";
import type { FarEnd } from "../store/store.ts";
import { chooseFarEnds } from "./far_ends.ts";

function end(edge: number, pair: string, taskId: string, agentId: string, farEdge = 9): FarEnd {
  return { edge, pair, taskId, farEdge, agentId, task: new Uint8Array() };
}

Deno.test("chooseFarEnds() joins all edges of the same traffic, and has the task with most of them first", () => {
  const ends = [
    end(1, "x", "t1", "b", 8),
    end(1, "x", "t1", "b", 9),
    end(2, "x", "t1", "b", 8),
    end(3, "y", "t2", "b"),
    end(4, "z", "t2", "b"),
    end(5, "w", "t2", "b"),
  ];
  const chosen = chooseFarEnds(ends, "a", []);
  assert.deepEqual(chosen.map(({ taskId }) => taskId), ["t2", "t1"]);
  assert.deepEqual(chosen[1]?.pairs, [{ edges: [1, 2], farEdges: [8, 9] }]);
  assert.deepEqual(chooseFarEnds(ends, "a", [3]).map(({ pairs }) => pairs.length), [1]);
});

Deno.test("chooseFarEnds() believes the own host before others, and none of several others", () => {
  const several = [end(1, "x", "t1", "b"), end(1, "x", "t2", "c")];
  assert.deepEqual(chooseFarEnds(several, "a", []), []);
  const own = chooseFarEnds([...several, end(1, "x", "t3", "a")], "a", []);
  assert.deepEqual(own.map(({ taskId }) => taskId), ["t3"]);
  // Two tasks of one host, one after the other, are both its ends.
  const both = chooseFarEnds([end(1, "x", "t1", "b"), end(1, "x", "t2", "b")], "a", []);
  assert.equal(both.length, 2);
});
