"""A refusal is the SDK's own exception, with the request's id; nothing is retried that would not heal."""

import openai
import pytest
from bastion import UPSTREAM_KEY, Simulated

MODEL = "gpt-oss-20b"
CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def strict(form, bastion, key):
    """An SDK that does not retry."""
    made = form(base_url=bastion.base_url, api_key=key, max_retries=0)
    yield made
    made.close()


def refused(sdk, call, error, status, code):
    """Calls, and looks whether the exception is the one that callers write `except` for."""
    with pytest.raises(openai.APIStatusError) as raised:
        sdk.ask(call)
    cause = raised.value
    assert type(cause) is error
    assert (cause.status_code, cause.code) == (status, code)
    assert cause.request_id.startswith("req_")
    assert cause.request_id in cause.message
    return cause


def row(status, code):
    return f"{status} `{code}`"


def chat(**more):
    fields = {"model": MODEL, "messages": HELLO, **more}
    return lambda client: client.chat.completions.create(**fields)


@pytest.mark.parametrize(
    ("call", "error", "status", "code"),
    [
        (chat(messages="x"), openai.BadRequestError, 400, "invalid_request"),
        (chat(store=True), openai.BadRequestError, 400, "stateful_not_allowed"),
        (chat(model="none-such"), openai.NotFoundError, 404, "model_not_found"),
        (
            lambda client: client.audio.speech.create(model="m", voice="v", input="x"),
            openai.NotFoundError,
            404,
            "not_found",
        ),
    ],
    ids=["invalid", "stateful", "model", "path"],
)
def test_a_wrong_request_is_refused(sdk, upstream, shows, call, error, status, code):
    refused(sdk, call, error, status, code)
    assert upstream.received() == [], "nothing was sent on"
    shows("errors", row(status, code), sdk.name, error.__name__)


def test_a_wrong_key_is_an_authentication_error(form, bastion, shows):
    sdk = form(base_url=bastion.base_url, api_key="sk-not-ours")
    error = openai.AuthenticationError
    refused(sdk, lambda client: client.models.list(), error, 401, "invalid_api_key")
    sdk.close()
    shows("errors", row(401, "invalid_api_key"), sdk.name, error.__name__)


def test_a_revoked_key_ends_with_the_next_call(bastion, form):
    key = bastion.make_key(service="short-lived")
    sdk = form(base_url=bastion.base_url, api_key=key["api_key"])
    assert sdk.ask(lambda client: client.models.list()).data
    bastion.command("keys", "revoke", key["id"], "--force")
    refused(sdk, lambda c: c.models.list(), openai.AuthenticationError, 401, "invalid_api_key")
    sdk.close()


def test_a_body_that_is_too_large_is_told_so(sdk, upstream, shows):
    large = chat(messages=[{"role": "user", "content": "a" * (33 * 1024 * 1024)}])
    refused(sdk, large, openai.APIStatusError, 413, "payload_too_large")
    assert upstream.received() == []
    shows("errors", row(413, "payload_too_large"), sdk.name, "APIStatusError")


def test_a_keys_own_rate_is_a_rate_limit_error(form, bastion, shows):
    key = bastion.make_key("--rpm", "1")["api_key"]
    sdk = form(base_url=bastion.base_url, api_key=key, max_retries=0)
    sdk.ask(chat())
    cause = refused(sdk, chat(), openai.RateLimitError, 429, "rate_limit_exceeded")
    assert 1 <= int(cause.response.headers["retry-after"]) <= 60
    assert cause.response.headers["x-ratelimit-limit-requests"] == "1"
    assert cause.response.headers["x-ratelimit-remaining-requests"] == "0"
    sdk.close()
    shows("errors", row(429, "rate_limit_exceeded"), sdk.name, "RateLimitError")


@pytest.mark.parametrize(
    ("answered", "error", "status", "code"),
    [
        (400, openai.BadRequestError, 400, "invalid_request"),
        (429, openai.RateLimitError, 429, "rate_limit_exceeded"),
        (500, openai.InternalServerError, 502, "upstream_error"),
        (401, openai.InternalServerError, 502, "upstream_credentials"),
        (402, openai.InternalServerError, 503, "upstream_funds"),
        (503, openai.InternalServerError, 503, "service_unavailable"),
    ],
)
def test_an_upstreams_failure_is_what_it_is(strict, upstream, shows, answered, error, status, code):
    upstream.play(f"[[answer]]\nstatus = {answered}\n")
    with pytest.raises(openai.APIStatusError) as raised:
        strict.ask(chat())
    cause = raised.value
    assert (type(cause), cause.status_code, cause.code) == (error, status, code)
    assert cause.request_id.startswith("req_")
    if answered != 400:
        assert cause.request_id in cause.message
        shows("errors", row(status, code), strict.name, error.__name__)


def test_an_empty_account_is_no_error_that_is_retried(form, shows):
    simulated = Simulated("--balance", "0")
    sdk = form(base_url=simulated.base_url, api_key=UPSTREAM_KEY)
    try:
        with pytest.raises(openai.APIStatusError) as raised:
            sdk.ask(chat())
        assert type(raised.value) is openai.APIStatusError
        assert (raised.value.status_code, raised.value.code) == (402, "insufficient_funds")
        assert raised.value.request_id == "sim-1"
        assert len(simulated.received()) == 1
    finally:
        sdk.close()
        simulated.process.end()
    shows("errors", row(402, "insufficient_funds") + " (the simulated upstream's)", sdk.name, "APIStatusError")
