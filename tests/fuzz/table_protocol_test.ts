import { MessageDecoder } from "../../src/agent/child/message_codec.ts";
import { readAnswer, readRequest } from "../../src/agent/unwind/protocol.ts";
import { fuzz } from "./fuzz.ts";

Deno.test("the protocol of the table child survives mutated messages", () => {
  fuzz("table_protocol", (bytes) => {
    let before: Uint8Array | undefined;
    for (const message of new MessageDecoder().push(bytes)) {
      if (message instanceof Uint8Array) {
        before = message;
        continue;
      }
      readRequest(message);
      readAnswer(message, before);
      before = undefined;
    }
  });
});
