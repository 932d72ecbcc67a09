//! The endpoints beside chat: valid in form, the same under a seed, simulated and saying so.
//!
//! They must never hold anything of a prompt.

use bastion_sim::Outcome;
use serde_json::{Value, json};

use crate::client::{End, KEY, Reply, begin, finish, send, send_form};
use crate::upstream::Upstream;

const SECRET: &str = "a secret prompt";

async fn post(upstream: &Upstream, path: &str, body: Value) -> Reply {
    let reply = send(upstream.address, "POST", path, Some(KEY), body.to_string().as_bytes()).await;
    assert_eq!(reply.header("x-simulated"), Some("true"));
    assert!(!String::from_utf8_lossy(&reply.body).contains(SECRET));
    reply
}

async fn refused(upstream: &Upstream, path: &str, body: Value, expect: (u16, &str)) {
    let told = body.to_string();
    let reply = post(upstream, path, body).await;
    assert_eq!((reply.status, reply.code().as_str()), expect, "{path} {told}");
}

/// Name and data of each event.
fn typed(reply: &Reply) -> Vec<(String, Value)> {
    let frames = reply.text().split("\n\n").filter(|frame| !frame.is_empty());
    let event = |frame: &str| {
        let (name, data) = frame.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap();
        (name.to_owned(), serde_json::from_str(data).unwrap())
    };
    frames.map(event).collect()
}

fn unbase64(text: &str) -> Vec<u8> {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = |letter| u32::try_from(letters.find(letter).unwrap()).unwrap();
    let mut bytes = Vec::new();
    for group in text.trim_end_matches('=').as_bytes().chunks(4) {
        let word = group.iter().fold(0, |word, letter| (word << 6) | bits(char::from(*letter)));
        let word = (word << (6 * (4 - group.len()))).to_be_bytes();
        bytes.extend_from_slice(&word[1..group.len()]);
    }
    bytes
}

#[tokio::test]
async fn completions_answer_each_prompt_and_stream_to_done() {
    let upstream = Upstream::seeded(1);
    let asked = json!({"model": "Qwen3-32B", "prompt": [SECRET, "b"], "n": 2, "max_tokens": 20});
    let whole = post(&upstream, "/v1/completions", asked).await.json();
    assert_eq!(
        (&whole["object"], &whole["system_fingerprint"]),
        (&"text_completion".into(), &"simulated".into())
    );
    assert_eq!(whole["choices"].as_array().unwrap().len(), 4);
    assert!(
        whole["choices"][3]["text"].as_str().unwrap().starts_with("This is a simulated answer")
    );
    assert_eq!(whole["usage"]["prompt_tokens"], 5);
    let asked = json!({"model": "Qwen3-32B", "prompt": "a", "stream": true,
        "stream_options": {"include_usage": true}});
    let stream = post(&upstream, "/v1/completions", asked).await;
    let events = stream.events();
    assert_eq!((stream.end, events.last()), (End::Clean, Some(&"[DONE]")));
    let chunks: Vec<Value> =
        events[..events.len() - 1].iter().map(|data| serde_json::from_str(data).unwrap()).collect();
    let text: String = chunks.iter().filter_map(|one| one["choices"][0]["text"].as_str()).collect();
    assert!(text.starts_with("This is a simulated answer"), "{text}");
    let (last, others) = chunks.split_last().unwrap();
    assert_eq!(last["usage"]["completion_tokens"], 16, "the default limit");
    assert!(others.iter().all(|one| one["usage"].is_null()));
    assert_eq!(others.last().unwrap()["choices"][0]["finish_reason"], "length");
    let other = json!({"model": "bge-m3", "prompt": "a"});
    refused(&upstream, "/v1/completions", other, (404, "model_not_found")).await;
}

