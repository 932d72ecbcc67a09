//! A PostgreSQL in bad shape: not there, with another password, read-only, slow, or with a full disk,
//! at the start and under load.
//!
//! A test here must never leave a password in what it prints.

use std::time::Duration;

use super::faults::{AWHILE, LOOK, NGINX_SAYS, Street, broken};
use super::three::{BY_A_LEASE, Three, answers, config, is_ready, node_as, readiness};
use crate::attempt::Attempt;
use crate::bastion::{Bastion, command};
use crate::client::{CHAT, Client};
use crate::postgres::Postgres;
use crate::redis::Redis;
use crate::upstream::Upstream;

/// Passwords of the one user who must show one; they must show up nowhere.
const RIGHT: &str = "pg-hunter2-4711";
const WRONG: &str = "pg-swordfish-4712";

/// A user who must show a password.
fn let_in(postgres: &Postgres, password: &str) {
    postgres.ask(&format!("ALTER ROLE locked PASSWORD '{password}'"));
}

struct Guarded {
    postgres: Postgres,
    redis: Redis,
    upstream: Upstream,
}

impl Guarded {
    fn start() -> Guarded {
        let postgres = Postgres::start();
        postgres.ask("CREATE ROLE locked SUPERUSER LOGIN");
        let_in(&postgres, RIGHT);
        Guarded { postgres, redis: Redis::start(), upstream: Upstream::start() }
    }

    /// Its gateway's configuration, with the password behind a reference.
    fn config(&self) -> String {
        let url = self.postgres.url();
        let reference = "[store]\npassword = \"env:IT_DB_PASSWORD\"\n";
        config(&url.replace("bastion@", "locked@"), &self.redis.url(), self.upstream.address)
            .replace("[store]\n", reference)
    }

    fn attempt(&self, password: &str) -> Attempt {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bastion.toml"), self.config()).unwrap();
        let mut serve = command(folder.path());
        serve.arg("serve").env("IT_DB_PASSWORD", password);
        Attempt::of(serve)
    }

    fn node(&self) -> Bastion {
        node_as(&self.config(), |serve| {
            serve.env("IT_DB_PASSWORD", RIGHT);
        })
    }
}

#[tokio::test]
async fn a_start_ends_with_three_without_the_server_and_with_two_by_a_wrong_password() {
    let mut guarded = Guarded::start();
    let refused = guarded.attempt(WRONG);
    refused.is_refused(&["password authentication failed", "\"locked\"", "store.url"]);
    assert!(!refused.stderr.contains(WRONG), "{}", refused.stderr);
    guarded.postgres.die();
    let gone = guarded.attempt(RIGHT);
    assert_eq!(gone.code, Some(3), "{gone:#?}");
    let errors = gone.stderr.lines().filter(|line| line.starts_with("error")).count();
    assert_eq!(errors, 1, "{}", gone.stderr);
    assert!(gone.stderr.contains("the database cannot be reached"), "{}", gone.stderr);
    assert!(!gone.stderr.contains(RIGHT), "{}", gone.stderr);
    guarded.postgres.come();
    let node = guarded.node();
    is_ready(&node, BY_A_LEASE).await;
    assert!(!node.log.text().contains(RIGHT), "{}", node.log.text());
}

#[tokio::test]
async fn a_password_that_is_changed_under_a_node_is_a_database_that_is_lost() {
    const CUT: &str =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'locked'";
    let guarded = Guarded::start();
    let node = guarded.node();
    let key = {
        let operators = Client::with_text(node.operators, super::three::TOKEN);
        let body = r#"{"environment":"dev","service":"it"}"#;
        let made = operators.post("/admin/v1/keys", &[], body).await.json();
        let text = |field: &str| made[field].as_str().unwrap().to_owned();
        crate::bastion::Key { id: text("id"), text: text("api_key") }
    };
    answers(&node, &key, 200).await;
    let_in(&guarded.postgres, WRONG);
    // A connection that was let in by the old password lives on until it is cut.
    let cutting = async {
        loop {
            guarded.postgres.ask(CUT);
            tokio::time::sleep(AWAKE).await;
        }
    };
    tokio::select! {
        () = readiness(&node, 503, BY_A_LEASE) => {}
        () = cutting => {}
    }
    // Nothing limits it: the key is known for a while.
    answers(&node, &key, 200).await;
    node.log.wait_for("password authentication failed");
    let_in(&guarded.postgres, RIGHT);
    is_ready(&node, BY_A_LEASE).await;
    let told = node.log.text();
    assert!(!told.contains(RIGHT) && !told.contains(WRONG), "{told}");
}

