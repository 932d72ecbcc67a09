"""LangChain on top of OpenAI's SDK, with only base_url and api_key swapped."""

import asyncio

import openai
import pydantic
import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

NAME = "LangChain"
MODEL = "gpt-oss-20b"
CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"


@tool
def weather(city: str, unit: str) -> str:
    """The weather of a city."""
    return f"-7 {unit} in {city}"


class Cold(pydantic.BaseModel):
    """How cold it is."""

    city: str
    celsius: int


@pytest.fixture
def model(bastion, key):
    return ChatOpenAI(base_url=bastion.base_url, api_key=key, model=MODEL, stream_usage=True)


@pytest.fixture
def responder(bastion, key):
    """LangChain over the responses endpoint."""
    return ChatOpenAI(base_url=bastion.base_url, api_key=key, model=MODEL, use_responses_api=True)


def test_a_chat_is_answered(model, shows):
    answer = model.invoke("Hello")
    assert "simulated" in answer.content
    assert answer.usage_metadata["total_tokens"] > 0
    shows("endpoints", "chat completions, whole", NAME)


def test_a_chat_is_streamed(model, shows):
    chunks = list(model.stream("Hello"))
    assert "simulated" in "".join(chunk.content for chunk in chunks)
    assert len(chunks) > 5
    whole = sum(chunks[1:], chunks[0])
    assert whole.usage_metadata["output_tokens"] > 0
    shows("endpoints", "chat completions, streamed", NAME)


async def all_of(stream):
    return [chunk async for chunk in stream]


def test_a_chat_is_streamed_to_an_async_caller(model):
    chunks = asyncio.run(all_of(model.astream("Hello")))
    assert "simulated" in "".join(chunk.content for chunk in chunks)


def test_a_tool_is_called_and_its_answer_told(model, upstream, shows):
    upstream.answer("chat_tool_call", CHAT, "times = 1\n")
    with_tool = model.bind_tools([weather])
    said = [HumanMessage("How cold is Montréal?")]
    call = with_tool.invoke(said)
    said += [call, *(weather.invoke(one) for one in call.tool_calls)]
    assert isinstance(said[-1], ToolMessage) and said[-1].content == "-7 celsius in Montréal"
    assert with_tool.invoke(said).content
    assert len(upstream.received()) == 2
    shows("features", "tool call, whole", NAME)


def test_a_tool_call_is_streamed(model, upstream, shows):
    upstream.answer("chat_tool_call_stream", CHAT)
    chunks = list(model.bind_tools([weather]).stream("How cold is Montréal?"))
    [call] = sum(chunks[1:], chunks[0]).tool_calls
    assert call["args"] == {"city": "Montréal", "unit": "celsius"}
    shows("features", "tool call, streamed", NAME)


def test_a_structured_answer_is_parsed(model, upstream, shows):
    upstream.answer("chat_structured", CHAT)
    assert model.with_structured_output(Cold).invoke("?") == Cold(city="Montréal", celsius=-7)
    shows("features", "structured answer, whole", NAME)


def test_a_response_is_given(responder, shows):
    assert responder.invoke("Hello").text
    shows("endpoints", "responses, whole", NAME)


def test_a_response_is_streamed(responder, shows):
    chunks = list(responder.stream("Hello"))
    assert "".join(chunk.text for chunk in chunks)
    shows("endpoints", "responses, streamed", NAME)


def test_a_responses_tool_call_is_streamed(responder, upstream, shows):
    upstream.answer("responses_tool_call_stream", RESPONSES)
    chunks = list(responder.bind_tools([weather]).stream("How cold is Montréal?"))
    [call] = sum(chunks[1:], chunks[0]).tool_calls
    assert call["args"] == {"city": "Montréal", "unit": "celsius"}
    shows("features", "responses: tool call, streamed", NAME)


def test_documents_are_embedded(bastion, key, shows):
    """As texts: LangChain's own cutting into tokens is for OpenAI's models alone."""
    embeddings = OpenAIEmbeddings(
        base_url=bastion.base_url, api_key=key, model="bge-m3", check_embedding_ctx_length=False
    )
    vectors = embeddings.embed_documents(["Hello", "Bye"])
    assert [len(vector) for vector in vectors] == [1024, 1024]
    shows("endpoints", "embeddings", NAME)


def test_a_structured_answer_is_streamed(model, upstream, shows):
    upstream.answer("chat_structured_stream", CHAT)
    structured = model.with_structured_output(Cold)
    assert list(structured.stream("?"))[-1] == Cold(city="Montréal", celsius=-7)
    shows("features", "structured answer, streamed", NAME)


def test_a_stream_that_is_stopped_stops_the_upstream(model, responder, upstream, shows):
    for talk, kind, path in ((model, "chat", CHAT), (responder, "responses", RESPONSES)):
        upstream.forget()
        upstream.answer(f"{kind}_structured_stream", path, "stall_after = 6\n")
        stream = talk.stream("Hello")
        assert next(stream) is not None
        stream.close()
        upstream.wait_for(
            lambda log: log and all(entry["outcome"] == "closed_by_peer" for entry in log),
            "the close at the upstream",
        )
        shows("features", f"{kind}: stopped mid-stream, the upstream's connection closes", NAME)


def test_a_stream_that_is_cut_raises(model, responder, upstream, shows):
    for talk, kind, path in ((model, "chat", CHAT), (responder, "responses", RESPONSES)):
        upstream.answer(f"{kind}_structured_stream", path, "cut_after = 6\n")
        with pytest.raises(openai.APIError) as raised:
            list(talk.stream("Hello"))
        assert raised.value.code == "stream_interrupted"
        shows("features", f"{kind}: cut at the upstream, an exception", NAME)


def test_three_tries_of_ours_are_not_multiplied(model, upstream, shows):
    for _ in range(4):
        model.invoke("Hello")
    upstream.forget()
    upstream.play("[[answer]]\nstatus = 500\n")
    with pytest.raises(openai.InternalServerError):
        model.invoke("Hello")
    assert len(upstream.received()) == 3
    shows("features", "requests at an upstream that always fails", NAME, "3")


@pytest.mark.parametrize(
    ("asked", "error", "status", "code"),
    [
        ({"model": "none-such"}, openai.NotFoundError, 404, "model_not_found"),
        ({"api_key": "sk-not-ours"}, openai.AuthenticationError, 401, "invalid_api_key"),
        ({"max_tokens": -1}, openai.BadRequestError, 400, "invalid_request"),
        ({"store": True}, openai.BadRequestError, 400, "stateful_not_allowed"),
    ],
)
def test_an_error_is_the_sdks(bastion, key, shows, asked, error, status, code):
    model = ChatOpenAI(**{"base_url": bastion.base_url, "api_key": key, "model": MODEL, **asked})
    with pytest.raises(error) as raised:
        model.invoke("Hello")
    assert (raised.value.status_code, raised.value.code) == (status, code)
    assert raised.value.request_id.startswith("req_")
    shows("errors", f"{status} `{code}`", NAME, error.__name__)


def test_a_keys_own_rate_is_a_rate_limit_error(bastion, shows):
    key = bastion.make_key("--rpm", "1")["api_key"]
    model = ChatOpenAI(base_url=bastion.base_url, api_key=key, model=MODEL, max_retries=0)
    model.invoke("Hello")
    with pytest.raises(openai.RateLimitError):
        model.invoke("Hello")
    shows("errors", "429 `rate_limit_exceeded`", NAME, "RateLimitError")
