"""The real OpenAI SDK, with only base_url and api_key swapped."""

import asyncio

import openai
import pytest

HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture(scope="session")
def client(bastion, key):
    return openai.OpenAI(base_url=bastion.base_url, api_key=key["api_key"], max_retries=0)


def test_the_models_are_listed(client):
    assert sorted(model.id for model in client.models.list()) == ["gpt-oss-20b", "small"]
    assert client.models.retrieve("small").owned_by == "simulated"


def test_a_chat_is_answered(client):
    raw = client.chat.completions.with_raw_response.create(model="gpt-oss-20b", messages=HELLO)
    answer = raw.parse()
    assert "simulated" in answer.choices[0].message.content
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.headers["bastion-upstream"] == "simulated"
    assert raw.headers["bastion-region"] == "CA"


def test_a_chat_is_streamed(client):
    stream = client.chat.completions.create(
        model="gpt-oss-20b", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    whole = client.chat.completions.create(model="gpt-oss-20b", messages=HELLO)
    assert "simulated" in text and "simulated" in whole.choices[0].message.content
    assert chunks[-1].usage.completion_tokens > 0
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"


def test_a_chat_is_streamed_to_an_async_client(bastion, key):
    async def talk():
        async with openai.AsyncOpenAI(base_url=bastion.base_url, api_key=key["api_key"]) as client:
            stream = await client.chat.completions.create(
                model="small", messages=HELLO, stream=True
            )
            return [chunk async for chunk in stream]

    chunks = asyncio.run(talk())
    assert len(chunks) > 5


@pytest.mark.parametrize(
    ("call", "error", "code"),
    [
        ({"model": "no-such-model", "messages": HELLO}, openai.NotFoundError, "model_not_found"),
        ({"model": "small", "messages": "x"}, openai.BadRequestError, "invalid_request"),
        (
            {"model": "small", "messages": HELLO, "store": True},
            openai.BadRequestError,
            "stateful_not_allowed",
        ),
    ],
)
def test_a_refusal_is_the_sdks_exception(client, call, error, code):
    with pytest.raises(error) as raised:
        client.chat.completions.create(**call)
    assert raised.value.code == code
    assert raised.value.request_id.startswith("req_")
    assert raised.value.request_id in raised.value.message


def test_a_wrong_key_is_an_authentication_error(bastion):
    client = openai.OpenAI(base_url=bastion.base_url, api_key="sk-not-ours", max_retries=0)
    with pytest.raises(openai.AuthenticationError) as raised:
        client.models.list()
    assert raised.value.code == "invalid_api_key"


def test_a_revoked_key_ends_with_the_next_call(bastion):
    key = bastion.make_key(service="short-lived")
    client = openai.OpenAI(base_url=bastion.base_url, api_key=key["api_key"], max_retries=0)
    assert client.models.list().data
    bastion.command("keys", "revoke", key["id"], "--force")
    with pytest.raises(openai.AuthenticationError):
        client.models.list()
