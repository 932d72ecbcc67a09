//! Keeps the way to Redis: connects, tells what ended and what still runs, notices a loss, returns.
//!
//! It must never be waited for by a call, and never keep one from being decided.

use std::sync::Arc;
use std::time::Duration;

use bastion_runtime::Drain;
use bastion_types::KeyId;
use futures_util::future::join_all;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::address::Address;
use super::link::Link;
use super::question::{Question, Terms};
use super::trouble::Trouble;
use super::way::Way;
use crate::book::{Account, Book, CallNumber, Returns};
use crate::nodes::Nodes;
use crate::watcher::{Counting, Watcher};
use crate::{Ask, KeyLimits};

/// Between two tries to reach Redis.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// Between two looks whether Redis still takes what it must.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Accounts that are told about at the same time.
const MAX_ACCOUNTS_AT_ONCE: usize = 64;

/// Running calls that one command tells.
const MAX_CALLS_A_COMMAND: usize = 128;

/// A slot's lease is renewed so often within it: two of them may fail.
const RENEWALS_A_LEASE: u32 = 3;

/// At the end, ended calls are told in so many rounds at most.
const LAST_ROUNDS: usize = 256;

/// No key of ours has this id with these limits; asking for it looks whether Redis takes writes.
const LOOKED_AT: &str = "000000000000";
const LOOKED_AT_RPM: u32 = u32::MAX;

/// The keeper of one process.
pub(super) struct Keeper {
    pub(super) address: Option<Address>,
    pub(super) reply_timeout: Duration,
    pub(super) terms: Terms,
    pub(super) book: Arc<Book>,
    pub(super) way: Arc<Way>,
    pub(super) nodes: Nodes,
    pub(super) watcher: Arc<dyn Watcher>,
    /// Begun when no call will come any more.
    pub(super) closed: Drain,
    /// Begun when it was tried to reach Redis.
    pub(super) begun: Drain,
}

impl Keeper {
    /// Until no call will come any more; what has ended by then is told.
    pub(super) async fn run(self, first: Trouble) {
        let mut trouble = first;
        loop {
            self.tell_counting(Some(&trouble));
            let link = tokio::select! {
                link = self.connect(trouble) => Arc::new(link),
                () = self.closed.begun() => return,
            };
            warn_of_eviction(&link);
            self.way.open(Arc::clone(&link));
            self.tell_counting(None);
            self.begun.begin();
            let ended = tokio::select! {
                lost = self.way.lost() => Some(lost),
                served = self.serve(&link) => served,
            };
            let Some(lost) = ended else { return self.tell_the_last(&link).await };
            self.way.fails(&link, lost.clone());
            trouble = lost;
        }
    }

    async fn tell_the_last(&self, link: &Link) {
        for _ in 0..LAST_ROUNDS {
            if !matches!(self.tell_returns(link).await, Ok(1..)) {
                return;
            }
        }
    }

    /// Tries until a connection stands and Redis knows of all calls that run. A reason that changes
    /// is told.
    async fn connect(&self, mut known: Trouble) -> Link {
        // Whoever was sending was cut off.
        self.book.forget_returns();
        loop {
            let opened = match &self.address {
                Some(address) => self.open(address).await,
                None => Err(known.clone()),
            };
            match opened {
                Ok(link) => return link,
                Err(trouble) if trouble != known => {
                    self.tell_counting(Some(&trouble));
                    known = trouble;
                }
                Err(_) => {}
            }
            self.begun.begin();
            // Meanwhile nothing can be told; leases and the minute mend it.
            self.book.forget_returns();
            self.tell_untold();
            sleep(TRY_AGAIN).await;
        }
    }

    async fn open(&self, address: &Address) -> Result<Link, Trouble> {
        let link = Link::open(&address.client, self.reply_timeout).await?;
        self.look(&link).await?;
        self.renew(&link).await?;
        Ok(link)
    }