#[tokio::test]
async fn a_response_is_told_in_typed_events_and_ends_without_done() {
    let upstream = Upstream::seeded(1);
    let asked =
        |stream| json!({"model": "gpt-oss-20b", "input": SECRET, "store": false, "stream": stream});
    let whole = post(&upstream, "/v1/responses", asked(false)).await.json();
    assert_eq!((&whole["object"], &whole["status"]), (&"response".into(), &"completed".into()));
    assert_eq!(whole["output"][0]["type"], "reasoning");
    let text = whole["output"][1]["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("This is a simulated answer"), "{text}");
    assert!(whole["usage"]["output_tokens_details"]["reasoning_tokens"].as_u64().unwrap() > 0);
    let stream = post(&upstream, "/v1/responses", asked(true)).await;
    assert_eq!(stream.end, End::Clean);
    assert!(!stream.text().contains("[DONE]"));
    let events = typed(&stream);
    let names: Vec<_> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names[..3],
        ["response.created", "response.in_progress", "response.output_item.added"]
    );
    assert_eq!(names.last(), Some(&"response.completed"));
    for (number, (name, data)) in events.iter().enumerate() {
        assert_eq!(
            (&data["type"], &data["sequence_number"]),
            (&name.as_str().into(), &number.into())
        );
    }
    let deltas = events.iter().filter(|(name, _)| name == "response.output_text.delta");
    let told: String = deltas.map(|(_, data)| data["delta"].as_str().unwrap()).collect();
    let last = &events.last().unwrap().1["response"];
    assert_eq!(last["output"][1]["content"][0]["text"], told.as_str());
    assert!(last["usage"]["total_tokens"].as_u64().unwrap() > 0);
    assert!(events[0].1["response"]["usage"].is_null());
}

#[tokio::test]
async fn a_response_that_would_be_kept_is_502_and_a_limit_makes_it_incomplete() {
    let upstream = Upstream::seeded(1);
    let kept = json!({"model": "gpt-oss-20b", "input": SECRET});
    refused(&upstream, "/v1/responses", kept, (502, "upstream_error")).await;
    let other = json!({"model": "Mistral-7B-Instruct-v0.3", "input": "a", "store": false});
    refused(&upstream, "/v1/responses", other, (404, "model_not_found")).await;
    let short = json!({"model": "Qwen3-32B", "input": [{"role": "user", "content": "a"}],
        "store": false, "max_output_tokens": 3, "stream": true});
    let events = typed(&post(&upstream, "/v1/responses", short).await);
    let (name, data) = events.last().unwrap();
    assert_eq!(name, "response.incomplete");
    assert_eq!(data["response"]["incomplete_details"]["reason"], "max_output_tokens");
    assert_eq!(data["response"]["usage"]["output_tokens"], 3);
}

#[tokio::test]
async fn embeddings_have_their_models_dimensions_and_length_one_in_both_encodings() {
    let upstream = Upstream::seeded(1);
    for (model, dimensions) in
        [("bge-m3", 1024), ("Qwen3-Embedding-8B", 4096), ("bge-multilingual-gemma2", 3584)]
    {
        let asked =
            |format| json!({"model": model, "input": [SECRET, "b"], "encoding_format": format});
        let floats = post(&upstream, "/v1/embeddings", asked("float")).await.json();
        let coded = post(&upstream, "/v1/embeddings", asked("base64")).await.json();
        assert_eq!(floats["usage"], json!({"prompt_tokens": 5, "total_tokens": 5}));
        assert_eq!((&floats["simulated"], &floats["data"][1]["index"]), (&true.into(), &1.into()));
        for at in 0..2 {
            let bytes = unbase64(coded["data"][at]["embedding"].as_str().unwrap());
            let singles = bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()));
            let singles: Vec<f64> = singles.map(f64::from).collect();
            let numbers = floats["data"][at]["embedding"].as_array().unwrap();
            assert_eq!((singles.len(), numbers.len()), (dimensions, dimensions));
            let length = singles.iter().map(|place| place * place).sum::<f64>().sqrt();
            assert!((length - 1.0).abs() < 1e-4, "{length}");
            let same =
                |(single, number): (&f64, &Value)| (single - number.as_f64().unwrap()).abs() < 1e-7;
            assert!(singles.iter().zip(numbers).all(same));
        }
    }
    let short = json!({"model": "bge-m3", "input": [[1, 2], [3]], "dimensions": 8});
    let short = post(&upstream, "/v1/embeddings", short).await.json();
    assert_eq!(short["data"][1]["embedding"].as_array().unwrap().len(), 8);
    let wrong = json!({"model": "bge-m3", "input": "a", "encoding_format": "hex"});
    refused(&upstream, "/v1/embeddings", wrong, (400, "invalid_request")).await;
    let chat = json!({"model": "Qwen3-32B", "input": "a"});
    refused(&upstream, "/v1/embeddings", chat, (404, "model_not_found")).await;
}

