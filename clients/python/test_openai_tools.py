"""Tools, parsed and structured answers: OpenAI's SDK builds objects of what comes through us."""

import json

import openai
import pydantic

MODEL = "gpt-oss-20b"
CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
ASK = [{"role": "user", "content": "How cold is Montréal?"}]
CITY = "Montréal"


class Weather(pydantic.BaseModel):
    """The weather of a city."""

    city: str
    unit: str


class Cold(pydantic.BaseModel):
    city: str
    celsius: int


CHAT_TOOL = openai.pydantic_function_tool(Weather, name="weather")
RESPONSES_TOOL = openai.pydantic_function_tool(Weather, name="weather")["function"]


def asked(upstream):
    """The one body that the upstream received."""
    [request] = upstream.received()
    return json.loads(request["body"])


def test_a_chats_tool_call_is_parsed(sdk, upstream, shows):
    upstream.answer("chat_tool_call", CHAT)
    answer = sdk.ask(
        lambda client: client.chat.completions.parse(model=MODEL, messages=ASK, tools=[CHAT_TOOL])
    )
    [call] = answer.choices[0].message.tool_calls
    assert call.function.parsed_arguments == Weather(city=CITY, unit="celsius")
    assert asked(upstream)["tools"] == [CHAT_TOOL]
    shows("features", "tool call, whole", sdk.name)


def test_a_chats_tool_call_is_streamed_and_answered(sdk, upstream, shows):
    upstream.answer("chat_tool_call_stream", CHAT)
    events, answer = sdk.managed(
        lambda client: client.chat.completions.stream(model=MODEL, messages=ASK, tools=[CHAT_TOOL]),
        lambda stream: stream.get_final_completion(),
    )
    done = [e for e in events if e.type == "tool_calls.function.arguments.done"]
    assert [event.parsed_arguments for event in done] == [Weather(city=CITY, unit="celsius")]
    [call] = answer.choices[0].message.tool_calls
    upstream.forget()
    told = [
        *ASK,
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": "weather", "arguments": call.function.arguments},
                }
            ],
        },
        {"role": "tool", "tool_call_id": call.id, "content": "-7"},
    ]
    last = sdk.ask(lambda client: client.chat.completions.create(model=MODEL, messages=told))
    assert last.choices[0].message.content
    assert asked(upstream)["messages"] == told
    shows("features", "tool call, streamed", sdk.name)


def test_a_chats_structured_answer_is_parsed(sdk, upstream, shows):
    upstream.answer("chat_structured", CHAT)
    answer = sdk.ask(
        lambda client: client.chat.completions.parse(
            model=MODEL, messages=ASK, response_format=Cold
        )
    )
    assert answer.choices[0].message.parsed == Cold(city=CITY, celsius=-7)
    assert asked(upstream)["response_format"]["type"] == "json_schema"
    shows("features", "structured answer, whole", sdk.name)


def test_a_chats_structured_answer_is_parsed_as_it_comes(sdk, upstream, shows):
    upstream.answer("chat_structured_stream", CHAT)
    events, answer = sdk.managed(
        lambda client: client.chat.completions.stream(
            model=MODEL, messages=ASK, response_format=Cold
        ),
        lambda stream: stream.get_final_completion(),
    )
    assert [e.parsed for e in events if e.type == "content.done"] == [Cold(city=CITY, celsius=-7)]
    assert answer.choices[0].message.parsed == Cold(city=CITY, celsius=-7)
    shows("features", "structured answer, streamed", sdk.name)


def test_a_responses_tool_call_is_parsed(sdk, upstream, shows):
    upstream.answer("responses_tool_call", RESPONSES)
    tool = {"type": "function", **RESPONSES_TOOL}
    answer = sdk.ask(lambda c: c.responses.parse(model=MODEL, input="How cold?", tools=[tool]))
    [call] = answer.output
    assert call.type == "function_call" and call.call_id == "call_weather_1"
    assert json.loads(call.arguments) == {"city": CITY, "unit": "celsius"}
    assert asked(upstream)["store"] is False
    shows("features", "responses: tool call, whole", sdk.name)


def test_a_responses_tool_call_is_streamed(sdk, upstream, shows):
    upstream.answer("responses_tool_call_stream", RESPONSES)
    tool = {"type": "function", **RESPONSES_TOOL}
    events, answer = sdk.managed(
        lambda c: c.responses.stream(model=MODEL, input="How cold?", tools=[tool]),
        lambda stream: stream.get_final_response(),
    )
    deltas = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
    assert json.loads("".join(deltas)) == {"city": CITY, "unit": "celsius"}
    assert answer.output[0].name == "weather"
    shows("features", "responses: tool call, streamed", sdk.name)


def test_a_responses_structured_answer_is_parsed(sdk, upstream, shows):
    upstream.answer("responses_structured", RESPONSES)
    answer = sdk.ask(lambda c: c.responses.parse(model=MODEL, input="?", text_format=Cold))
    assert answer.output_parsed == Cold(city=CITY, celsius=-7)
    assert asked(upstream)["text"]["format"]["type"] == "json_schema"
    shows("features", "responses: structured answer, whole", sdk.name)


def test_a_responses_structured_answer_is_parsed_as_it_comes(sdk, upstream, shows):
    upstream.answer("responses_structured_stream", RESPONSES)
    events, answer = sdk.managed(
        lambda c: c.responses.stream(model=MODEL, input="?", text_format=Cold),
        lambda stream: stream.get_final_response(),
    )
    assert [e.type for e in events][:2] == ["response.created", "response.in_progress"]
    assert events[-1].type == "response.completed"
    assert answer.output_parsed == Cold(city=CITY, celsius=-7)
    shows("features", "responses: structured answer, streamed", sdk.name)
