//! Bad keys: every way in which a credential is wrong, gone or elsewhere is 401, at once.
//!
//! A key that is refused must never open anything, and never show up in an answer or in the log.

use std::process::Output;
use std::time::Duration;

use bastion_types::{ApiKey, EnvironmentName, KeyId};
use serde_json::Value;

use crate::bastion::{Bastion, Key, LIMIT};
use crate::client::{Answer, Client};
use crate::scene::{CHAT, Scene};
use crate::wire::Wire;

/// Between two looks at something that time alone changes.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A caller with these credential lines and no other.
async fn answered(scene: &Scene, lines: &str, path: &str) -> Answer {
    let body = Scene::good_body();
    let method = if path == CHAT { "POST" } else { "GET" };
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n");
    let mut wire = Wire::open(scene.bastion.callers).await;
    wire.send(format!("{head}{lines}\r\n{body}")).await;
    wire.answer().await
}

/// 401 at every endpoint, in these words, without a word of the credential.
async fn locked_out(scene: &Scene, lines: &str, says: &str) {
    for path in [CHAT, "/v1/models", "/v1/models/gpt-oss-20b"] {
        let answer = answered(scene, lines, path).await;
        scene.refused(&answer, 401, "invalid_api_key");
        let text = answer.text();
        assert!(text.contains(says), "{lines}: {text}");
        let credential = lines.trim().rsplit([' ', ':']).next().unwrap();
        assert!(credential.len() < 8 || !text.contains(credential), "{lines}: {text}");
        assert_eq!(answer.header("x-should-retry"), "", "SDKs do not retry a 401 anyway");
    }
}

fn bearer(key: &str) -> String {
    format!("authorization: Bearer {key}\r\n")
}

