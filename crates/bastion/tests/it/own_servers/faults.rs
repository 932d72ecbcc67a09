//! Each part killed, frozen and brought back, under load: what callers see meanwhile, that no call
//! hangs past its time-out, and that all of it comes back without hands. The rows of
//! `docs/reference/nodes.md` are these.
//!
//! A test here must never count on a moment: it waits for what it names, within a limit.

use std::time::Duration;

use super::callers::{Callers, Came};
use super::far::Far;
use super::three::{BY_A_LEASE, Three, is_ready};
use crate::client::Client;
use crate::nginx::Nginx;

/// Callers at the same time.
const CALLERS: usize = 6;

/// So many calls, one behind another, say how it stands.
pub(super) const LOOK: usize = 30;

/// nginx waits so long for a gateway's answer.
const NGINX_WAITS: &str = "4s";

/// The longest that any call may take: an upstream's answer, the wait for room and for the disk, or
/// nginx's patience are 2 to 4 s each; the rest is a machine that is busy elsewhere.
const MOST: Duration = Duration::from_secs(12);

/// So long a server stays away.
const AWAY: Duration = Duration::from_secs(10);

/// The same, where it was shown before.
pub(super) const AWHILE: Duration = Duration::from_secs(2);

/// Three gateways with a cap that is never reached, nginx before them, and a crowd before nginx.
pub(super) struct Street {
    pub(super) three: Three,
    pub(super) nginx: Nginx,
    pub(super) callers: Callers,
}

impl Street {
    async fn busy(change: impl FnOnce(String) -> String) -> Street {
        Street::before(Three::with(change).await).await
    }

    /// Before these.
    pub(super) async fn before(three: Three) -> Street {
        let nginx = three.nginx(NGINX_WAITS);
        let key = three.key_of(0, &["rpm", "1000000", "concurrency", "1000"]).await;
        three.know(&key).await;
        three.told(0, &["cap", "set", "--env", "dev", "1000.00"]);
        let callers = Callers::of(&[Client::new(nginx.address, &key)], CALLERS);
        callers.come_to(Some(200), LOOK).await;
        Street { three, nginx, callers }
    }

    /// Everything works again, by itself.
    pub(super) async fn is_well(&self) {
        self.callers.come_to(Some(200), LOOK).await;
        for node in &self.three.nodes {
            is_ready(node, BY_A_LEASE).await;
        }
    }

    /// The end: no call took too long, each came to one of these, and the ledger knows each one that
    /// was answered.
    pub(super) async fn ends(self, statuses: &[(u16, &str)]) -> Vec<Came> {
        let came = self.callers.stop().await;
        let slowest = came.iter().map(|call| call.took).max().unwrap();
        assert!(slowest < MOST, "a call hung for {slowest:?}");
        for call in &came {
            let allowed = call.status.is_none_or(|status| {
                status == 200 || statuses.contains(&(status, call.code.as_str()))
            });
            assert!(allowed, "{call:#?}");
        }
        self.three.settled().await;
        for call in came.iter().filter(|call| call.status == Some(200)) {
            assert!(!call.id.is_empty(), "{call:#?}");
        }
        self.three.charged_once(&came);
        came
    }
}

/// How many came to nothing at all: refused, or broken.
pub(super) fn broken(came: &[Came]) -> usize {
    came.iter().filter(|call| call.status.is_none()).count()
}

pub(super) const NGINX_SAYS: (u16, &str) = (503, "service_unavailable");

#[tokio::test]
async fn a_gateway_that_is_killed_or_frozen_is_passed_by_and_found_again() {
    let mut street = Street::busy(|config| config).await;
    street.three.nodes[1].signal("KILL");
    street.callers.come_to(Some(200), LOOK).await;
    street.three.again(1);
    street.is_well().await;
    street.three.has_a_part(1).await;
    // Frozen: who is with it waits as long as nginx does, the others pass by.
    street.three.nodes[2].signal("STOP");
    street.callers.go_on(LOOK).await;
    street.callers.come_to(Some(200), LOOK).await;
    street.three.nodes[2].signal("CONT");
    street.is_well().await;
    street.three.has_a_part(2).await;
    let came = street.ends(&[NGINX_SAYS]).await;
    assert_eq!(broken(&came), 0, "nginx answers for a gateway that is gone");
}

