// The other endpoints through OpenAI's SDK; speech by the path of the contract.

import assert from "node:assert/strict";
import { after, before, beforeEach } from "node:test";

import { Bastion, proves } from "../bastion.js";
import { SDKS } from "../sdks.js";
import { wav } from "../wav.js";

const model = "gpt-oss-20b";
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

  proves(`${name}: a prompt is completed`, async (says) => {
    const answer = await client().completions.create({ model, prompt: ["Hello", "Bye"] });
    assert.equal(answer.choices.length, 2);
    assert.ok(answer.usage.total_tokens > 0);
    says("endpoints", "completions, whole", name);
  });

  proves(`${name}: a prompt is completed as a stream`, async (says) => {
    let text = "";
    const stream = await client().completions.create({ model, prompt: "Hello", stream: true });
    for await (const chunk of stream) text += chunk.choices[0]?.text ?? "";
    assert.ok(text);
    says("endpoints", "completions, streamed", name);
  });

  proves(`${name}: a response is given`, async (says) => {
    const answer = await client().responses.create({ model, input: "Hello" });
    assert.equal(answer.status, "completed");
    assert.ok(answer.output_text);
    const [request] = await bastion.upstream.received();
    assert.equal(JSON.parse(request.body).store, false);
    says("endpoints", "responses, whole", name);
  });

  proves(`${name}: a response is streamed`, async (says) => {
    const stream = await client().responses.create({ model, input: "Hello", stream: true });
    const types = [];
    for await (const event of stream) types.push(event.type);
    assert.deepEqual(types.slice(0, 2), ["response.created", "response.in_progress"]);
    assert.equal(types.at(-1), "response.completed");
    says("endpoints", "responses, streamed", name);
  });

  proves(`${name}: a response with state is refused`, async () => {
    const call = client().responses.create({ model, input: "?", previous_response_id: "resp_1" });
    await assert.rejects(call, { status: 400, code: "stateful_not_allowed" });
  });

  proves(`${name}: texts are embedded`, async (says) => {
    for (const encoding_format of ["float", undefined]) {
      const answer = await client().embeddings.create({
        model: "bge-m3",
        input: ["Hello", "Bye"],
        encoding_format,
      });
      for (const { embedding } of answer.data) {
        assert.equal(embedding.length, 1024);
        const square = embedding.reduce((sum, one) => sum + one * one, 0);
        assert.ok(Math.abs(square - 1) < 1e-3, `${square}`);
      }
    }
    says("endpoints", "embeddings", name);
  });

  proves(`${name}: an image is made`, async (says) => {
    const answer = await client().images.generate({
      model: "stable-diffusion-xl-base-v10",
      prompt: "a bastion",
      n: 2,
      size: "256x256",
      response_format: "b64_json",
    });
    const begins = answer.data.map((one) => Buffer.from(one.b64_json, "base64").toString("latin1", 1, 4));
    assert.deepEqual(begins, ["PNG", "PNG"]);
    says("endpoints", "images", name);
  });

  proves(`${name}: a recording is transcribed`, async (says) => {
    for (const response_format of ["json", "verbose_json", "text"]) {
      const answer = await client().audio.transcriptions.create({
        model: "whisper-large-v3",
        file: await openai.toFile(wav(1), "said.wav", { type: "audio/wav" }),
        response_format,
      });
      assert.ok((answer.text ?? answer).trim());
    }
    says("endpoints", "transcriptions", name);
  });

  proves(`${name}: a recording that is too large is told so`, async (says) => {
    const large = await openai.toFile(Buffer.alloc(26 * 1024 * 1024), "said.wav");
    const call = client().audio.transcriptions.create({ model: "whisper-large-v3", file: large });
    await assert.rejects(call, { status: 413, code: "payload_too_large" });
    assert.deepEqual(await bastion.upstream.received(), []);
    says("features", "a recording of 26 MB is a 413", name);
  });

  proves(`${name}: a text is spoken`, async (says) => {
    // The SDK's raw call: the path of the contract is none of OpenAI's.
    const body = { text: "Hello", language_code: "en-US", encoding: 1, sample_rate_hz: 16000 };
    const answer = await client().post(`${bastion.rootURL}/api/v1/tts/text_to_audio`, {
      body,
      __binaryResponse: true,
    });
    assert.match(answer.headers.get("content-type"), /^audio\//);
    const sound = Buffer.from(await answer.arrayBuffer());
    assert.equal(sound.toString("latin1", 0, 4), "RIFF");
    says("endpoints", "speech (raw path)", name);
  });
}
