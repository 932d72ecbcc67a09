//! A disk that becomes full under a gateway that runs: nothing is sent without a hold, and all
//! recovers when there is room.
//!
//! No test here may fill a disk that others use: it brings its own.

use std::path::PathBuf;
use std::process::Command;

use crate::bastion::{Bastion, CONFIG, LIMIT, command};
use crate::client::{Answer, CHAT, Client};
use crate::cost::priced;
use crate::postgres::{fill, is_root};
use crate::upstream::Upstream;

/// What the operators show: the file with the token is on the disk that nobody else sees.
const TOKEN: &str = "it_operator_token_on_a_small_disk";

/// The data directory is a disk of its own, which goes with the process.
const ON_A_SMALL_DISK: &str = r#"
    mkdir data && mount -t tmpfs -o size=8m,mode=700 tmpfs data && exec "$0" serve
"#;

fn on_a_small_disk(config: &str) -> Bastion {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bastion.toml"), config).unwrap();
    let plain = command(folder.path());
    let mut shell = Command::new("unshare");
    shell.args(["-m", "sh", "-c", ON_A_SMALL_DISK, env!("CARGO_BIN_EXE_bastion")]);
    shell.env_clear().current_dir(folder.path()).env("BASTION_OPERATOR_TOKEN", TOKEN);
    shell.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Bastion::run(folder, shell)
}

async fn first(client: &Client, status: u16) -> Answer {
    let ask = async {
        loop {
            let answer = client.chat(CHAT).await;
            if answer.status == status {
                return answer;
            }
        }
    };
    tokio::time::timeout(LIMIT, ask).await.unwrap_or_else(|_| panic!("never {status}"))
}

#[tokio::test]
async fn a_disk_that_becomes_full_takes_no_holds_until_there_is_room() {
    if !is_root() {
        eprintln!("not shown: only root may mount");
        return;
    }
    let upstream = Upstream::start();
    let config = CONFIG.replace("{upstream}", &format!("http://{}/v1", upstream.address));
    let bastion = on_a_small_disk(&priced(&config));
    let operators = Client::with_text(bastion.operators, TOKEN);
    let made = operators.post("/admin/v1/keys", &[], r#"{"environment":"dev","service":"it"}"#);
    let made = made.await.json();
    let client = Client::with_text(bastion.callers, made["api_key"].as_str().unwrap());
    let mut cap = command(bastion.folder());
    cap.env("BASTION_OPERATOR_TOKEN", TOKEN).args(["cap", "set", "--env", "dev", "1000.00"]);
    let server = format!("http://{}", bastion.operators);
    assert!(cap.args(["--server", &server]).status().unwrap().success());
    first(&client, 200).await;
    let inside = bastion.folder().join("data").display().to_string();
    let filler = fill(&PathBuf::from(format!("/proc/{}/root{inside}", bastion.process())));
    first(&client, 503).await;
    let sent = upstream.sent();
    for _ in 0..10 {
        let answer = client.chat(CHAT).await;
        assert_eq!(answer.refusal(), (503, "service_unavailable".to_owned()), "{}", answer.text());
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(upstream.sent(), sent, "nothing is sent without a hold");
    bastion.log.wait_for("the disk that holds the data directory is full");
    std::fs::remove_file(filler).unwrap();
    first(&client, 200).await;
    let settled = async {
        loop {
            let verdict = operators.get("/admin/v1/ledger/verify").await.json();
            assert!(verdict["ok"] == true, "{verdict}");
            if verdict["holds_open"] == 0 {
                return;
            }
        }
    };
    tokio::time::timeout(LIMIT, settled).await.expect("something stays held");
}
