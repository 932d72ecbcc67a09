// Models and chat through OpenAI's SDK, with only baseURL and apiKey swapped.

import assert from "node:assert/strict";
import { after, before, beforeEach } from "node:test";

import { Bastion, proves } from "../bastion.js";
import { SDKS } from "../sdks.js";

const model = "gpt-oss-20b";
const messages = [{ role: "user", content: "Hello" }];
let bastion;
let apiKey;

before(async () => {
  bastion = await Bastion.start();
  apiKey = await bastion.makeKey();
});
after(() => bastion.end());
beforeEach(() => bastion.upstream.forget());

for (const { name, openai } of SDKS) {
  const client = () => new openai.OpenAI({ baseURL: bastion.baseURL, apiKey });

  proves(`${name}: the models are listed`, async (says) => {
    const listed = [];
    for await (const one of client().models.list()) listed.push(one.id);
    assert.ok(["gpt-oss-20b", "small", "bge-m3"].every((id) => listed.includes(id)));
    assert.equal((await client().models.retrieve("small")).owned_by, "simulated");
    says("endpoints", "models", name);
  });

  proves(`${name}: a chat is answered`, async (says) => {
    const call = client().chat.completions.create({ model, messages });
    const { data, response, request_id } = await call.withResponse();
    assert.match(data.choices[0].message.content, /simulated/);
    const { prompt_tokens, completion_tokens, total_tokens } = data.usage;
    assert.equal(total_tokens, prompt_tokens + completion_tokens);
    assert.match(request_id, /^req_/);
    assert.equal(data._request_id, request_id);
    assert.equal(response.headers.get("bastion-upstream"), "simulated");
    says("endpoints", "chat completions, whole", name);
  });

  proves(`${name}: a chat is streamed`, async (says) => {
    const stream = await client().chat.completions.create({
      model,
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
    assert.match(text, /simulated/);
    assert.ok(chunks.at(-1).usage.completion_tokens > 0);
    assert.equal(chunks.at(-2).choices[0].finish_reason, "stop");
    says("endpoints", "chat completions, streamed", name);
  });
}
