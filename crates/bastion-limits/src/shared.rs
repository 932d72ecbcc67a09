//! Limits that all nodes count together, in Redis; without it, each counts its share.
//!
//! It must never let a call wait longer than the reply time-out, and never wait for what comes
//! back: that goes by the keeper.

mod address;
mod keeper;
mod link;
mod question;
mod trouble;
mod way;

use std::sync::Arc;
use std::time::Duration;

use bastion_runtime::{Drain, Tasks};
use bastion_types::{MonoNanos, Secret};
use tokio::time::timeout_at;

use crate::away::{Away, There};
use crate::book::{Account, Book, CallNumber, Returns};
use crate::denial::Denied;
use crate::key_state::{Ask, KeyState, Permit};
use crate::nodes::Nodes;
use crate::registry::Registry;
use crate::watcher::Watcher;

use address::Address;
use keeper::Keeper;
use link::Link;
use question::{Question, Reply, Terms};
use trouble::Trouble;
use way::Way;

pub use address::AddressError;

/// How limits are counted in Redis.
#[derive(Debug)]
pub struct SharedSettings {
    /// `redis://…` or `rediss://…`, or why there is none yet: then this node counts alone.
    pub url: Result<Secret, String>,
    /// The password, where it does not stand in the URL.
    pub password: Option<Secret>,
    /// What the names of this deployment's keys begin with.
    pub prefix: String,
    /// How long a call waits for Redis at most, all in all.
    pub timeout: Duration,
    /// How long a slot is held that nobody renews: a node that was killed gives its slots back so.
    pub lease: Duration,
}

/// Limits that are counted in Redis.
pub(crate) struct Shared {
    /// This node's own count: its share, for a time without Redis.
    registry: Registry,
    book: Arc<Book>,
    way: Arc<Way>,
    terms: Terms,
    nodes: Nodes,
    watcher: Arc<dyn Watcher>,
    closed: Drain,
    begun: Drain,
}

impl Shared {
    /// Begins to keep the way to Redis; it need not stand yet.
    pub(crate) fn open(
        settings: SharedSettings,
        nodes: Nodes,
        watcher: Arc<dyn Watcher>,
        tasks: &Tasks,
    ) -> Result<Shared, AddressError> {
        let SharedSettings { url, password, prefix, timeout, lease } = settings;
        let (address, first) = match url {
            Ok(url) => (Some(Address::parse(&url, password.as_ref())?), Trouble::NotBegun),
            Err(why) => (None, Trouble::NoAddress(why)),
        };
        let shared = Shared {
            registry: Registry::new(),
            book: Arc::new(Book::new()),
            way: Arc::new(Way::new()),
            terms: Terms { prefix, lease },
            nodes,
            watcher,
            closed: Drain::new(),
            begun: Drain::new(),
        };
        let keeper = Keeper {
            address,
            reply_timeout: timeout,
            terms: shared.terms.clone(),
            book: Arc::clone(&shared.book),
            way: Arc::clone(&shared.way),
            nodes: shared.nodes.clone(),
            watcher: Arc::clone(&shared.watcher),
            closed: shared.closed.clone(),
            begun: shared.begun.clone(),
        };
        drop(tasks.spawn(keeper.run(first)));
        Ok(shared)
    }

    /// Ends once it was tried to reach Redis.
    pub(crate) async fn begun(&self) {
        self.begun.begun().await;
    }

    /// Takes what a call wants, or nothing.
    pub(crate) async fn admit(
        &self,
        account: Account,
        ask: Ask,
        now: MonoNanos,
    ) -> Result<Permit, Denied> {
        let share = account.limits.share(self.nodes.alive());
        let state = self.registry.state(account.key, share);
        if account.limits.is_none() {
            return state.admit(ask, now);
        }
        let call = self.book.number();
        let Some(link) = self.way.link() else {
            return self.alone(&state, account, call, (ask, now));
        };
        match self.ask(&link, account, (ask, call)).await {
            Ok(reply) if reply.admitted => {
                let (standing, tokens) = reply.standing(account.limits, ask);
                let there = There::new(standing, tokens, (ask.tokens, now));
                let away = Away::new(&self.book, account, call, Some(there));
                Ok(state.admitted_elsewhere(ask, now).with_away(away))
            }
            Ok(reply) => Err(reply.denied(account.limits, ask)),
            Err(trouble) => {
                self.way.fails(&link, trouble);
                self.alone(&state, account, call, (ask, now))
            }
        }
    }

    /// By this node's share. A call that wants more than the whole share gets all of it: else it
    /// could not run until Redis is back.
    fn alone(
        &self,
        state: &Arc<KeyState>,
        account: Account,
        call: CallNumber,
        (ask, now): (Ask, MonoNanos),
    ) -> Result<Permit, Denied> {
        self.watcher.decided_alone();
        let share = state.limits().tpm.filter(|_| account.limits.tpm >= Some(ask.tokens));
        let tokens = share.map_or(ask.tokens, |share| ask.tokens.min(share));
        let permit = state.admit(Ask { tokens }, now)?;
        if account.limits.concurrency.is_none() {
            return Ok(permit);
        }
        // Redis is told of the call when it is back.
        Ok(permit.with_away(Away::new(&self.book, account, call, None)))
    }

    async fn ask(
        &self,
        link: &Link,
        account: Account,
        call: (Ask, CallNumber),
    ) -> Result<Reply, Trouble> {
        let deadline = link.deadline();
        let told_by = (&*self.book, &self.terms);
        let question = |returns| Question { account, call: Some(call), returns, running: &[] };
        let returns = self.book.for_a_question(account);
        let sent = returns.as_ref().ok();
        let nothing = Returns::default();
        let reply = link.tell(question(sent.unwrap_or(&nothing)), told_by, deadline).await?;
        let Err(trip) = returns else { return Ok(reply) };
        if reply.admitted {
            return Ok(reply);
        }
        // What was on its way may have been what lacked: once more, when it is there.
        if timeout_at(deadline, self.book.has_arrived(account, trip)).await.is_err() {
            return Ok(reply);
        }
        let returns = self.book.for_a_question(account).unwrap_or_default();
        link.tell(question(&returns), told_by, deadline).await
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.closed.begin();
    }
}

#[cfg(test)]
mod tests;
