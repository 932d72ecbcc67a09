"""Models and chat through OpenAI's SDK, with only base_url and api_key swapped."""

MODEL = "gpt-oss-20b"
HELLO = [{"role": "user", "content": "Hello"}]


def test_the_models_are_listed(sdk, shows):
    listed = sdk.ask(lambda client: client.models.list())
    assert {"gpt-oss-20b", "small", "bge-m3"} <= {model.id for model in listed.data}
    assert sdk.ask(lambda client: client.models.retrieve("small")).owned_by == "simulated"
    shows("endpoints", "models", sdk.name)


def test_a_chat_is_answered(sdk, shows):
    raw = sdk.ask(
        lambda client: client.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO)
    )
    answer = raw.parse()
    assert "simulated" in answer.choices[0].message.content
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.headers["bastion-upstream"] == "simulated"
    assert raw.headers["bastion-region"] == "CA"
    assert answer._request_id == raw.headers["x-request-id"]
    shows("endpoints", "chat completions, whole", sdk.name)


def test_a_chat_is_streamed(sdk, shows):
    chunks = sdk.all(
        lambda client: client.chat.completions.create(
            model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert "simulated" in text
    assert chunks[-1].usage.completion_tokens > 0
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    shows("endpoints", "chat completions, streamed", sdk.name)


def test_usage_that_was_not_asked_for_does_not_come(sdk):
    chunks = sdk.all(
        lambda client: client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
    )
    assert len(chunks) > 5
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


def test_an_alias_answers_under_the_upstreams_name(sdk, upstream):
    answer = sdk.ask(lambda c: c.chat.completions.create(model="small", messages=HELLO))
    assert answer.choices[0].finish_reason == "stop"
    assert [request["model"] for request in upstream.received()] == ["Qwen3-32B"]
