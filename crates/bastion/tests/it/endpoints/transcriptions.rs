//! `POST /v1/audio/transcriptions`: a form goes on whole, its file kept by nobody.

use std::os::unix::fs::MetadataExt;

use hyper::body::Bytes;
use serde_json::json;

use super::form::{CONTENT_TYPE, Form};
use super::{MODELS, TRANSCRIPTIONS, direct, patient_scene, record, roomy_scene, scene};
use crate::bastion::{Bastion, CONFIG};
use crate::client::{Answer, Client, whole};
use crate::scene::Scene;
use crate::upstream::Upstream;

async fn send(scene: &Scene, form: Bytes) -> Answer {
    let answer = scene.client().post(TRANSCRIPTIONS, &[CONTENT_TYPE], form).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

/// A file that no boundary stands in and every byte does.
fn file(length: usize) -> Vec<u8> {
    (0..=255).cycle().take(length).collect()
}

#[tokio::test]
async fn a_form_goes_on_whatever_stands_first_and_each_format_comes_back() {
    let scene = scene();
    let file = file(200_000);
    for format in ["json", "text", "verbose_json"] {
        let first = Form::default().file(&file).text("model", "whisper-large-v3");
        let last = Form::default().text("model", "whisper-large-v3").file(&file);
        for form in [first, last] {
            let form = form.text("response_format", format).text("language", "fr").whole();
            let answer = send(&scene, form.clone()).await;
            let expected = direct(&scene).post(TRANSCRIPTIONS, &[CONTENT_TYPE], form).await;
            assert_eq!(answer.text(), expected.text());
            assert_eq!(answer.header("content-type"), expected.header("content-type"));
            assert!(answer.text().contains("200000 bytes"), "{}", answer.text());
        }
    }
}

#[tokio::test]
async fn every_part_goes_on_and_only_the_models_name_changes() {
    let scene = scene();
    let form = Form::default()
        .text("prompt", "h\u{e9}, \r\n--x")
        .text("model", "ears")
        .file(b"RIFF")
        .text("timestamp_granularities[]", "word")
        .text("timestamp_granularities[]", "segment")
        .part("; name=\"x_unknown\"\r\nContent-Type: application/json", b"{\"a\":1.50}");
    let answer = send(&scene, form.whole()).await;
    assert_eq!(record(&scene, &answer).await["model"], "ears");
    let entry = scene.upstream.log.entries()[0].clone();
    assert_eq!(entry.model.as_deref(), Some("whisper-large-v3"));
    let sent = &*entry.body;
    for part in [
        "name=\"prompt\"\r\n\r\nh\u{e9}, \r\n--x\r\n",
        "name=\"model\"\r\n\r\nwhisper-large-v3\r\n",
        "name=\"file\"; filename=\"speech.wav\"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n",
        "name=\"timestamp_granularities[]\"\r\n\r\nword\r\n",
        "name=\"timestamp_granularities[]\"\r\n\r\nsegment\r\n",
        "name=\"x_unknown\"\r\nContent-Type: application/json\r\n\r\n{\"a\":1.50}\r\n",
    ] {
        assert!(sent.contains(part), "{part:?} in {sent}");
    }
    assert!(!sent.contains("ears"), "{sent}");
    let length: u64 = entry.headers["content-length"].parse().unwrap();
    assert_eq!(length, entry.body_bytes, "its length is known");
}

#[tokio::test]
async fn a_large_form_is_sent_again_whole() {
    let scene = patient_scene();
    scene.upstream.play("[[answer]]\nmatch = { nth = 1 }\nstatus = 503\n[[answer]]\nmatch = { nth = 2 }\ncut_after = 3\n");
    let form = Form::default().file(&file(5_000_000)).text("model", "ears").whole();
    let answer = send(&scene, form).await;
    assert_eq!(answer.header("bastion-attempts"), "3");
    assert!(answer.text().contains("5000000 bytes"), "{}", answer.text());
    let lengths: Vec<_> = scene.upstream.log.entries().iter().map(|one| one.body_bytes).collect();
    assert_eq!(lengths, [lengths[0]; 3]);
    assert!(lengths[0] > 5_000_000);
}

#[tokio::test]
async fn the_largest_file_passes_and_one_byte_more_does_not() {
    let scene = roomy_scene();
    let form = |length| Form::default().file(&file(length)).text("model", "ears").whole();
    let answer = send(&scene, form(25_000_000)).await;
    assert!(answer.text().contains("25000000 bytes"), "{}", answer.text());
    let answer = scene.client().post(TRANSCRIPTIONS, &[CONTENT_TYPE], form(25_000_001)).await;
    scene.refused(&answer, 413, "payload_too_large");
}

/// Files of a process that have no name any more: the place they were at, and their mode.
fn nameless(process: u32, folder: &std::path::Path) -> Vec<u32> {
    let descriptors = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let mode = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.ok()?.path();
        let target = std::fs::read_link(&path).ok()?;
        let is_ours = target.starts_with(folder) && target.to_string_lossy().ends_with("(deleted)");
        is_ours.then(|| std::fs::metadata(&path).ok().map(|told| told.mode() & 0o777))?
    };
    descriptors.filter_map(mode).collect()
}

#[tokio::test]
async fn a_spooled_file_has_no_name_is_nobody_elses_and_is_gone_afterwards() {
    let upstream = Upstream::start();
    upstream.play("[[answer]]\nmatch = { nth = 1 }\ndelay_ms = 3600000\n");
    let folder = tempfile::tempdir().unwrap();
    let room = tempfile::tempdir().unwrap();
    let place = room.path().canonicalize().unwrap();
    let config = CONFIG.replace("{upstream}", &format!("http://{}/v1", upstream.address)) + MODELS;
    let config = config.replace("answer = \"2s\"", "answer = \"60s\"");
    std::fs::write(folder.path().join("bastion.toml"), config).unwrap();
    let bastion = Bastion::start(folder, |serve| {
        serve.env("TMPDIR", &place);
    });
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    let form = Form::default().file(&file(3_000_000)).text("model", "ears").whole();
    let (other, sent) = (client.clone(), form.clone());
    let call = bastion_runtime::Tasks::new().spawn(async move {
        whole(other.stream(TRANSCRIPTIONS, &[CONTENT_TYPE], sent).await).await
    });
    upstream.wait_for(|all| all.iter().any(|one| one.body_bytes > 3_000_000)).await;
    assert_eq!(nameless(bastion.process(), &place), [0o600]);
    assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0, "it has no name");
    call.abort();
    upstream.wait_for(|all| all.iter().all(|one| one.closed_at.is_some())).await;
    bastion.call_with_code("caller_left").await;
    assert_eq!(nameless(bastion.process(), &place), [0_u32; 0], "nothing is left");
    let answer = client.post(TRANSCRIPTIONS, &[CONTENT_TYPE], form).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!(nameless(bastion.process(), &place), [0_u32; 0], "nor after a good call");
    let small = Form::default().file(b"RIFF").text("model", "ears").whole();
    let answer = client.post(TRANSCRIPTIONS, &[CONTENT_TYPE], small).await;
    let call = bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!((&call["endpoint"], &call["status"]), (&json!("transcriptions"), &json!(200)));
}
