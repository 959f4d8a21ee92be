import assert from "node:assert/strict";
import { ChangeFeed } from "./change_feed.ts";

Deno.test("take() joins all changes since the last one", async () => {
  const feed = new ChangeFeed();
  const subscription = feed.subscribe();
  const { signal } = new AbortController();
  feed.publish("metrics");
  feed.publish("tasks", "t1");
  feed.publish("tasks", "t2");
  const { topics, taskIds } = await subscription.take(signal) ?? {};
  assert.deepEqual([[...topics!], [...taskIds!]], [["metrics", "tasks"], ["t1", "t2"]]);
  const waiting = subscription.take(signal);
  feed.publish("policies");
  assert.deepEqual([...(await waiting)!.topics], ["policies"]);
  subscription.close();
  assert.equal(feed.size, 0);
});

Deno.test("take() answers undefined once it is aborted", async () => {
  const ending = new AbortController();
  const waiting = new ChangeFeed().subscribe().take(ending.signal);
  ending.abort();
  assert.equal(await waiting, undefined);
});
