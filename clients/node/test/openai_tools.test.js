// Tools, parsed and structured answers: OpenAI's SDK builds objects of what comes through us.

import assert from "node:assert/strict";
import { after, before, beforeEach } from "node:test";
import { z } from "zod";

import { Bastion, proves } from "../bastion.js";
import { SDKS } from "../sdks.js";

const model = "gpt-oss-20b";
const CHAT = "/v1/chat/completions";
const RESPONSES = "/v1/responses";
const messages = [{ role: "user", content: "How cold is Montréal?" }];
const weather = { city: "Montréal", unit: "celsius" };
const Cold = z.object({ city: z.string(), celsius: z.number().int() });
const cold = { city: "Montréal", celsius: -7 };
const parameters = z.object({ city: z.string(), unit: z.string() });
let bastion;
let apiKey;

before(async () => {
  bastion = await Bastion.start();
  apiKey = await bastion.makeKey();
});
after(() => bastion.end());
beforeEach(() => bastion.upstream.forget());

/** The one body that the upstream received. */
async function asked() {
  const [request, ...others] = await bastion.upstream.received();
  assert.deepEqual(others, []);
  return JSON.parse(request.body);
}

for (const { name, openai, helpers } of SDKS) {
  const client = () => new openai.OpenAI({ baseURL: bastion.baseURL, apiKey });
  const tools = () => [helpers.zodFunction({ name: "weather", parameters })];
  const responsesTools = () => [helpers.zodResponsesFunction({ name: "weather", parameters })];
  const chatFormat = () => helpers.zodResponseFormat(Cold, "cold");

  proves(`${name}: a chat's tool call is parsed`, async (says) => {
    await bastion.upstream.answer("chat_tool_call", CHAT);
    const answer = await client().chat.completions.parse({ model, messages, tools: tools() });
    const [call] = answer.choices[0].message.tool_calls;
    assert.deepEqual(call.function.parsed_arguments, weather);
    assert.equal((await asked()).tools[0].function.name, "weather");
    says("features", "tool call, whole", name);
  });

  proves(`${name}: a chat's tool call is streamed, made and answered`, async (says) => {
    await bastion.upstream.answer("chat_tool_call_stream", CHAT, "times = 1\n");
    const made = [];
    const run = (given) => {
      made.push(given);
      return "-7";
    };
    const stream = client().chat.completions.runTools({
      model,
      messages,
      stream: true,
      tools: [helpers.zodFunction({ name: "weather", parameters, function: run })],
    });
    assert.match(await stream.finalContent(), /simulated/);
    assert.deepEqual(made, [weather]);
    const [, second] = await bastion.upstream.received();
    const told = JSON.parse(second.body).messages;
    assert.deepEqual(told.at(-1), { role: "tool", tool_call_id: "call_weather_1", content: "-7" });
    says("features", "tool call, streamed", name);
  });

  proves(`${name}: a chat's structured answer is parsed`, async (says) => {
    await bastion.upstream.answer("chat_structured", CHAT);
    const answer = await client().chat.completions.parse({
      model,
      messages,
      response_format: chatFormat(),
    });
    assert.deepEqual(answer.choices[0].message.parsed, cold);
    assert.equal((await asked()).response_format.type, "json_schema");
    says("features", "structured answer, whole", name);
  });

  proves(`${name}: a chat's structured answer is parsed as it comes`, async (says) => {
    await bastion.upstream.answer("chat_structured_stream", CHAT);
    const stream = client().chat.completions.stream({
      model,
      messages,
      response_format: chatFormat(),
    });
    const answer = await stream.finalChatCompletion();
    assert.deepEqual(answer.choices[0].message.parsed, cold);
    says("features", "structured answer, streamed", name);
  });

  proves(`${name}: a responses tool call is parsed`, async (says) => {
    await bastion.upstream.answer("responses_tool_call", RESPONSES);
    const answer = await client().responses.parse({ model, input: "?", tools: responsesTools() });
    assert.deepEqual(answer.output[0].parsed_arguments, weather);
    assert.equal((await asked()).store, false);
    says("features", "responses: tool call, whole", name);
  });

  proves(`${name}: a responses tool call is streamed`, async (says) => {
    await bastion.upstream.answer("responses_tool_call_stream", RESPONSES);
    const stream = client().responses.stream({ model, input: "?", tools: responsesTools() });
    const answer = await stream.finalResponse();
    assert.deepEqual(answer.output[0].parsed_arguments, weather);
    says("features", "responses: tool call, streamed", name);
  });

  proves(`${name}: a responses structured answer is parsed`, async (says) => {
    await bastion.upstream.answer("responses_structured", RESPONSES);
    const text = { format: helpers.zodTextFormat(Cold, "cold") };
    const answer = await client().responses.parse({ model, input: "?", text });
    assert.deepEqual(answer.output_parsed, cold);
    says("features", "responses: structured answer, whole", name);
  });

  proves(`${name}: a responses structured answer is parsed as it comes`, async (says) => {
    await bastion.upstream.answer("responses_structured_stream", RESPONSES);
    const text = { format: helpers.zodTextFormat(Cold, "cold") };
    const stream = client().responses.stream({ model, input: "?", text });
    const types = [];
    for await (const event of stream) types.push(event.type);
    assert.deepEqual(types.slice(0, 2), ["response.created", "response.in_progress"]);
    assert.equal(types.at(-1), "response.completed");
    assert.deepEqual((await stream.finalResponse()).output_parsed, cold);
    says("features", "responses: structured answer, streamed", name);
  });
}