#[tokio::test]
async fn while_postgresql_is_away_nothing_is_sent_and_each_call_is_told_when_to_come_back() {
    let mut street = Street::busy(|config| config).await;
    street.three.postgres.die();
    street.stays_closed(AWAY).await;
    street.three.postgres.come();
    street.is_well().await;
    street.three.postgres.signal("STOP");
    street.stays_closed(AWHILE).await;
    street.three.postgres.signal("CONT");
    street.is_well().await;
    let came = street.ends(&[NGINX_SAYS]).await;
    assert_eq!(broken(&came), 0);
    for call in came.iter().filter(|call| call.status == Some(503)) {
        assert_eq!(call.retry_after, "1", "{call:#?}");
    }
}

impl Street {
    /// For so long every call is a 503, and the upstream gets none.
    pub(super) async fn stays_closed(&self, away: Duration) {
        self.callers.come_to(Some(503), LOOK).await;
        let (sent, from) = (self.three.upstream.sent(), self.callers.count());
        tokio::time::sleep(away).await;
        let count = self.callers.count() - from;
        let meanwhile = self.callers.last(count);
        assert!(meanwhile.iter().all(|call| call.status == Some(503)), "{meanwhile:#?}");
        assert!(count > CALLERS, "most are told at once: {count}");
        assert_eq!(self.three.upstream.sent(), sent, "nothing is sent without a hold");
    }
}

#[tokio::test]
async fn a_redis_that_is_killed_frozen_or_out_of_memory_is_noticed_by_no_caller() {
    let change = |config: String| config.replace("timeout = \"5s\"", "timeout = \"200ms\"");
    let mut street = Street::busy(change).await;
    street.three.redis.go();
    street.three.are("degraded").await;
    street.callers.come_to(Some(200), LOOK).await;
    street.three.redis.come();
    street.three.are("ready").await;
    street.is_well().await;
    street.three.redis.signal("STOP");
    street.three.are("degraded").await;
    street.callers.come_to(Some(200), LOOK).await;
    street.three.redis.signal("CONT");
    street.three.are("ready").await;
    street.is_well().await;
    // Without memory for a single key, and nothing that it may evict.
    assert_eq!(street.three.redis.tell("CONFIG SET maxmemory 1"), "+OK\r\n");
    street.three.are("degraded").await;
    street.callers.come_to(Some(200), LOOK).await;
    street.three.nodes[0].log.wait_for("is out of memory");
    assert_eq!(street.three.redis.tell("CONFIG SET maxmemory 0"), "+OK\r\n");
    street.three.are("ready").await;
    street.is_well().await;
    let came = street.ends(&[]).await;
    assert_eq!(broken(&came), 0);
}

#[tokio::test]
async fn an_nginx_that_is_killed_or_frozen_costs_connections_and_no_money() {
    let mut street = Street::busy(|config| config).await;
    street.nginx.go();
    street.callers.come_to(None, LOOK).await;
    street.nginx.come();
    street.is_well().await;
    // Frozen, it takes connections and says nothing: how long is waited is the callers' own affair.
    street.nginx.signal("STOP");
    tokio::time::sleep(Duration::from_secs(2)).await;
    street.nginx.signal("CONT");
    street.is_well().await;
    // What a gateway closed meanwhile, nginx may find out by a request that it lost.
    street.ends(&[NGINX_SAYS]).await;
}

#[tokio::test]
async fn an_upstream_that_is_killed_or_frozen_is_a_502_until_it_is_back() {
    let mut far = Far::start();
    let at = far.address.to_string();
    let street = Street::busy(move |config| {
        let near = config.split("base_url = \"http://").nth(1).unwrap();
        let near = near.split('/').next().unwrap().to_owned();
        config.replace(&near, &at)
    })
    .await;
    far.go();
    street.callers.come_to(Some(502), LOOK).await;
    far.come();
    street.is_well().await;
    far.signal("STOP");
    street.callers.come_to(Some(502), CALLERS).await;
    far.signal("CONT");
    street.is_well().await;
    let came = street.ends(&[(502, "upstream_error")]).await;
    assert_eq!(broken(&came), 0);
}
