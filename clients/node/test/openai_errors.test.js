// A refusal is the SDK's own error, with the request's id; nothing is retried that would not heal.

import assert from "node:assert/strict";
import { after, before, beforeEach } from "node:test";

import { Bastion, Simulated, UPSTREAM_KEY, proves } from "../bastion.js";
import { SDKS } from "../sdks.js";

const model = "gpt-oss-20b";
const messages = [{ role: "user", content: "Hello" }];
const chat = (more) => (client) => client.chat.completions.create({ model, messages, ...more });
let bastion;
let apiKey;

before(async () => {
  bastion = await Bastion.start();
  apiKey = await bastion.makeKey();
});
after(() => bastion.end());
beforeEach(() => bastion.upstream.forget());

/** What a call fails with. */
async function failure(call) {
  try {
    await call;
  } catch (cause) {
    return cause;
  }
  throw new assert.AssertionError({ message: "nothing failed" });
}

for (const { name, openai } of SDKS) {
  const client = (more) => new openai.OpenAI({ baseURL: bastion.baseURL, apiKey, ...more });
  const row = (status, code) => `${status} \`${code}\``;

  /** Looks whether the error is the one that callers ask for by class. */
  const is = (cause, kind, status, code) => {
    assert.equal(cause.constructor, openai[kind], `${cause}`);
    assert.deepEqual([cause.status, cause.code], [status, code]);
    assert.match(cause.requestID, /^req_/);
    assert.ok(cause.message.includes(cause.requestID));
  };

  const wrong = [
    [chat({ messages: "x" }), "BadRequestError", 400, "invalid_request"],
    [chat({ store: true }), "BadRequestError", 400, "stateful_not_allowed"],
    [chat({ model: "none-such" }), "NotFoundError", 404, "model_not_found"],
    [
      (client) => client.audio.speech.create({ model: "m", voice: "v", input: "x" }),
      ...["NotFoundError", 404, "not_found"],
    ],
  ];
  for (const [call, kind, status, code] of wrong) {
    proves(`${name}: a wrong request is a ${kind}: ${code}`, async (says) => {
      is(await failure(call(client())), kind, status, code);
      assert.deepEqual(await bastion.upstream.received(), []);
      says("errors", row(status, code), name, kind);
    });
  }

  proves(`${name}: a wrong key is an authentication error`, async (says) => {
    const cause = await failure(client({ apiKey: "sk-not-ours" }).models.list());
    is(cause, "AuthenticationError", 401, "invalid_api_key");
    says("errors", row(401, "invalid_api_key"), name, "AuthenticationError");
  });

  proves(`${name}: a body that is too large is told so`, async (says) => {
    const large = [{ role: "user", content: "a".repeat(33 * 1024 * 1024) }];
    is(await failure(chat({ messages: large })(client())), "APIError", 413, "payload_too_large");
    assert.deepEqual(await bastion.upstream.received(), []);
    says("errors", row(413, "payload_too_large"), name, "APIError");
  });

  proves(`${name}: a key's own rate is a rate limit error`, async (says) => {
    const limited = client({ apiKey: await bastion.makeKey("--rpm", "1"), maxRetries: 0 });
    await chat()(limited);
    const cause = await failure(chat()(limited));
    is(cause, "RateLimitError", 429, "rate_limit_exceeded");
    const wait = Number(cause.headers.get("retry-after"));
    assert.ok(wait >= 1 && wait <= 60, `${wait}`);
    says("errors", row(429, "rate_limit_exceeded"), name, "RateLimitError");
  });

  const failed = [
    [500, "InternalServerError", 502, "upstream_error"],
    [401, "InternalServerError", 502, "upstream_credentials"],
    [402, "InternalServerError", 503, "upstream_funds"],
    [503, "InternalServerError", 503, "service_unavailable"],
  ];
  for (const [answered, kind, status, code] of failed) {
    proves(`${name}: an upstream's ${answered} is ${code}`, async (says) => {
      await bastion.upstream.play(`[[answer]]\nstatus = ${answered}\n`);
      is(await failure(chat()(client({ maxRetries: 0 }))), kind, status, code);
      says("errors", row(status, code), name, kind);
    });
  }

  proves(`${name}: an empty account is no error that is retried`, async (says) => {
    const simulated = await Simulated.start("--balance", "0");
    try {
      const direct = client({ baseURL: simulated.baseURL, apiKey: UPSTREAM_KEY });
      const cause = await failure(chat()(direct));
      assert.equal(cause.constructor, openai.APIError);
      assert.deepEqual([cause.status, cause.code], [402, "insufficient_funds"]);
      assert.equal(cause.requestID, "sim-1");
      assert.equal((await simulated.received()).length, 1);
    } finally {
      await simulated.process.end();
    }
    const simulatedRow = `${row(402, "insufficient_funds")} (the simulated upstream's)`;
    says("errors", simulatedRow, name, "APIError");
  });

  for (const answered of [500, 503, 429]) {
    proves(`${name}: three tries of ours at a ${answered} are not multiplied`, async (says) => {
      // Calls that make room in the gateway's budget of retries.
      for (let call = 0; call < 4; call += 1) await chat()(client());
      await bastion.upstream.forget();
      await bastion.upstream.play(`[[answer]]\nstatus = ${answered}\n`);
      const cause = await failure(chat()(client()));
      assert.equal(cause.headers.get("x-should-retry"), "false");
      assert.equal(cause.headers.get("bastion-attempts"), "3");
      assert.equal((await bastion.upstream.received()).length, 3);
      says("features", "requests at an upstream that always fails", name, "3");
    });
  }

  proves(`${name}: the SDK waits as long as a key's rate says and gets through`, async (says) => {
    const limited = await bastion.makeKey("--rpm", "60");
    const strict = client({ apiKey: limited, maxRetries: 0 });
    let refused;
    for (let call = 0; call < 1000 && !refused; call += 1) {
      refused = await chat({ max_tokens: 1 })(strict).then(
        () => undefined,
        (cause) => cause,
      );
    }
    is(refused, "RateLimitError", 429, "rate_limit_exceeded");
    const answer = await chat()(client({ apiKey: limited }));
    assert.ok(answer.choices.length);
    says("features", "a 429 with `retry-after` is waited for", name);
  });
}
