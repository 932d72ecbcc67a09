//! `PgBouncer` in transaction mode between three gateways and their PostgreSQL: everything holds, and
//! when it is killed or frozen it is as when the database is away.
//!
//! A test here must never reach the server around the pooler, but to look.

use super::cap::is_never_passed;
use super::faults::{AWHILE, NGINX_SAYS, Street, broken};
use super::three::{Three, answers};
use crate::client::CHAT;
use crate::limits::limited;
use crate::pgbouncer::Pgbouncer;
use crate::postgres::Postgres;

/// Three gateways that know the pooler's address alone.
async fn behind_a_pooler() -> (Three, Pgbouncer) {
    let postgres = Postgres::start();
    let pooler = Pgbouncer::before(&postgres);
    let (server, through) = (postgres.url(), pooler.url());
    let three = Three::on(postgres, |config| config.replace(&server, &through)).await;
    (three, pooler)
}

#[tokio::test]
async fn behind_a_pooler_keys_limits_and_nodes_are_as_without_one() {
    let (three, pooler) = behind_a_pooler().await;
    let clients = "SELECT count(DISTINCT client_port) FROM pg_stat_activity \
                   WHERE application_name = 'bastion'";
    let connections: u32 = three.postgres.ask(clients).parse().unwrap();
    assert!((1..=6).contains(&connections), "they come through the pooler: {connections}");
    for node in &three.nodes {
        node.log.wait_for("store.url leads through a pooler");
    }
    let key = three.key_of(1, &["rpm", "9"]).await;
    three.know(&key).await;
    let mut good = 0;
    for n in 0..24 {
        let answer = three.caller(n % 3, &key).chat(CHAT).await;
        match answer.status {
            200 => good += 1,
            _ => drop(limited(&answer)),
        }
    }
    // One more comes every 6.7 s.
    assert!((9..=12).contains(&good), "{good} of 9");
    let rows = three.told_when(2, |rows| rows.len() == 3).await;
    assert!(rows.iter().all(|row| row["ended_at"].is_null()), "{rows:?}");
    let revoke = format!("/admin/v1/keys/{}/revoke", key.id);
    assert_eq!(three.operators(0).post(&revoke, &[], "{}").await.status, 200);
    for node in &three.nodes {
        answers(node, &key, 401).await;
    }
    // The schema is looked at through it, too.
    let mut look = crate::bastion::command(three.nodes[0].folder());
    let looked = look.args(["store", "migrate", "--check"]).output().unwrap();
    assert!(looked.status.success(), "{}", String::from_utf8_lossy(&looked.stderr));
    drop(pooler);
}

#[tokio::test]
async fn behind_a_pooler_a_cap_is_never_passed() {
    let (three, pooler) = behind_a_pooler().await;
    is_never_passed(&three).await;
    drop(pooler);
}

#[tokio::test]
async fn a_pooler_that_is_killed_or_frozen_is_a_database_that_is_away() {
    let (three, mut pooler) = behind_a_pooler().await;
    let street = Street::before(three).await;
    pooler.go();
    street.stays_closed(AWHILE).await;
    pooler.come();
    street.is_well().await;
    pooler.signal("STOP");
    street.stays_closed(AWHILE).await;
    pooler.signal("CONT");
    street.is_well().await;
    // And the server behind it.
    let mut street = street;
    street.three.postgres.die();
    street.stays_closed(AWHILE).await;
    street.three.postgres.come();
    street.is_well().await;
    let came = street.ends(&[NGINX_SAYS]).await;
    assert_eq!(broken(&came), 0);
}
