//! Bad starts: each ends with 2 and one clear error that names the next step.
//!
//! No refused start may leave anything behind that a good one in the same folder stumbles over.

mod disk;

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::attempt::Attempt;
use crate::bastion::{Bastion, CONFIG, UPSTREAM_KEY, command};
use crate::client::Client;
use crate::scene::{CHAT, PROMPT, Scene};
use crate::upstream::Upstream;

/// Nobody's user and group.
const NOBODY: &str = "65534";

fn good_config() -> String {
    CONFIG.replace("{upstream}", "http://127.0.0.1:9/v1")
}

/// A folder with this configuration and nothing else.
fn folder(config: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bastion.toml"), config).unwrap();
    folder
}

/// A good start in the same folder: it accepts, and a key can be made.
fn starts_now(folder: TempDir, config: &str) -> Bastion {
    fs::write(folder.path().join("bastion.toml"), config).unwrap();
    let bastion = Bastion::start(folder, |_| {});
    bastion.key("dev", &[]);
    bastion
}

fn is_empty(data: &Path) -> bool {
    fs::read_dir(data).map_or(true, |mut entries| entries.next().is_none())
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_port_in_use_is_told_with_its_address_and_nothing_is_written() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for section in ["[server]", "[operator]"] {
        let free = format!("{section}\nlisten = \"127.0.0.1:0\"");
        let config = good_config().replace(&free, &free.replace("127.0.0.1:0", &address));
        assert!(config.contains(&address));
        let folder = folder(&config);
        Attempt::to_serve(folder.path()).is_refused(&[&address, "in use", "another port"]);
        assert!(is_empty(&folder.path().join("data")));
        starts_now(folder, &good_config());
    }
}

#[test]
fn an_address_of_another_machine_is_told_with_the_next_step() {
    let elsewhere = "[server]\nlisten = \"203.0.113.1:8080\"";
    let config = good_config().replace("[server]\nlisten = \"127.0.0.1:0\"", elsewhere);
    let folder = folder(&config);
    let attempt = Attempt::to_serve(folder.path());
    attempt.is_refused(&["203.0.113.1:8080", "address of this machine"]);
    assert!(is_empty(&folder.path().join("data")));
    starts_now(folder, &good_config());
}

#[test]
fn a_configuration_that_cannot_be_read_is_told_with_its_path() {
    let empty = tempfile::tempdir().unwrap();
    Attempt::to_serve(empty.path()).is_refused(&["bastion.toml", "bastion init", "--config"]);
    let named = Attempt::to(empty.path(), &["serve", "--config", "no/such.toml"]);
    named.is_refused(&["no/such.toml", "--config"]);
    fs::create_dir(empty.path().join("bastion.toml")).unwrap();
    Attempt::to_serve(empty.path()).is_refused(&["bastion.toml"]);
    fs::remove_dir(empty.path().join("bastion.toml")).unwrap();
    fs::write(empty.path().join("bastion.toml"), b"currency = \"\xff\"").unwrap();
    Attempt::to_serve(empty.path()).is_refused(&["bastion.toml"]);
    assert!(!empty.path().join("data").exists());
    starts_now(empty, &good_config());
}

#[test]
fn a_file_in_place_of_the_data_directory_is_told_and_left_alone() {
    let folder = folder(&good_config());
    let data = folder.path().join("data");
    fs::write(&data, "somebody's").unwrap();
    Attempt::to_serve(folder.path()).is_refused(&["data", "is not a folder", "data_dir"]);
    assert_eq!(fs::read_to_string(&data).unwrap(), "somebody's");
    fs::remove_file(&data).unwrap();
    starts_now(folder, &good_config());
}

