import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import type { Page } from "playwright-core";
import { makeAssets } from "../../src/backend/assets.ts";
import { sampleAgent } from "../../src/backend/sample_records.ts";
import { startTestBackend, testTokens } from "../../src/backend/testing.ts";
import { readBuiltFolder } from "../../src/cli/built_file.ts";
import { AgentService, RecordSchema } from "../../src/gen/stakeout/v1/agent_service_pb.ts";
import { PolicyService } from "../../src/gen/stakeout/v1/policy_service_pb.ts";

/** What an agent may report, without its number. */
export type RecordBody = NonNullable<MessageInitShape<typeof RecordSchema>["body"]>;

/** A real backend with the built UI, and one agent whose reports the test makes up. */
export interface FedBackend extends AsyncDisposable {
  readonly url: string;
  readonly policies: Client<typeof PolicyService>;
  /** Sends records as the agent, each with the next number. @throws {Error} when one is refused. */
  report(...bodies: RecordBody[]): Promise<void>;
  /** Signs the browser in and opens a path. */
  open(page: Page, path: string): Promise<void>;
}

/** Starts one; `port` 0 takes a free one. */
export async function startFedBackend(options: { port?: number; token?: string } = {}): Promise<FedBackend> {
  const { port = 0, token = testTokens.editor } = options;
  const test = await startTestBackend({
    port,
    assets: makeAssets(readBuiltFolder("ui")),
    tokens: [{ role: "editor", token }, { role: "agent", token: testTokens.agent }],
  });
  const agents = test.client(AgentService, testTokens.agent);
  const agent = sampleAgent();
  const watched = watch();
  let sequence = 0n;

  async function watch(): Promise<void> {
    try {
      for await (const _ of agents.watch({ agent }));
    } catch {
      // It ends with the backend.
    }
  }

  return {
    url: test.backend.url,
    policies: test.client(PolicyService, token),
    async report(...bodies) {
      for (const body of bodies) {
        const record = create(RecordSchema, { sequence: ++sequence, body });
        const { refusals } = await agents.report({ agent, records: [record] });
        if (refusals.length > 0) throw new Error(`Record refused: ${refusals[0]!.reason}`);
      }
    },
    async open(page, path) {
      await page.goto(`${test.backend.url}/login?token=${token}`);
      await page.goto(`${test.backend.url}${path}`);
    },
    async [Symbol.asyncDispose]() {
      await test[Symbol.asyncDispose]();
      await watched;
    },
  };
}
