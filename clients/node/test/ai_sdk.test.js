// Vercel's AI SDK: its OpenAI provider (chat, responses) and its provider for compatible servers.

import assert from "node:assert/strict";
import { after, before, beforeEach } from "node:test";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import {
  APICallError,
  Output,
  embedMany,
  generateImage,
  generateText,
  isStepCount,
  streamText,
  tool,
  transcribe,
} from "ai";
import { z } from "zod";

import { Bastion, proves } from "../bastion.js";
import { wav } from "../wav.js";

const NAME = "AI SDK";
const MODEL = "gpt-oss-20b";
const CHAT = "/v1/chat/completions";
const RESPONSES = "/v1/responses";
const prompt = "How cold is Montréal?";
const cold = { city: "Montréal", celsius: -7 };
let bastion;
let openai;
let compatible;

before(async () => {
  bastion = await Bastion.start();
  const apiKey = await bastion.makeKey();
  openai = createOpenAI({ baseURL: bastion.baseURL, apiKey });
  compatible = createOpenAICompatible({ name: "bastion", baseURL: bastion.baseURL, apiKey });
});
after(() => bastion.end());
beforeEach(() => bastion.upstream.forget());

const weather = (made) =>
  tool({
    description: "The weather of a city.",
    inputSchema: z.object({ city: z.string(), unit: z.string() }),
    execute: async (given) => {
      made.push(given);
      return "-7";
    },
  });

/** The models under test, by endpoint. */
const models = () => [
  ["chat completions", openai.chat(MODEL), CHAT, "chat"],
  ["chat completions", compatible(MODEL), CHAT, "chat"],
  ["responses", openai.responses(MODEL), RESPONSES, "responses"],
];
const row = (kind, what) => (kind === "chat" ? what : `responses: ${what}`);

proves("a text is generated", async (says) => {
  for (const [endpoint, model] of models()) {
    const { text, usage } = await generateText({ model, prompt });
    assert.ok(text);
    assert.ok(usage.totalTokens > 0);
    says("endpoints", `${endpoint}, whole`, NAME);
  }
});

proves("a text is streamed", async (says) => {
  for (const [endpoint, model] of models()) {
    const answer = streamText({ model, prompt });
    let text = "";
    let parts = 0;
    for await (const part of answer.textStream) {
      text += part;
      parts += 1;
    }
    assert.ok(text && parts > 3, `${endpoint}: ${parts} parts`);
    assert.equal(await answer.finishReason, "stop");
    says("endpoints", `${endpoint}, streamed`, NAME);
  }
});

proves("a tool is called and its answer told", async (says) => {
  for (const [, model, where, kind] of models()) {
    await bastion.upstream.forget();
    await bastion.upstream.answer(`${kind}_tool_call`, where, "times = 1\n");
    const made = [];
    const tools = { weather: weather(made) };
    const { text } = await generateText({ model, prompt, tools, stopWhen: isStepCount(2) });
    assert.deepEqual(made, [{ city: "Montréal", unit: "celsius" }]);
    assert.ok(text);
    assert.equal((await bastion.upstream.received()).length, 2);
    says("features", row(kind, "tool call, whole"), NAME);
  }
});

proves("a tool call is streamed and its answer told", async (says) => {
  for (const [, model, where, kind] of models()) {
    await bastion.upstream.forget();
    await bastion.upstream.answer(`${kind}_tool_call_stream`, where, "times = 1\n");
    const made = [];
    const tools = { weather: weather(made) };
    const answer = streamText({ model, prompt, tools, stopWhen: isStepCount(2) });
    assert.ok(await answer.text);
    assert.deepEqual(made, [{ city: "Montréal", unit: "celsius" }]);
    says("features", row(kind, "tool call, streamed"), NAME);
  }
});

proves("a structured answer is parsed", async (says) => {
  const output = Output.object({ schema: z.object({ city: z.string(), celsius: z.number() }) });
  for (const [, model, where, kind] of models()) {
    await bastion.upstream.answer(`${kind}_structured`, where);
    assert.deepEqual((await generateText({ model, prompt, output })).output, cold);
    says("features", row(kind, "structured answer, whole"), NAME);
    await bastion.upstream.answer(`${kind}_structured_stream`, where);
    assert.deepEqual(await streamText({ model, prompt, output }).output, cold);
    says("features", row(kind, "structured answer, streamed"), NAME);
  }
});

proves("a prompt is completed", async (says) => {
  const { text } = await generateText({ model: openai.completion(MODEL), prompt });
  assert.ok(text);
  says("endpoints", "completions, whole", NAME);
  assert.ok(await streamText({ model: openai.completion(MODEL), prompt }).text);
  says("endpoints", "completions, streamed", NAME);
});

