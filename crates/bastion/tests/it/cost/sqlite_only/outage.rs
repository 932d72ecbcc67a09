//! The database is away: nothing is sent without a hold, and all recovers by itself.
//!
//! It must never wait for luck: the lock is taken and let go by the test.

use std::process::{Command, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::client::CHAT;
use crate::cost::{AWAY, Till};
use crate::reliability::figure;

/// Another process that has the database to itself.
struct Locked {
    child: std::process::Child,
}

impl Locked {
    fn take(database: &std::path::Path) -> Locked {
        let script = "import sqlite3, sys\n\
                      db = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)\n\
                      db.execute('BEGIN IMMEDIATE')\n\
                      print('locked', flush=True)\n\
                      sys.stdin.read()\n";
        let mut child = Command::new("python3")
            .args(["-c", script])
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut told = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut told, &mut line).unwrap();
        assert_eq!(line.trim(), "locked");
        Locked { child }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test]
async fn while_the_database_is_away_nothing_is_sent_and_all_recovers() {
    let till = Till::set();
    till.cap("5.00");
    assert_eq!(till.client().chat(CHAT).await.status, 200);
    till.is_clean_with(1).await;
    let before = till.upstream.log.entries().len();
    let locked = Locked::take(&till.bastion.folder().join("data/bastion.db"));
    let began = Instant::now();
    let mut refused = 0;
    while began.elapsed() < AWAY {
        let answer = till.client().chat(CHAT).await;
        assert_eq!(answer.refusal(), (503, "service_unavailable".to_owned()), "{}", answer.text());
        assert_eq!(answer.header("retry-after"), "1");
        refused += 1;
    }
    assert!(refused > 3, "most are told at once: {refused}");
    assert_eq!(till.upstream.log.entries().len(), before, "nothing is sent without a hold");
    drop(locked);
    let again = async {
        while till.client().chat(CHAT).await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::bastion::LIMIT, again).await.unwrap();
    till.is_clean_with(2).await;
}

/// Connections that refused calls come on, how many come at once on each, and how often: together more
/// than may wait for the database (16,384 records, and the 1024 that are being written).
const CONNECTIONS: usize = 8;
const AT_ONCE: usize = 100;
const TIMES: usize = 23;

/// Calls one behind the other on a connection, of a model that nobody knows.
async fn refused_calls(till: &Till) {
    let body = CHAT.replace("gpt-oss-20b", "nobody");
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-length: {}\r\n\r\n{body}",
        till.key.text,
        body.len()
    );
    let (requests, refused) = (request.repeat(AT_ONCE), "HTTP/1.1 404 ");
    let mut stream = TcpStream::connect(till.bastion.callers).await.unwrap();
    for _ in 0..TIMES {
        stream.write_all(requests.as_bytes()).await.unwrap();
        let mut answers = Vec::new();
        while String::from_utf8_lossy(&answers).matches(refused).count() < AT_ONCE {
            let read = stream.read_buf(&mut answers).await.unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&answers));
        }
    }
}

#[tokio::test]
async fn when_no_more_can_wait_for_the_database_calls_are_refused_and_not_sent() {
    let till = Till::set();
    assert_eq!(till.client().chat(CHAT).await.status, 200);
    till.is_clean_with(1).await;
    let before = till.upstream.log.entries().len();
    let locked = Locked::take(&till.bastion.folder().join("data/bastion.db"));
    // Nothing limits these calls: they need no hold, and are served as long as their records can wait.
    assert_eq!(till.client().chat(CHAT).await.status, 200);
    let crowd = (0..CONNECTIONS).map(|_| refused_calls(&till));
    let crowd = futures_util::future::join_all(crowd);
    tokio::time::timeout(crate::bastion::LIMIT, crowd).await.unwrap();
    let answer = till.client().chat(CHAT).await;
    assert_eq!(answer.refusal(), (503, "service_unavailable".to_owned()), "{}", answer.text());
    assert_eq!(answer.header("retry-after"), "1");
    till.bastion.log.wait_for("too much waits for the database");
    assert_eq!(till.upstream.log.entries().len(), before + 1, "the second one was not sent");
    // What had no place is counted, and so not lost in silence.
    let unwritten = figure(&till.bastion, "bastion_unwritten_records_total").await;
    assert!(unwritten > 0, "{unwritten}");
    drop(locked);
    let again = async {
        while till.client().chat(CHAT).await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::bastion::LIMIT, again).await.unwrap();
    till.is_clean_with(3).await;
}

/// Gives a table of the ledger another name, behind the gateway's back.
fn rename(database: &std::path::Path, from: &str, to: &str) {
    let script = "import sqlite3, sys\n\
                  db = sqlite3.connect(sys.argv[1], timeout=20)\n\
                  db.execute(f'ALTER TABLE {sys.argv[2]} RENAME TO {sys.argv[3]}')\n\
                  db.commit()\n";
    let done = Command::new("python3").args(["-c", script]).arg(database).args([from, to]).status();
    assert!(done.unwrap().success());
}

#[tokio::test]
async fn a_record_waits_as_long_as_the_store_does_not_take_it() {
    let till = Till::set();
    let database = till.bastion.folder().join("data/bastion.db");
    rename(&database, "calls", "calls_away");
    let answer = till.client().chat(CHAT).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    // More often than a batch was tried that the store refuses for good.
    till.bastion.log.wait_for("\"tried\":8");
    rename(&database, "calls_away", "calls");
    let call = till.bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!(call["status"], 200, "{call}");
    assert_eq!(figure(&till.bastion, "bastion_unwritten_records_total").await, 0);
    till.is_clean_with(1).await;
}

#[tokio::test]
async fn a_limit_that_cannot_be_looked_for_is_no_final_word() {
    // Nothing bounds this call, and nothing limits it yet.
    let open = CHAT.replace(",\"max_tokens\":60", "");
    let till = Till::set();
    assert_eq!(till.client().chat(&open).await.status, 200);
    till.is_clean_with(1).await;
    let database = till.bastion.folder().join("data/bastion.db");
    rename(&database, "ledger_caps", "ledger_caps_away");
    let set = till.bastion.command(&["cap", "set", "--env", "dev", "5.00"]);
    assert!(!set.status.success(), "there is no table of caps: {set:?}");
    let answer = till.client().chat(&open).await;
    assert_eq!(answer.refusal(), (503, "service_unavailable".to_owned()), "{}", answer.text());
    rename(&database, "ledger_caps_away", "ledger_caps");
    let again = async {
        while till.client().chat(&open).await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::bastion::LIMIT, again).await.unwrap();
    till.is_clean_with(2).await;
}
