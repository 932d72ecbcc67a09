//! `GET /v1/models`: exactly what a key may use, of every kind.

use super::scene;
use crate::client::{Answer, Client};

fn ids(list: &Answer) -> Vec<String> {
    let list = list.json();
    let models = list["data"].as_array().unwrap();
    let mut ids: Vec<_> = models.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn the_list_is_what_this_key_may_use() {
    let scene = scene();
    let all = [
        "Qwen3-32B",
        "bge-m3",
        "ears",
        "gpt-oss-20b",
        "one-voice",
        "pictures",
        "renamed",
        "stable-diffusion-xl-base-v10",
        "tts-en-us",
        "vectors",
        "whisper-large-v3",
        "words",
    ];
    for environment in ["dev", "prod"] {
        let client = Client::new(scene.bastion.callers, &scene.bastion.key(environment, &[]));
        assert_eq!(ids(&client.get("/v1/models").await), all, "{environment}");
        for model in all {
            let one = client.get(&format!("/v1/models/{model}")).await;
            assert_eq!(one.json()["id"], model);
        }
    }
    let quebec = Client::new(scene.bastion.callers, &scene.bastion.key("quebec", &[]));
    assert_eq!(ids(&quebec.get("/v1/models").await), [""; 0], "no upstream is in its regions");
    scene.refused(&quebec.get("/v1/models/bge-m3").await, 404, "model_not_found");
    scene.refused(&quebec.get("/v1/models/gpt-9").await, 404, "model_not_found");
    assert_eq!(scene.upstream.log.entries().len(), 0, "the gateway answers by itself");
}