proves("texts are embedded", async (says) => {
  const model = openai.embedding("bge-m3");
  const { embeddings } = await embedMany({ model, values: ["Hello", "Bye"] });
  assert.deepEqual(
    embeddings.map((vector) => vector.length),
    [1024, 1024],
  );
  says("endpoints", "embeddings", NAME);
});

proves("an image is made", async (says) => {
  const model = openai.image("stable-diffusion-xl-base-v10");
  const { image } = await generateImage({ model, prompt: "a bastion", size: "256x256" });
  assert.equal(image.mediaType, "image/png");
  assert.ok(image.uint8Array.length > 8);
  says("endpoints", "images", NAME);
});

proves("a recording is transcribed", async (says) => {
  const { text } = await transcribe({
    model: openai.transcription("whisper-large-v3"),
    audio: wav(1),
  });
  assert.ok(text);
  says("endpoints", "transcriptions", NAME);
});

/** What a call fails with, the last try's if there were several. */
async function failure(call) {
  const cause = await call.then(
    () => assert.fail("nothing failed"),
    (failed) => failed,
  );
  const last = cause.lastError ?? cause;
  assert.ok(APICallError.isInstance(last), `${last}`);
  assert.match(last.responseHeaders["x-request-id"], /^req_/);
  return last;
}

proves("a refusal is an error that says whether to retry", async (says) => {
  const other = createOpenAI({ baseURL: bastion.baseURL, apiKey: "sk-not-ours" });
  const limited = createOpenAI({
    baseURL: bastion.baseURL,
    apiKey: await bastion.makeKey("--rpm", "1"),
  });
  await generateText({ model: limited.chat(MODEL), prompt });
  const cases = [
    [openai.chat("none-such"), 404, "model_not_found", false],
    [other.chat(MODEL), 401, "invalid_api_key", false],
    [limited.chat(MODEL), 429, "rate_limit_exceeded", true],
  ];
  for (const [model, status, code, retryable] of cases) {
    const cause = await failure(generateText({ model, prompt, maxRetries: 0 }));
    assert.deepEqual([cause.statusCode, cause.isRetryable], [status, retryable]);
    assert.equal(JSON.parse(cause.responseBody).error.code, code);
    says("errors", `${status} \`${code}\``, NAME, "APICallError");
  }
});

proves("tries are multiplied, unless its own are taken away", async (says) => {
  const model = openai.chat(MODEL);
  // Calls that make room in the gateway's budget of retries.
  for (let call = 0; call < 12; call += 1) await generateText({ model, prompt });
  const row = "requests at an upstream that always fails";
  const tries = [
    [{ maxRetries: 0 }, `${row}, \`maxRetries: 0\``, 3],
    [{}, row, 9],
  ];
  for (const [options, what, expected] of tries) {
    await bastion.upstream.forget();
    await bastion.upstream.play("[[answer]]\nstatus = 500\n");
    const cause = await failure(generateText({ model, prompt, ...options }));
    assert.equal(cause.statusCode, 502);
    assert.equal((await bastion.upstream.received()).length, expected);
    says("features", what, NAME, `${expected}`);
  }
});

proves("a stream that is stopped stops the upstream", async (says) => {
  for (const [, model, where, kind] of models()) {
    await bastion.upstream.forget();
    await bastion.upstream.answer(`${kind}_structured_stream`, where, "stall_after = 6\n");
    const stop = new AbortController();
    const answer = streamText({ model, prompt, abortSignal: stop.signal, onError: () => {} });
    for await (const part of answer.textStream) {
      assert.ok(part);
      stop.abort();
    }
    const left = (log) => log.length === 1 && log[0].outcome === "closed_by_peer";
    await bastion.upstream.waitFor(left, "the close at the upstream");
    says("features", `${kind}: stopped mid-stream, the upstream's connection closes`, NAME);
  }
});

proves("a stream that is cut ends with an error", async (says) => {
  for (const [, model, where, kind] of models()) {
    await bastion.upstream.answer(`${kind}_structured_stream`, where, "cut_after = 6\n");
    const errors = [];
    const answer = streamText({ model, prompt, onError: ({ error }) => errors.push(error) });
    for await (const part of answer.textStream) assert.ok(part);
    assert.equal(errors.length, 1, kind);
    assert.match(JSON.stringify(errors[0]) + String(errors[0]), /req_/, kind);
    says("features", `${kind}: cut at the upstream, an exception`, NAME);
  }
});