#[test]
fn a_data_directory_in_a_place_that_may_not_be_written_is_told() {
    let folder = folder(&good_config());
    let binary = folder.path().join("bastion");
    let built = Path::new(env!("CARGO_BIN_EXE_bastion"));
    fs::hard_link(built, &binary).or_else(|_| fs::copy(built, &binary).map(drop)).unwrap();
    set_mode(folder.path(), 0o755);
    let locked = folder.path().join("locked");
    fs::create_dir(&locked).unwrap();
    set_mode(&locked, 0o555);
    let attempt = |data: &Path| {
        let mut serve = as_nobody(folder.path(), &binary);
        serve.env("BASTION_DATA_DIR", data).arg("serve");
        Attempt::of(serve)
    };
    for data in [locked.join("data"), locked.clone()] {
        attempt(&data).is_refused(&["locked", "not writable", "give it to the user"]);
    }
    assert!(is_empty(&locked));
    // A database that this user may read and not write.
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("bastion.db"), "").unwrap();
    fs::write(data.join("bastion.lock"), "").unwrap();
    for name in ["bastion.db", "bastion.lock"] {
        set_mode(&data.join(name), 0o444);
    }
    set_mode(&data, 0o555);
    attempt(&data).is_refused(&["bastion.lock", "not writable"]);
    for (name, mode) in [("", 0o755), ("bastion.db", 0o644), ("bastion.lock", 0o644)] {
        set_mode(&data.join(name), mode);
    }
    starts_now(folder, &good_config());
}

/// The binary as a user without rights; root may write everywhere.
fn as_nobody(folder: &Path, binary: &Path) -> Command {
    let plain = command(folder);
    let is_root = folder.metadata().unwrap().uid() == 0;
    let mut serve = if is_root { Command::new("setpriv") } else { Command::new(binary) };
    if is_root {
        serve.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]).arg(binary);
    }
    serve.env_clear().current_dir(folder);
    serve.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    serve
}

#[tokio::test]
async fn a_second_process_on_a_data_directory_learns_who_has_it_and_disturbs_nothing() {
    let scene = Scene::set();
    let pid = format!("process {};", scene.bastion.process());
    let second = Attempt::to_serve(scene.bastion.folder());
    second.is_refused(&["in use", &pid, "another data_dir"]);
    scene.tells_nothing(&second.stderr);
    scene.goes_on().await;
    starts_now(scene.bastion.into_folder(), &good_config());
}

#[test]
fn an_operators_token_that_others_can_read_is_refused_with_the_mend() {
    let bastion = Bastion::with(&good_config());
    let token = bastion.token();
    let folder = bastion.into_folder();
    let path = folder.path().join("data/operator.token");
    for mode in [0o644, 0o640, 0o604, 0o620] {
        set_mode(&path, mode);
        let attempt = Attempt::to_serve(folder.path());
        attempt.is_refused(&["operator.token", &format!("mode {mode:04o}"), "chmod 600"]);
        assert!(!attempt.stderr.contains(&token), "{}", attempt.stderr);
    }
    set_mode(&path, 0o600);
    assert_eq!(starts_now(folder, &good_config()).token(), token);
}

#[test]
fn a_variable_that_cannot_be_a_token_is_refused_and_not_repeated() {
    let folder = folder(&good_config());
    for token in
        ["", "short-secret", "with a space in the middle of it", "p\u{e4}sswort-p\u{e4}sswort"]
    {
        let mut serve = command(folder.path());
        serve.arg("serve").env("BASTION_OPERATOR_TOKEN", token);
        let attempt = Attempt::of(serve);
        attempt.is_refused(&["BASTION_OPERATOR_TOKEN", "at least 16"]);
        assert!(token.is_empty() || !attempt.stderr.contains(token), "{}", attempt.stderr);
    }
    starts_now(folder, &good_config());
}

#[test]
fn a_credential_in_a_file_that_others_can_read_does_not_start() {
    let config = good_config().replace("env:IT_UPSTREAM_KEY", "file:upstream.key");
    let folder = folder(&config);
    let key = folder.path().join("upstream.key");
    fs::write(&key, UPSTREAM_KEY).unwrap();
    for mode in [0o644, 0o640, 0o606] {
        set_mode(&key, mode);
        let attempt = Attempt::to_serve(folder.path());
        attempt.is_refused(&[
            "upstreams.simulated.api_key",
            "upstream.key",
            &format!("mode {mode:04o}"),
            "chmod 600",
        ]);
        assert!(!attempt.stderr.contains(UPSTREAM_KEY), "{}", attempt.stderr);
        assert!(is_empty(&folder.path().join("data")));
    }
    set_mode(&key, 0o600);
    starts_now(folder, &config);
}