    /// Until something fails, or no call will come any more. What it sends is not cut off by that.
    async fn serve(&self, link: &Arc<Link>) -> Option<Trouble> {
        let every = |span| {
            let mut ticks = interval(span);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let (mut looks, mut renewals) =
            (every(LOOK_AGAIN), every(self.terms.lease / RENEWALS_A_LEASE));
        let mut foreign_keys = self.way.foreign_keys();
        let mut is_clean = true;
        loop {
            let told = tokio::select! {
                () = self.closed.begun() => return None,
                () = self.book.has_returns() => self.tell_returns(link).await.map(|_| ()),
                _ = renewals.tick() => self.renew(link).await,
                _ = looks.tick() => {
                    let was_clean = is_clean;
                    let before = std::mem::replace(&mut foreign_keys, self.way.foreign_keys());
                    is_clean = before == foreign_keys;
                    if was_clean != is_clean {
                        self.tell_counting((!is_clean).then_some(&Trouble::ForeignKey));
                    }
                    self.tell_untold();
                    self.look(link).await
                }
            };
            if let Err(trouble) = told {
                return Some(trouble);
            }
        }
    }

    /// Tells what has ended, of a limited number of accounts; how many there were.
    async fn tell_returns(&self, link: &Link) -> Result<usize, Trouble> {
        let sent = self.book.send_returns(MAX_ACCOUNTS_AT_ONCE);
        let told = sent.iter().map(|(account, returns)| {
            self.tell(link, Question { account: *account, call: None, returns, running: &[] })
        });
        let told = join_all(told).await;
        self.book.arrived(sent.iter().map(|(account, _)| *account));
        told.into_iter().collect::<Result<Vec<()>, Trouble>>().map(|told| told.len())
    }

    /// Tells that all calls that run still do.
    async fn renew(&self, link: &Link) -> Result<(), Trouble> {
        for accounts in self.book.accounts_that_run().chunks(MAX_ACCOUNTS_AT_ONCE) {
            let renewals = accounts.iter().map(|account| self.renew_account(link, *account));
            let told = join_all(renewals).await;
            told.into_iter().collect::<Result<(), Trouble>>()?;
        }
        Ok(())
    }

    async fn renew_account(&self, link: &Link, account: Account) -> Result<(), Trouble> {
        let running = self.book.send_running(account);
        let told = self.tell_running(link, account, &running).await;
        self.book.arrived([account]);
        told
    }

    async fn tell_running(
        &self,
        link: &Link,
        account: Account,
        running: &[CallNumber],
    ) -> Result<(), Trouble> {
        for running in running.chunks(MAX_CALLS_A_COMMAND) {
            let returns = &Returns::default();
            self.tell(link, Question { account, call: None, returns, running }).await?;
        }
        Ok(())
    }

    /// Looks whether Redis takes a write.
    async fn look(&self, link: &Link) -> Result<(), Trouble> {
        let Some(key) = KeyId::parse(LOOKED_AT) else { return Ok(()) };
        let limits = KeyLimits { rpm: Some(LOOKED_AT_RPM), ..KeyLimits::default() };
        let call = Some((Ask { tokens: 0 }, self.book.number()));
        let account = Account { key, limits };
        let returns = &Returns::default();
        self.tell(link, Question { account, call, returns, running: &[] }).await
    }

    /// A key that is somebody else's is nobody else's trouble.
    async fn tell(&self, link: &Link, question: Question<'_>) -> Result<(), Trouble> {
        match link.tell(question, (&self.book, &self.terms), link.deadline()).await {
            Err(trouble) if !trouble.is_of_one_key() => Err(trouble),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn tell_untold(&self) {
        if let untold @ 1.. = self.book.untold() {
            self.watcher.untold(untold);
        }
    }

    fn tell_counting(&self, trouble: Option<&Trouble>) {
        let nodes = self.nodes.alive();
        if trouble == Some(&Trouble::NotBegun) {
            return;
        }
        let Some(trouble) = trouble else {
            tracing::info!("limits are counted in Redis, with the other nodes");
            self.watcher.counting(Counting::Together, nodes);
            return;
        };
        let why = match &self.address {
            Some(address) => format!("Redis at {address} {trouble}"),
            None => format!("Redis {trouble}"),
        };
        if trouble.is_of_one_key() {
            tracing::warn!(why, "limits of some keys are counted by this node alone");
            self.watcher.counting(Counting::TogetherBut(&why), nodes);
        } else {
            tracing::warn!(why, share = %format!("1/{nodes}"), "limits are counted by this node alone");
            self.watcher.counting(Counting::Alone(&why), nodes);
        }
    }
}

fn warn_of_eviction(link: &Link) {
    if let Some(policy) = &link.evicts_by {
        tracing::warn!(
            policy,
            "Redis may evict what it counts, and limits begin anew; set its 'maxmemory-policy' to \
             noeviction"
        );
    }
}