/// A command's answer for programs.
fn told(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn rotated(scene: &Scene, options: &[&str]) -> Key {
    let begin = ["keys", "rotate", &scene.key.id, "--json"];
    let answer = told(&scene.bastion.command(&[&begin[..], options].concat()));
    assert_eq!(answer["id"], scene.key.id, "the id stays");
    let text = answer["api_key"].as_str().unwrap().to_owned();
    Key { id: scene.key.id.clone(), text }
}

/// Waits until a key opens nothing any more, and gives the answer that says so.
async fn until_refused(client: &Client) -> Answer {
    let refused = async {
        let mut looks = tokio::time::interval(LOOK_AGAIN);
        loop {
            looks.tick().await;
            let answer = client.get("/v1/models").await;
            if answer.status != 200 {
                return answer;
            }
        }
    };
    tokio::time::timeout(LIMIT, refused).await.expect("the key still opens")
}

#[tokio::test]
async fn no_credential_and_one_that_cannot_be_read_are_told_apart() {
    let scene = Scene::set();
    let key = scene.key.text.clone();
    locked_out(&scene, "", "no key; send").await;
    let unreadable = [
        "authorization: Basic dXNlcjpwYXNzd29yZA==\r\n".to_owned(),
        format!("authorization: Basic {key}\r\n"),
        format!("authorization: {key}\r\n"),
        format!("authorization: Bearer{key}\r\n"),
        "authorization: Bearer\r\n".to_owned(),
        "authorization: Bearer  \r\n".to_owned(),
        "authorization:\r\n".to_owned(),
        "authorization: Bearer b\u{e4}st_dev\r\n".to_owned(),
        format!("{}x-api-key: sk-other-0123456789\r\n", bearer(&key)),
        format!("{}x-api-key: {key}\r\n", bearer("sk-other-0123456789")),
        format!("{}x-api-key: \r\n", bearer(&key)),
        format!("x-api-key: {key}\r\nx-api-key: {key}\r\n"),
    ];
    for lines in unreadable {
        locked_out(&scene, &lines, "the credential cannot be read").await;
    }
    for lines in [
        bearer(&key),
        format!("x-api-key: {key}\r\n"),
        format!("{}x-api-key: {key}\r\n", bearer(&key)),
    ] {
        assert_eq!(answered(&scene, &lines, "/v1/models").await.status, 200, "{lines}");
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_key_that_is_not_ours_is_told_as_such() {
    let scene = Scene::set();
    let token = scene.bastion.token();
    let foreign = [
        "sk-proj-0123456789abcdef0123456789abcdef",
        crate::bastion::UPSTREAM_KEY,
        &token,
        "null",
        "BST_dev_AAAAAAAAAAAA_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "' OR 1=1 --",
        &"a".repeat(20_000),
    ];
    for key in foreign {
        locked_out(&scene, &bearer(key), "not a key of this gateway").await;
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_key_with_any_letter_changed_lost_or_in_the_wrong_case_is_mistyped() {
    let scene = Scene::set();
    let key = scene.key.text.clone();
    let swap = |letter: char| match letter {
        letter if letter.is_lowercase() => letter.to_ascii_uppercase(),
        letter => letter.to_ascii_lowercase(),
    };
    let (begin, rest) = key.split_at("bst_".len());
    let last = if key.ends_with('0') { "1" } else { "0" };
    let middle = key.len() / 2;
    let other = if key.as_bytes()[middle] == b'7' { "8" } else { "7" };
    let mistyped = [
        format!("{}{last}", &key[..key.len() - 1]),
        format!("{}{other}{}", &key[..middle], &key[middle + 1..]),
        key[..key.len() - 1].to_owned(),
        format!("{key}0"),
        format!("{begin}{}", rest.chars().map(swap).collect::<String>()),
        format!("{begin}{}", rest.to_lowercase()),
        key.replace("_dev_", "_DEV_"),
        key.replace("_dev_", "_prod_"),
        key.replace("_dev_", "_"),
        begin.to_owned(),
        format!("{begin}{}", "_".repeat(70)),
    ];
    for key in mistyped {
        locked_out(&scene, &bearer(&key), "the key is mistyped").await;
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_well_formed_key_that_is_nobodys_is_unknown_whatever_of_it_is_known() {
    let scene = Scene::set();
    let name = |name| EnvironmentName::parse(name).unwrap();
    let id = KeyId::parse(&scene.key.id).unwrap();
    let keys = [
        ApiKey::generate(&name("dev")).unwrap(),
        ApiKey::generate(&name("nowhere")).unwrap(),
        ApiKey::generate_for(&name("dev"), id).unwrap(),
        ApiKey::generate_for(&name("prod"), id).unwrap(),
    ];
    for key in keys {
        locked_out(&scene, &bearer(key.reveal()), "no such key; ask the operators").await;
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_bad_key_goes_before_a_bad_body() {
    let scene = Scene::set();
    let stranger = Client::with_text(scene.bastion.callers, "sk-other-0123456789");
    let answer = stranger.post(CHAT, &[("idempotency-key", "a")], "{").await;
    scene.refused(&answer, 401, "invalid_api_key");
    scene.goes_on().await;
}

#[tokio::test]
async fn a_revocation_counts_from_the_next_request_on_a_connection_that_is_open() {
    let scene = Scene::set();
    let mut wire = Wire::open(scene.bastion.callers).await;
    wire.send(scene.good_request()).await;
    assert_eq!(wire.answer().await.status, 200);
    let revoked = scene.bastion.command(&["keys", "revoke", &scene.key.id, "--force", "--json"]);
    assert_eq!(told(&revoked)["status"], "revoked");
    wire.send(scene.good_request()).await;
    let answer = wire.answer().await;
    scene.refused(&answer, 401, "invalid_api_key");
    assert!(answer.text().contains("was revoked"), "{}", answer.text());
    locked_out(&scene, &bearer(&scene.key.text), "was revoked").await;
    assert_eq!(scene.upstream.log.entries().len(), 1);
    scene.tells_nothing(&scene.bastion.log.text());
    // Nor does another start bring it back.
    let Scene { upstream, bastion, key } = scene;
    let scene = Scene { bastion: Bastion::start(bastion.into_folder(), |_| {}), upstream, key };
    locked_out(&scene, &bearer(&scene.key.text), "was revoked").await;
    let again = scene.bastion.key("dev", &[]);
    Scene { key: again, ..scene }.goes_on_after(1).await;
}

#[tokio::test]
async fn a_key_expires_when_it_was_said() {
    let scene = Scene::set();
    let key = scene.bastion.key("dev", &["--expires", "2s"]);
    let client = Client::new(scene.bastion.callers, &key);
    assert_eq!(client.get("/v1/models").await.status, 200);
    let answer = until_refused(&client).await;
    scene.refused(&answer, 401, "invalid_api_key");
    assert!(answer.text().contains("the key has expired"), "{}", answer.text());
    locked_out(&scene, &bearer(&key.text), "the key has expired").await;
    let rotate = scene.bastion.command(&["keys", "rotate", &key.id]);
    assert_eq!(rotate.status.code(), Some(1), "an expired key is not brought back");
    scene.goes_on().await;
}

#[tokio::test]
async fn a_rotation_with_now_ends_the_old_secret_at_once_and_keeps_the_id() {
    let scene = Scene::set();
    let mut wire = Wire::open(scene.bastion.callers).await;
    wire.send(scene.good_request()).await;
    assert_eq!(wire.answer().await.status, 200);
    let new = rotated(&scene, &["--now"]);
    wire.send(scene.good_request()).await;
    scene.refused(&wire.answer().await, 401, "invalid_api_key");
    locked_out(&scene, &bearer(&scene.key.text), "revoked").await;
    scene.tells_nothing(&scene.bastion.log.text());
    Scene { key: new, ..scene }.goes_on_after(1).await;
}

#[tokio::test]
async fn a_rotation_with_overlap_keeps_both_secrets_until_it_is_over() {
    let scene = Scene::set();
    let new = rotated(&scene, &["--overlap", "2s"]);
    let (old, fresh) = (scene.client(), Client::new(scene.bastion.callers, &new));
    assert_eq!(old.get("/v1/models").await.status, 200);
    assert_eq!(fresh.get("/v1/models").await.status, 200);
    let answer = until_refused(&old).await;
    scene.refused(&answer, 401, "invalid_api_key");
    assert_eq!(fresh.get("/v1/models").await.status, 200);
    scene.tells_nothing(&scene.bastion.log.text());
    Scene { key: new, ..scene }.goes_on().await;
}

#[tokio::test]
async fn a_key_of_an_environment_that_the_listener_leaves_out_is_not_served() {
    let only_prod = "[server]\nenvironments = [\"prod\"]";
    let scene = Scene::with(|config| config.replace("[server]", only_prod));
    locked_out(&scene, &bearer(&scene.key.text), "keys of this environment are not served").await;
    let prod = scene.bastion.key("prod", &[]);
    Scene { key: prod, ..scene }.goes_on().await;
}

#[tokio::test]
async fn a_key_with_traffic_is_not_revoked_without_being_told_to() {
    let scene = Scene::set();
    assert_eq!(scene.client().chat(&Scene::good_body()).await.status, 200);
    let output = scene.bastion.command(&["keys", "revoke", &scene.key.id]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(output.stdout.is_empty());
    for part in ["still has traffic", "keys rotate", "--force"] {
        assert!(stderr.contains(part), "{stderr}");
    }
    scene.tells_nothing(&stderr);
    scene.goes_on_after(1).await;
    let output = scene.bastion.command(&["keys", "revoke", &scene.key.id, "--force"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    locked_out(&scene, &bearer(&scene.key.text), "was revoked").await;
    let unused = scene.bastion.key("dev", &[]);
    let output = scene.bastion.command(&["keys", "revoke", &unused.id]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    locked_out(&scene, &bearer(&unused.text), "was revoked").await;
}

#[tokio::test]
async fn a_key_whose_environment_is_gone_from_the_configuration_opens_nothing() {
    let scene = Scene::set();
    let text = std::fs::read_to_string(scene.bastion.config_file()).unwrap();
    std::fs::write(scene.bastion.config_file(), text.replace("[environments.dev]\n", "")).unwrap();
    let Scene { upstream, bastion, key } = scene;
    let scene = Scene { bastion: Bastion::start(bastion.into_folder(), |_| {}), upstream, key };
    locked_out(&scene, &bearer(&scene.key.text), "keys of this environment are not served").await;
    let prod = scene.bastion.key("prod", &[]);
    Scene { key: prod, ..scene }.goes_on().await;
}

#[tokio::test]
async fn at_the_most_talkative_log_no_key_and_no_prompt_is_told() {
    let scene = Scene::set();
    let Scene { upstream, bastion, key } = scene;
    let loud = Bastion::start(bastion.into_folder(), |serve| {
        serve.env("BASTION_LOG", "trace");
    });
    let scene = Scene { bastion: loud, upstream, key };
    let mistyped = format!("{}x", scene.key.text);
    locked_out(&scene, &bearer(&mistyped), "mistyped").await;
    locked_out(&scene, "authorization: Basic czNjcjN0LXBhc3N3b3Jk\r\n", "cannot be read").await;
    scene.client().chat("{").await;
    scene.goes_on().await;
    scene.bastion.signal("TERM");
    scene.bastion.log.wait_for("drained");
    let log = scene.bastion.log.text();
    scene.tells_nothing(&log);
    assert!(!log.contains("czNjcjN0"), "{log}");
}
