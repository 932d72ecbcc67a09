"""What goes on untouched: bytes of bodies, fields that nobody of us knows, headers of the list."""

import base64
import json

import httpx2 as httpx
import pytest

CHAT = "/v1/chat/completions"
CLIENT = "raw HTTP"


@pytest.fixture
def post(bastion, key):
    def send(path, body, **headers):
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json", **headers}
        answer = httpx.post(bastion.root_url + path, content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer

    return send


ODD = (
    '{ "x_unknown" : {"deep":[1,2.50,1e3,12345678901234567890123456789]},\n'
    '\t"model":"gpt-oss-20b", "messages":[{"role":"user","content":"caf\\u00e9 \\u2014 ☃",'
    '"x_more":null}], "temperature":0.10,  "seed":7 }'
)


def test_a_bodys_bytes_go_on_as_they_came(post, upstream, shows):
    body = ODD
    post(CHAT, body.encode())
    [request] = upstream.received()
    assert request["body"] == body
    how = "byte for byte: unknown fields, key order, digits of numbers, white space, escapes"
    shows("untouched", "a request's JSON body", CLIENT, how)


def test_an_alias_is_the_only_change(post, upstream, shows):
    body = ODD.replace("gpt-oss-20b", "small")
    post(CHAT, body.encode())
    [request] = upstream.received()
    assert request["body"] == body.replace('"small"', '"Qwen3-32B"')
    what = "a request's JSON body where `upstream_model` renames the model"
    shows("untouched", what, CLIENT, "all but the model's name")


def test_store_is_the_only_addition_to_a_response(post, upstream, shows):
    body = '{"input":"Hello", "x_unknown":1.0,"model":"gpt-oss-20b"}'
    post("/v1/responses", body.encode())
    [request] = upstream.received()
    told = request["body"]
    assert json.loads(told)["store"] is False
    assert told.replace('"store":false', "").strip("{},") == body.strip("{}")
    how = 'all; `"store":false` is added'
    shows("untouched", "a request to `responses` without `store`", CLIENT, how)


def test_the_listed_headers_go_on_and_no_others(post, upstream, shows):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    listed = {"openai-beta": "x=v1", "openai-organization": "org", "traceparent": trace}
    post(CHAT, ODD.encode(), **listed, **{"x-mine": "1", "cookie": "c=1"})
    [request] = upstream.received()
    assert {name: request["headers"][name] for name in listed} == listed
    sent = set(request["headers"])
    assert not {"x-mine", "cookie", "x-api-key"} & sent
    assert "httpx" not in request["headers"].get("user-agent", "")
    what = "request headers `openai-*`, `traceparent`, `tracestate`, `accept`, `content-type`"
    shows("untouched", what, CLIENT, "as they came; others only with `server.forward_headers`")


def test_an_answers_bytes_come_back_as_they_were(post, upstream, shows):
    body = (
        '{"x_unknown" : [1.50, 1e2], "object":"chat.completion","choices":[{"index":0,'
        '"message":{"role":"assistant","content":"caf\\u00e9"},"finish_reason":"stop"}]}'
    )
    headers = 'headers = { openai-version = "9" }'
    upstream.play(f"[[answer]]\nbody = {json.dumps(body)}\n{headers}\n")
    answer = post(CHAT, ODD.encode())
    assert answer.text == body
    assert answer.headers["openai-version"] == "9"
    [request] = upstream.received()
    assert answer.headers["bastion-upstream-request-id"] == f"sim-{request['n']}"
    shows("untouched", "an answer's body", CLIENT, "byte for byte")
    how = "as they came; the upstream's own `x-request-id` as `bastion-upstream-request-id`"
    shows("untouched", "answer headers `openai-*`, `content-type`", CLIENT, how)


def test_a_streams_bytes_come_back_as_they_were(post, upstream, shows):
    events = ['{"x" : 1.50,"choices":[{"index":0,"delta":{"content":"caf\\u00e9"}}]}', "[DONE]"]
    upstream.play(f"[[answer]]\nevents = {json.dumps(events)}\n")
    said = '"messages":[{"role":"user","content":"x"}]'
    answer = post(CHAT, f'{{"model":"gpt-oss-20b",{said},"stream":true}}'.encode())
    assert answer.text == "".join(f"data: {event}\n\n" for event in events)
    how = "byte for byte, but for the usage event that the caller did not ask for"
    shows("untouched", "a stream's events", CLIENT, how)


def test_a_transcriptions_parts_go_on(bastion, key, upstream, shows):
    recording = bytes(range(256)) * 40
    answer = httpx.post(
        f"{bastion.base_url}/audio/transcriptions",
        headers={"authorization": f"Bearer {key}"},
        data={"model": "whisper-large-v3", "x_unknown": "é 1.0"},
        files={"file": ("a b.wav", recording, "audio/wav")},
    )
    assert answer.status_code == 200, answer.text
    [request] = upstream.received()
    sent = base64.b64decode(request["body"])
    assert recording in sent and "é 1.0".encode() in sent and b'filename="a b.wav"' in sent
    how = "names, file names, types and bytes of every part, unknown ones too"
    shows("untouched", "a form's parts", CLIENT, how)