#[tokio::test]
async fn images_are_pictures_or_where_they_would_be() {
    let upstream = Upstream::seeded(1);
    let asked = |format: &str| {
        json!({"model": "stable-diffusion-xl-base-v10", "prompt": SECRET,
        "n": 2, "size": "64x32", "response_format": format})
    };
    let whole = post(&upstream, "/v1/images/generations", asked("b64_json")).await.json();
    assert_eq!((whole["data"].as_array().unwrap().len(), &whole["simulated"]), (2, &true.into()));
    let png = unbase64(whole["data"][0]["b64_json"].as_str().unwrap());
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x40\0\0\0\x20"));
    assert!(png.windows(9).any(|part| part == b"simulated"));
    let place = post(&upstream, "/v1/images/generations", asked("url")).await.json();
    let url = place["data"][0]["url"].as_str().unwrap();
    assert!(url.starts_with("https://simulated.invalid/images/"), "{url}");
    refused(&upstream, "/v1/images/generations", asked("gif"), (400, "invalid_request")).await;
    for (field, value) in [("n", json!(11)), ("size", json!("9000x1")), ("prompt", json!(5))] {
        let mut wrong = asked("url");
        wrong[field] = value;
        refused(&upstream, "/v1/images/generations", wrong, (400, "invalid_request")).await;
    }
}

