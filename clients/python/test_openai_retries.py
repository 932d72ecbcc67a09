"""The SDK's own retries and ours: three tries stay three, and a wait that we name is waited for."""

import openai
import pytest

MODEL = "gpt-oss-20b"
HELLO = [{"role": "user", "content": "Hello"}]


def chat(**more):
    fields = {"model": MODEL, "messages": HELLO, **more}
    return lambda client: client.chat.completions.create(**fields)


@pytest.fixture
def retriable(sdk, upstream):
    """The SDK, with calls behind it that make room in the gateway's budget of retries."""
    for _ in range(4):
        sdk.ask(chat())
    upstream.forget()
    return sdk


@pytest.mark.parametrize("answered", [500, 503, 429])
def test_three_tries_of_ours_are_not_multiplied_by_the_sdk(retriable, upstream, shows, answered):
    upstream.play(f"[[answer]]\nstatus = {answered}\n")
    with pytest.raises(openai.APIStatusError) as raised:
        retriable.ask(chat())
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert raised.value.response.headers["bastion-attempts"] == "3"
    assert len(upstream.received()) == 3
    shows("features", "requests at an upstream that always fails", retriable.name, "3")


def test_two_failures_at_the_upstream_are_not_seen(retriable, upstream):
    upstream.play("[[answer]]\ntimes = 2\nstatus = 500\n")
    raw = retriable.ask(chat_raw)
    assert raw.headers["bastion-attempts"] == "3"
    assert "simulated" in raw.parse().choices[0].message.content
    assert len(upstream.received()) == 3


def chat_raw(client):
    return client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO)


def test_the_sdk_waits_as_long_as_a_keys_rate_says_and_gets_through(form, bastion, shows):
    key = bastion.make_key("--rpm", "60")["api_key"]
    strict = form(base_url=bastion.base_url, api_key=key, max_retries=0)
    patient = form(base_url=bastion.base_url, api_key=key)
    use_up(strict)
    raw = patient.ask(chat_raw)
    assert raw.retries_taken >= 1
    assert raw.parse().choices
    strict.close()
    patient.close()
    shows("features", "a 429 with `retry-after` is waited for", patient.name)


def use_up(sdk):
    """Calls until the key's requests of this minute are used up."""
    for _ in range(1000):
        try:
            sdk.ask(chat(max_tokens=1))
        except openai.RateLimitError:
            return
    raise AssertionError("1000 calls within a rate of 60 a minute")
