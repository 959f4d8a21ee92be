import { MessageDecoder } from "../../src/agent/child/message_codec.ts";
import { parseAddresses, readAnswer, readRequest, unpackFrames } from "../../src/agent/names/protocol.ts";
import { fuzz } from "./fuzz.ts";

Deno.test("the naming protocol survives mutated messages", () => {
  fuzz("naming_protocol", (bytes) => {
    const decoder = new MessageDecoder();
    for (const message of [...decoder.push(bytes.subarray(0, 33)), ...decoder.push(bytes.subarray(33))]) {
      const request = readRequest(message);
      if (request?.type === "resolve") request.stacks.forEach(({ addresses }) => parseAddresses(addresses));
      const answer = readAnswer(message);
      if (answer?.type === "resolved") unpackFrames(answer);
    }
  });
});