#[tokio::test]
async fn a_recording_is_told_as_json_text_or_in_full() {
    let upstream = Upstream::seeded(1);
    let file = vec![7; 24_000];
    let told = async |format: &str| {
        let fields =
            [("model", "whisper-large-v3"), ("language", "fr"), ("response_format", format)];
        send_form(upstream.address, "/v1/audio/transcriptions", &fields, &file).await
    };
    let json = told("json").await.json();
    let text = json["text"].as_str().unwrap();
    assert!(text.starts_with("This is a simulated transcript of 24000 bytes."), "{text}");
    assert_eq!(json["usage"], json!({"type": "duration", "seconds": 2}));
    let plain = told("text").await;
    assert_eq!(plain.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(plain.text().trim_end(), text);
    let verbose = told("verbose_json").await.json();
    assert_eq!((&verbose["language"], &verbose["duration"]), (&"fr".into(), &1.5.into()));
    assert_eq!(verbose["segments"][0]["text"], text);
    assert_eq!(told("gif").await.status, 400);
    assert_eq!(upstream.log.entries()[0].model.as_deref(), Some("whisper-large-v3"));
    let fields = [("model", "Qwen3-32B")];
    let other = send_form(upstream.address, "/v1/audio/transcriptions", &fields, &file).await;
    assert_eq!((other.status, other.code().as_str()), (404, "model_not_found"));
    let fields = [("model", "whisper-large-v3")];
    let long = vec![0; 25_000_001];
    let long = send_form(upstream.address, "/v1/audio/transcriptions", &fields, &long).await;
    assert_eq!((long.status, long.code().as_str()), (413, "payload_too_large"));
    let none = json!({"model": "whisper-large-v3"});
    refused(&upstream, "/v1/audio/transcriptions", none, (400, "invalid_request")).await;
}

#[tokio::test]
async fn speech_is_audio_in_every_encoding_and_never_a_voice() {
    let upstream = Upstream::seeded(1);
    let path = "/api/v1/tts/text_to_audio";
    let asked = |encoding: Value| {
        json!({"text": "ten letters", "language_code": "en-US",
        "encoding": encoding, "sample_rate_hz": 16_000, "voice_name": "any"})
    };
    for (number, name, content_type, begins) in [
        (1, "LINEAR_PCM", "audio/wav", "RIFF"),
        (2, "FLAC", "audio/flac", "fLaC"),
        (3, "MULAW", "audio/wav", "RIFF"),
        (4, "ALAW", "audio/wav", "RIFF"),
        (5, "OGGOPUS", "audio/ogg", "OggS"),
    ] {
        let reply = post(&upstream, path, asked(number.into())).await;
        assert_eq!((reply.status, reply.end), (200, End::Clean));
        assert_eq!(reply.header("content-type"), Some(content_type));
        assert!(reply.body.starts_with(begins.as_bytes()), "{name}");
        assert!(reply.body.windows(9).any(|part| part == b"simulated"), "{name}");
        assert_eq!(post(&upstream, path, asked(name.into())).await.status, 200);
    }
    let wav = post(&upstream, path, asked(1.into())).await.body;
    // 11 characters of 60 ms at 16 kHz, two bytes each.
    assert_eq!(wav[wav.len() - 21_120 - 8..][..4], *b"data");
    for (field, value) in [
        ("language_code", json!("xx-XX")),
        ("encoding", json!(6)),
        ("sample_rate_hz", json!(1)),
        ("text", Value::Null),
    ] {
        let mut wrong = asked(1.into());
        wrong[field] = value;
        refused(&upstream, path, wrong, (400, "invalid_request")).await;
    }
}

#[tokio::test]
async fn a_script_plays_its_faults_on_every_endpoint() {
    let upstream = Upstream::scripted(
        "[[answer]]\nmatch = { endpoint = \"speech\" }\ncut_after = 9000\n\
         [[answer]]\nmatch = { endpoint = \"responses\" }\ncut_after = 4\n\
         [[answer]]\nmatch = { endpoint = \"transcriptions\", model = \"whisper-large-v3\" }\nstatus = 503\n\
         [[answer]]\nmatch = { endpoint = \"embeddings\" }\ncut_after = 10\n\
         [[answer]]\nmatch = { endpoint = \"images\" }\nbody = { data = [] }\n\
         [[answer]]\nmatch = { endpoint = \"completions\" }\nstall_after = 2\n",
    );
    let speech = json!({"text": "a longer text than one piece", "language_code": "de-DE"});
    let cut = post(&upstream, "/api/v1/tts/text_to_audio", speech).await;
    assert_eq!((cut.body.len(), cut.end), (9000, End::Torn));
    let response = json!({"model": "Qwen3-32B", "input": "a", "store": false, "stream": true});
    let cut = post(&upstream, "/v1/responses", response).await;
    assert_eq!((typed(&cut).len(), cut.end), (4, End::Torn));
    let fields = [("model", "whisper-large-v3")];
    let told = send_form(upstream.address, "/v1/audio/transcriptions", &fields, b"x").await;
    assert_eq!((told.status, told.code().as_str()), (503, "service_unavailable"));
    let vectors = json!({"model": "bge-m3", "input": "a"});
    let cut = post(&upstream, "/v1/embeddings", vectors).await;
    assert_eq!((cut.body.len(), cut.end), (10, End::Torn));
    let image = json!({"model": "stable-diffusion-xl-base-v10", "prompt": "a"});
    assert_eq!(post(&upstream, "/v1/images/generations", image).await.json(), json!({"data": []}));
    let text = json!({"model": "Qwen3-32B", "prompt": "a", "stream": true}).to_string();
    let stalled =
        begin(upstream.address, "POST", "/v1/completions", Some(KEY), text.as_bytes()).await;
    let stalls = |entry: &bastion_sim::LogEntry| entry.outcome == Some(Outcome::Stalled);
    assert!(upstream.log.wait_for(|all| all.iter().any(stalls), crate::upstream::SOON).await);
    upstream.drained().await;
    assert_eq!(finish(stalled).await.end, End::Torn);
}
