// How a stream ends: stopped by the caller, cut by the upstream.

import assert from "node:assert/strict";
import { after, before, beforeEach } from "node:test";

import { Bastion, proves } from "../bastion.js";
import { SDKS } from "../sdks.js";

const model = "gpt-oss-20b";
const messages = [{ role: "user", content: "Hello" }];
const CALLS = [
  {
    what: "chat",
    call: (client) => client.chat.completions.create({ model, messages, stream: true }),
    played: ["chat_structured_stream", "/v1/chat/completions"],
  },
  {
    what: "responses",
    call: (client) => client.responses.create({ model, input: "Hello", stream: true }),
    played: ["responses_structured_stream", "/v1/responses"],
  },
];
let bastion;
let apiKey;

before(async () => {
  bastion = await Bastion.start();
  apiKey = await bastion.makeKey();
});
after(() => bastion.end());
beforeEach(() => bastion.upstream.forget());

const left = (log) => log.length === 1 && log[0].outcome === "closed_by_peer" && log[0];

for (const { name, openai } of SDKS) {
  const client = () => new openai.OpenAI({ baseURL: bastion.baseURL, apiKey });

  for (const { what, call, played } of CALLS) {
    proves(`${name}: ${what}: a stream that is stopped stops the upstream`, async (says) => {
      await bastion.upstream.answer(...played, "stall_after = 6\n");
      for await (const first of await call(client())) {
        assert.ok(first);
        break;
      }
      const entry = await bastion.upstream.waitFor(left, "the close at the upstream");
      assert.equal(entry.answered_status, 200);
      says("features", `${what}: stopped mid-stream, the upstream's connection closes`, name);
    });

    proves(`${name}: ${what}: a stream that is cut throws`, async (says) => {
      await bastion.upstream.answer(...played, "cut_after = 6\n");
      const all = async () => {
        for await (const one of await call(client())) assert.ok(one);
      };
      await assert.rejects(all, (cause) => {
        assert.ok(cause instanceof openai.APIError, `${cause}`);
        assert.equal(cause.code, "stream_interrupted");
        assert.match(cause.message, /req_/);
        return true;
      });
      says("features", `${what}: cut at the upstream, an exception`, name);
    });
  }
}