#[tokio::test]
async fn a_credential_that_is_absent_starts_is_not_ready_and_is_never_the_callers_401() {
    let upstream = Upstream::start();
    let good = CONFIG.replace("{upstream}", &format!("http://{}/v1", upstream.address));
    for reference in ["env:IT_NO_SUCH_KEY", "file:no-such.key", "env:IT_EMPTY", "env:IT_TWO_LINES"]
    {
        let folder = folder(&good.replace("env:IT_UPSTREAM_KEY", reference));
        let bastion = Bastion::start(folder, |serve| {
            serve.env("IT_EMPTY", "").env("IT_TWO_LINES", "qbt_two\nlines_0123456789");
        });
        let told = bastion.log.wait_for("upstreams.simulated.api_key");
        assert!(told.contains(reference.split(':').nth(1).unwrap()), "{told}");
        let nobody = Client::with_text(bastion.callers, "");
        assert_eq!(nobody.get("/healthz").await.status, 200);
        let ready = nobody.get("/readyz").await;
        assert_eq!((ready.status, ready.text()), (503, "not ready".to_owned()), "no details");
        let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
        let answer = client.post(CHAT, &[], Scene::good_body()).await;
        assert_eq!(answer.refusal(), (502, "upstream_credentials".to_owned()));
        assert_eq!(answer.header("x-should-retry"), "false");
        assert!(!answer.text().contains(PROMPT) && !answer.text().contains("IT_"));
        assert!(!bastion.log.text().contains("two\\nlines"), "{}", bastion.log.text());
        let folder = bastion.into_folder();
        fs::write(folder.path().join("bastion.toml"), &good).unwrap();
        let bastion = Bastion::start(folder, |_| {});
        assert_eq!(Client::with_text(bastion.callers, "").get("/readyz").await.status, 200);
    }
    assert_eq!(upstream.log.entries().len(), 0);
}

#[test]
fn a_log_setting_that_is_nonsense_is_refused_with_what_is_allowed() {
    let folder = folder(&good_config());
    for nonsense in ["loud", "=", "info,,=x=", "verbose", "bastion=loud", "INFO!", "99"] {
        let mut serve = command(folder.path());
        serve.arg("serve").env("BASTION_LOG", nonsense);
        Attempt::of(serve).is_refused(&["BASTION_LOG", "error, warn, info, debug"]);
        assert!(is_empty(&folder.path().join("data")), "{nonsense}");
    }
    starts_now(folder, &good_config());
}

#[test]
fn a_log_setting_that_makes_sense_is_taken() {
    for sense in ["", "WARN", "info,hyper=debug", "bastion=trace,warn", "off"] {
        let bastion = Bastion::start(folder(&good_config()), |serve| {
            serve.env("BASTION_LOG", sense);
        });
        bastion.signal("TERM");
        assert_eq!({ bastion }.wait(), Some(0), "{sense}");
    }
}

#[test]
fn a_damaged_database_is_told_and_left_as_it_is() {
    let folder = folder(&good_config());
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let garbage = "this is no database ".repeat(500);
    fs::write(data.join("bastion.db"), &garbage).unwrap();
    Attempt::to_serve(folder.path()).is_refused(&["damaged", "restore a backup", "bastion.db"]);
    assert_eq!(fs::read_to_string(data.join("bastion.db")).unwrap(), garbage);
    fs::remove_file(data.join("bastion.db")).unwrap();
    starts_now(folder, &good_config());
}

#[test]
fn a_start_that_is_killed_half_way_leaves_nothing_that_stops_the_next_one() {
    let mut folder = folder(&good_config());
    // Wherever it is by then: before the folder is made, in a schema's step, or serving.
    for lines in 0..3 {
        let mut serve = command(folder.path());
        let mut child = serve.arg("serve").stderr(Stdio::null()).spawn().unwrap();
        let data = folder.path().join("data");
        let half = ["bastion.lock", "bastion.db-wal", "operator.token"][lines];
        let began = std::time::SystemTime::now();
        while !data.join(half).exists() && child.try_wait().unwrap().is_none() {
            assert!(began.elapsed().unwrap_or_default() < crate::bastion::LIMIT);
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        folder = starts_now(folder, &good_config()).into_folder();
        fs::remove_dir_all(folder.path().join("data")).unwrap();
    }
}
