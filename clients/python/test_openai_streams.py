"""How a stream ends: stopped by the caller, cut by the upstream."""

import openai
import pytest

MODEL = "gpt-oss-20b"
HELLO = [{"role": "user", "content": "Hello"}]


def chat(client):
    return client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)


def responses(client):
    return client.responses.create(model=MODEL, input="Hello", stream=True)


CALLS = [
    (chat, "chat_structured_stream", "/v1/chat/completions"),
    (responses, "responses_structured_stream", "/v1/responses"),
]


def left(log):
    """Has the upstream seen everybody leave?"""
    return log and all(entry["outcome"] == "closed_by_peer" for entry in log)


@pytest.mark.parametrize(("call", "answer", "path"), CALLS, ids=["chat", "responses"])
def test_a_stream_that_is_stopped_stops_the_upstream(sdk, upstream, shows, call, answer, path):
    upstream.answer(answer, path, "stall_after = 6\n")
    assert sdk.first(call)
    [entry] = upstream.wait_for(lambda log: left(log) and log, "the close at the upstream")
    assert entry["answered_status"] == 200
    shows("features", f"{call.__name__}: stopped mid-stream, the upstream's connection closes", sdk.name)


@pytest.mark.parametrize(("call", "answer", "path"), CALLS, ids=["chat", "responses"])
def test_a_stream_that_is_cut_raises(sdk, upstream, shows, call, answer, path):
    upstream.answer(answer, path, "cut_after = 6\n")
    with pytest.raises(openai.APIError) as raised:
        sdk.all(call)
    assert raised.value.code == "stream_interrupted"
    assert "req_" in raised.value.message
    shows("features", f"{call.__name__}: cut at the upstream, an exception", sdk.name)
