"""The other endpoints through OpenAI's SDK; speech by the path of the contract."""

import base64
import io
import math
import wave

import httpx2 as httpx
import openai
import pytest

HELLO = "Hello"
PNG = b"\x89PNG\r\n\x1a\n"


def recording(seconds=1, rate=8000):
    """A silent WAV."""
    whole = io.BytesIO()
    with wave.open(whole, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(b"\0\0" * rate * seconds)
    return whole.getvalue()


def test_a_prompt_is_completed(sdk, shows):
    answer = sdk.ask(lambda c: c.completions.create(model="gpt-oss-20b", prompt=[HELLO, "Bye"]))
    assert sorted(choice.index for choice in answer.choices) == [0, 1]
    assert answer.usage.total_tokens > 0
    shows("endpoints", "completions, whole", sdk.name)


def test_a_prompt_is_completed_as_a_stream(sdk, shows):
    chunks = sdk.all(
        lambda client: client.completions.create(model="gpt-oss-20b", prompt=HELLO, stream=True)
    )
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
    assert chunks[-1].choices[0].finish_reason
    shows("endpoints", "completions, streamed", sdk.name)


def test_a_response_is_given(sdk, upstream, shows):
    answer = sdk.ask(lambda c: c.responses.create(model="gpt-oss-20b", input=HELLO))
    assert answer.status == "completed" and answer.output_text
    assert answer.usage.output_tokens > 0
    assert '"store":false' in upstream.received()[0]["body"].replace(" ", "")
    shows("endpoints", "responses, whole", sdk.name)


def test_a_response_is_streamed(sdk, shows):
    events = sdk.all(
        lambda client: client.responses.create(model="gpt-oss-20b", input=HELLO, stream=True)
    )
    assert [event.type for event in events][:2] == ["response.created", "response.in_progress"]
    assert events[-1].type == "response.completed"
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == events[-1].response.output_text
    numbers = [event.sequence_number for event in events]
    assert numbers == sorted(numbers)
    shows("endpoints", "responses, streamed", sdk.name)


@pytest.mark.parametrize("field", ["previous_response_id", "conversation", "background", "store"])
def test_a_response_with_state_is_refused(sdk, field):
    value = "resp_1" if field in ("previous_response_id", "conversation") else True
    with pytest.raises(openai.BadRequestError) as raised:
        sdk.ask(lambda c: c.responses.create(model="gpt-oss-20b", input=HELLO, **{field: value}))
    assert raised.value.code == "stateful_not_allowed"


@pytest.mark.parametrize("form_of_numbers", ["float", "base64"])
def test_texts_are_embedded(sdk, upstream, shows, form_of_numbers):
    answer = sdk.ask(
        lambda client: client.embeddings.create(
            model="bge-m3", input=[HELLO, "Bye"], encoding_format=form_of_numbers
        )
    )
    assert [one.index for one in answer.data] == [0, 1]
    for one in answer.data:
        vector = one.embedding
        if isinstance(vector, str):
            vector = memoryview(base64.b64decode(vector)).cast("f").tolist()
        assert len(vector) == 1024
        assert math.isclose(math.fsum(x * x for x in vector), 1, rel_tol=1e-3)
    assert answer.usage.prompt_tokens > 0
    shows("endpoints", "embeddings", sdk.name)


def test_texts_are_embedded_as_the_sdk_asks_by_itself(sdk):
    """Without `encoding_format` the SDK asks for base64 and decodes it."""
    answer = sdk.ask(lambda c: c.embeddings.create(model="bge-m3", input=HELLO))
    assert len(answer.data[0].embedding) == 1024
    assert isinstance(answer.data[0].embedding[0], float)


def test_an_image_is_made(sdk, shows):
    answer = sdk.ask(
        lambda client: client.images.generate(
            model="stable-diffusion-xl-base-v10",
            prompt="a bastion",
            n=2,
            size="256x256",
            response_format="b64_json",
        )
    )
    assert [base64.b64decode(image.b64_json)[:8] for image in answer.data] == [PNG, PNG]
    shows("endpoints", "images", sdk.name)


@pytest.mark.parametrize("written", ["json", "verbose_json", "text"])
def test_a_recording_is_transcribed(sdk, upstream, shows, written):
    answer = sdk.ask(
        lambda client: client.audio.transcriptions.create(
            model="whisper-large-v3",
            file=("said.wav", recording(), "audio/wav"),
            language="en",
            response_format=written,
        )
    )
    text = answer if written == "text" else answer.text
    assert isinstance(text, str) and text.strip()
    [request] = upstream.received()
    assert request["body_bytes"] > len(recording())
    shows("endpoints", "transcriptions", sdk.name)


def test_a_recording_that_is_too_large_is_told_so(sdk, upstream, shows):
    large = ("said.wav", b"\0" * (26 * 1024 * 1024), "audio/wav")
    with pytest.raises(openai.APIStatusError) as raised:
        sdk.ask(lambda c: c.audio.transcriptions.create(model="whisper-large-v3", file=large))
    assert (raised.value.status_code, raised.value.code) == (413, "payload_too_large")
    assert upstream.received() == []
    shows("features", "a recording of 26 MB is a 413", sdk.name)


def test_a_text_is_spoken(sdk, bastion, shows):
    """The SDK's raw call: the path of the contract is none of OpenAI's."""
    body = {"text": HELLO, "language_code": "en-US", "encoding": 1, "sample_rate_hz": 16000}
    answer = sdk.ask(
        lambda client: client.post(
            f"{bastion.root_url}/api/v1/tts/text_to_audio", cast_to=httpx.Response, body=body
        )
    )
    assert answer.headers["content-type"].startswith("audio/")
    with wave.open(io.BytesIO(answer.content)) as sound:
        assert sound.getframerate() == 16000 and sound.getnframes() > 0
    shows("endpoints", "speech (raw path)", sdk.name)