#[tokio::test]
async fn a_database_that_becomes_read_only_under_load_is_one_that_is_away() {
    let street = Street::before(Three::start().await).await;
    let postgres = &street.three.postgres;
    postgres.ask("ALTER SYSTEM SET default_transaction_read_only = on");
    postgres.ask("SELECT pg_reload_conf()");
    street.stays_closed(AWHILE).await;
    for node in &street.three.nodes {
        readiness(node, 503, BY_A_LEASE).await;
        node.log.wait_for("the database takes no writes");
    }
    postgres.ask("ALTER SYSTEM RESET default_transaction_read_only");
    postgres.ask("SELECT pg_reload_conf()");
    street.is_well().await;
    let came = street.ends(&[NGINX_SAYS]).await;
    assert_eq!(broken(&came), 0);
}

/// A database that answers in pieces: so long nothing, then so long something.
const SILENT: Duration = Duration::from_millis(700);
const AWAKE: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_slow_database_makes_calls_slow_and_none_hang() {
    let street = Street::before(Three::start().await).await;
    for _ in 0..8 {
        street.three.postgres.signal("STOP");
        tokio::time::sleep(SILENT).await;
        street.three.postgres.signal("CONT");
        tokio::time::sleep(AWAKE).await;
    }
    street.is_well().await;
    let came = street.ends(&[NGINX_SAYS, (429, "cap_reserved")]).await;
    assert_eq!(broken(&came), 0);
}

#[tokio::test]
async fn a_database_whose_disk_is_full_takes_no_holds_until_there_is_room() {
    let Some(postgres) = Postgres::with_little_room() else {
        eprintln!("not shown: this system allows no mounts of one's own");
        return;
    };
    let street = Street::before(Three::on(postgres, |config| config).await).await;
    let filler = street.three.postgres.fill();
    // A hold may still find room in a page that has some, and its call is sent; what it costs stays
    // owed. Then nothing fits any more, but in between.
    street.callers.meet(503, LOOK).await;
    let full = "the disk of the database is full";
    assert!(street.three.nodes.iter().any(|node| node.log.text().contains(full)));
    std::fs::remove_file(filler).unwrap();
    street.is_well().await;
    let came = street.ends(&[NGINX_SAYS]).await;
    assert_eq!(broken(&came), 0);
    assert!(came.len() > LOOK);
}

#[tokio::test]
async fn clocks_that_are_an_hour_apart_pass_no_cap_and_end_no_lease() {
    let (postgres, redis, upstream) = (Postgres::start(), Redis::start(), Upstream::start());
    let config = config(&postgres.url(), &redis.url(), upstream.address);
    let mut three = Three::of(postgres, redis, upstream, config.clone());
    for offset in ["+0", an_hour(), "+0"] {
        let node = node_as(&config, |serve| {
            serve.env("LD_PRELOAD", FAKETIME).env("FAKETIME", offset);
            serve.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        });
        is_ready(&node, BY_A_LEASE).await;
        three.nodes.push(node);
    }
    super::cap::is_never_passed(&three).await;
    three.told(0, &["cap", "set", "--env", "dev", "1000.00"]);
    let clocks = three.clocks().await;
    let apart = (clocks[1] - clocks[0]).abs();
    assert!((3500..3700).contains(&apart), "{clocks:?}");
    let rows = three.told_when(1, |rows| rows.len() == 3).await;
    assert!(rows.iter().all(|row| row["ended_at"].is_null()), "{rows:?}");
    let key = three.key(&["concurrency", "2"]).await;
    three.upstream.play("[[answer]]\ngap_ms = 3600000\nevents = ['{}', '{}']\n");
    let one = super::limits::held_when_free(&three.caller(0, &key), 1).await;
    let other = super::limits::held_when_free(&three.caller(1, &key), 1).await;
    let refused = three.caller(2, &key).chat(CHAT).await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    drop((one, other));
}

/// Debian's, where its package puts it.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/// An hour ahead; in the last hours of a month an hour behind, since the next one's cap is another.
fn an_hour() -> &'static str {
    let now = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC);
    let later = now.checked_add(jiff::Span::new().hours(2)).unwrap();
    if later.month() == now.month() { "+1h" } else { "-1h" }
}
