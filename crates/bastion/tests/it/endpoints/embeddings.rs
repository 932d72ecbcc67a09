//! `POST /v1/embeddings`: every form of input, both encodings, and large ones.

use serde_json::json;

use super::{EMBEDDINGS, passes, record, roomy_scene, scene};

#[tokio::test]
async fn every_form_of_input_passes_in_both_encodings() {
    let scene = scene();
    for input in [r#""one text""#, r#"["two","texts"]"#, "[1,2,3]", "[[1,2],[3]]"] {
        for format in ["float", "base64"] {
            let body =
                format!(r#"{{"model":"bge-m3","input":{input},"encoding_format":"{format}"}}"#);
            let (answer, sent) = passes(&scene, EMBEDDINGS, &body).await;
            assert_eq!(sent, body);
            let first = &answer.json()["data"][0]["embedding"];
            assert_eq!(first.is_string(), format == "base64", "{input}");
        }
    }
}

#[tokio::test]
async fn a_thousand_long_texts_and_their_vectors_pass_whole() {
    let scene = roomy_scene();
    let texts: Vec<String> = (0..1000).map(|at| format!("{at} {}", "word ".repeat(400))).collect();
    let body = json!({"model": "bge-m3", "input": texts, "encoding_format": "base64"}).to_string();
    assert!(body.len() > 2_000_000);
    let answer = scene.client().post(EMBEDDINGS, &[], body.clone()).await;
    assert_eq!(answer.status, 200);
    let entry = scene.upstream.log.entries()[0].clone();
    assert_eq!(entry.body_bytes, u64::try_from(body.len()).unwrap());
    let vectors = answer.json();
    let vectors = vectors["data"].as_array().unwrap();
    assert_eq!(vectors.len(), 1000);
    // 1024 singles of four bytes, in letters of six bits.
    assert!(vectors.iter().all(|one| one["embedding"].as_str().unwrap().len() == 5464));
    let call = record(&scene, &answer).await;
    assert!(call["usage"]["input_tokens"].as_u64().unwrap() > 500_000, "{call}");
}
