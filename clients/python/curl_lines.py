"""A curl line for each endpoint: run by test_curl.py and printed in docs/compatibility.md.

`$BASE` is the gateway (such as http://127.0.0.1:8080), `$KEY` a caller's key.
"""

LINES = {
    "models": """\
curl "$BASE/v1/models" -H "authorization: Bearer $KEY\"""",
    "chat completions, whole": """\
curl "$BASE/v1/chat/completions" -H "authorization: Bearer $KEY" \\
  --json '{"model":"gpt-oss-20b","messages":[{"role":"user","content":"Hello"}]}'""",
    "chat completions, streamed": """\
curl -N "$BASE/v1/chat/completions" -H "authorization: Bearer $KEY" \\
  --json '{"model":"gpt-oss-20b","messages":[{"role":"user","content":"Hello"}],"stream":true}'""",
    "completions, whole": """\
curl "$BASE/v1/completions" -H "authorization: Bearer $KEY" \\
  --json '{"model":"gpt-oss-20b","prompt":"Hello"}'""",
    "completions, streamed": """\
curl -N "$BASE/v1/completions" -H "authorization: Bearer $KEY" \\
  --json '{"model":"gpt-oss-20b","prompt":"Hello","stream":true}'""",
    "responses, whole": """\
curl "$BASE/v1/responses" -H "authorization: Bearer $KEY" \\
  --json '{"model":"gpt-oss-20b","input":"Hello"}'""",
    "responses, streamed": """\
curl -N "$BASE/v1/responses" -H "authorization: Bearer $KEY" \\
  --json '{"model":"gpt-oss-20b","input":"Hello","stream":true}'""",
    "embeddings": """\
curl "$BASE/v1/embeddings" -H "authorization: Bearer $KEY" \\
  --json '{"model":"bge-m3","input":["Hello","Bye"]}'""",
    "images": """\
curl "$BASE/v1/images/generations" -H "authorization: Bearer $KEY" \\
  --json '{"model":"stable-diffusion-xl-base-v10","prompt":"a bastion","response_format":"b64_json"}'""",
    "speech (raw path)": """\
curl "$BASE/api/v1/tts/text_to_audio" -H "authorization: Bearer $KEY" -o said.wav \\
  --json '{"text":"Hello","language_code":"en-US","encoding":1,"sample_rate_hz":16000}'""",
    "transcriptions": """\
curl "$BASE/v1/audio/transcriptions" -H "authorization: Bearer $KEY" \\
  -F model=whisper-large-v3 -F file=@said.wav""",
}
