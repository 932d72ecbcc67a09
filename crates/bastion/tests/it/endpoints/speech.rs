//! `POST /api/v1/tts/text_to_audio`: the model by language and voice, the audio as it comes.

use bastion_sim::Outcome;
use http_body_util::BodyExt;
use serde_json::json;

use super::{SPEECH, passes, patient_scene, record, refused, scene};
use crate::client::piece;

const ASKED: &str = r#"{"text":"a text of some length","language_code":"en-US"}"#;

#[tokio::test]
async fn every_encoding_passes_byte_for_byte_with_its_type() {
    let scene = scene();
    for (encoding, content_type) in
        [(1, "audio/wav"), (2, "audio/flac"), (3, "audio/wav"), (4, "audio/wav"), (5, "audio/ogg")]
    {
        let body =
            ASKED.replace('}', &format!(r#","encoding":{encoding},"sample_rate_hz":16000}}"#));
        let (answer, sent) = passes(&scene, SPEECH, &body).await;
        assert_eq!((sent.as_str(), answer.header("content-type")), (body.as_str(), content_type));
        let call = record(&scene, &answer).await;
        assert_eq!((&call["model"], &call["endpoint"]), (&json!("tts-en-us"), &json!("speech")));
        assert_eq!(call["usage"]["characters"], 21);
    }
}

#[tokio::test]
async fn the_first_bytes_come_before_the_last_are_made() {
    let scene = scene();
    // The upstream says nothing more behind its first piece: what comes, comes at once.
    scene.upstream.play("[[answer]]\nstall_after = 8192\n");
    let answer = scene.client().stream(SPEECH, &[], ASKED).await;
    assert_eq!(answer.status(), 200);
    let mut body = answer.into_body();
    let mut read = 0;
    while read < 8192 {
        read += piece(&mut body).await.unwrap().len();
    }
    assert_eq!(read, 8192);
    let stalls = |one: &bastion_sim::LogEntry| one.outcome == Some(Outcome::Stalled);
    scene.upstream.wait_for(|all| all.iter().any(stalls)).await;
    drop(body);
    let closed = |one: &bastion_sim::LogEntry| one.outcome == Some(Outcome::ClosedByPeer);
    scene.upstream.wait_for(|all| all.iter().any(closed)).await;
}

#[tokio::test]
async fn a_language_and_a_voice_find_their_model_or_are_refused() {
    let scene = scene();
    let ada = r#"{"text":"a","language_code":"de-de","voice_name":"Ada"}"#;
    let (answer, _) = passes(&scene, SPEECH, ada).await;
    assert_eq!(record(&scene, &answer).await["model"], "one-voice");
    scene.upstream.log.clear();
    for (body, field) in [
        (r#"{"text":"a","language_code":"xx-XX"}"#, "language_code"),
        (r#"{"text":"a","language_code":"de-DE"}"#, "voice_name"),
        (r#"{"text":"a","language_code":"de-DE","voice_name":"Bob"}"#, "voice_name"),
        (r#"{"text":"a"}"#, "language_code"),
        (r#"{"language_code":"en-US"}"#, "text"),
        (r#"{"text":5,"language_code":"en-US"}"#, "text"),
    ] {
        refused(&scene, SPEECH, body, (400, "invalid_request", Some(field))).await;
    }
    let unknown = scene.client().post(SPEECH, &[], r#"{"text":"a","language_code":"xx-XX"}"#).await;
    assert!(unknown.text().contains("de-DE, en-US"), "what is spoken is told: {}", unknown.text());
}

#[tokio::test]
async fn audio_that_breaks_off_never_ends_well() {
    let scene = scene();
    scene.upstream.play("[[answer]]\ncut_after = 9000\n");
    let answer = scene.client().stream(SPEECH, &[], ASKED).await;
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    let mut body = answer.into_body();
    let mut read = 0;
    while read < 9000 {
        read += piece(&mut body).await.expect("it ended well").len();
    }
    assert_eq!(read, 9000, "what was said before goes on");
    assert!(body.collect().await.is_err(), "the connection is cut, too");
    let call = scene.bastion.last_call(&id).await;
    assert_eq!(
        (&call["stream"], &call["code"]),
        (&json!("interrupted"), &json!("stream_interrupted"))
    );
    assert_eq!(call["usage"]["characters"], 21);
}

#[tokio::test]
async fn what_fails_before_the_first_byte_is_tried_again_unheard() {
    let scene = patient_scene();
    for first in [
        "cut_after = 0",
        "status = 503",
        // A success that is JSON is no audio.
        "body = { audio = \"UklGRg==\" }",
        "body = \"\"\nheaders = { content-type = \"audio/wav\" }",
    ] {
        scene.upstream.play(&format!("[[answer]]\nmatch = {{ nth = 1 }}\n{first}\n"));
        let answer = scene.client().post(SPEECH, &[], ASKED).await;
        assert_eq!((answer.status, answer.header("bastion-attempts")), (200, "2"), "{first}");
        assert!(answer.body.starts_with(b"RIFF"));
    }
}

#[tokio::test]
async fn an_upstream_that_sends_audio_as_json_is_a_failure() {
    let scene = scene();
    scene.upstream.play("[[answer]]\nheaders = { content-type = \"application/json\" }\n");
    let answer = scene.client().post(SPEECH, &[], ASKED).await;
    scene.refused(&answer, 502, "upstream_error");
    let usage = &record(&scene, &answer).await["usage"];
    assert_eq!((&usage["characters"], &usage["estimated"]), (&json!(21), &json!(true)));
}
