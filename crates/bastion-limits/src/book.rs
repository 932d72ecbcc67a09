//! The book of this process: which calls run, and what of the ended ones has to go back to Redis.
//!
//! It must never be read while something of the same account is on its way: then a call's end
//! could overtake the word that it still runs, and its slot would be lost.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use bastion_types::KeyId;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::KeyLimits;

/// Ended calls that may wait to be told to Redis; a further one is not told: its slot comes back
/// when its lease ends, its unused tokens within the minute.
const MAX_WAITING_CALLS: usize = 16_384;

/// Ended calls that one command tells.
const MAX_CALLS_A_COMMAND: usize = 128;

/// What is counted together: a key under its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Account {
    pub(crate) key: KeyId,
    pub(crate) limits: KeyLimits,
}

/// A call's number in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CallNumber(u64);

/// Something of an account that was sent and has no answer yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trip(u64);

/// What goes back for an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Returns {
    /// Ended calls.
    pub(crate) calls: Vec<CallNumber>,
    /// Tokens to give back; below zero, to take beyond.
    pub(crate) refund: i64,
}

/// The book.
#[derive(Debug)]
pub(crate) struct Book {
    /// Tells this process's calls from those of others.
    process: String,
    next: AtomicU64,
    pages: Mutex<Pages>,
    /// Something has to go back.
    wake: Notify,
    /// What was on its way has arrived, or is lost.
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Pages {
    by_account: HashMap<Account, Page>,
    /// Accounts of which something waits, each once.
    waiting: VecDeque<Account>,
    waiting_calls: usize,
    /// Ended calls that will not be told.
    untold: u64,
}

#[derive(Debug, Default)]
struct Page {
    running: HashSet<CallNumber>,
    ended: Returns,
    /// It stands in the queue of what waits; so it does whenever a call has ended.
    queued: bool,
    /// The keeper has sent something and has no answer yet.
    on_its_way: bool,
    /// How often something has arrived.
    trips: u64,
}

impl Page {
    fn is_blank(&self) -> bool {
        self.running.is_empty() && !self.queued && !self.on_its_way
    }
}

impl Book {
    pub(crate) fn new() -> Book {
        let process = RandomState::new().build_hasher().finish();
        Book {
            process: format!("{process:016x}"),
            next: AtomicU64::new(0),
            pages: Mutex::default(),
            wake: Notify::new(),
            arrived: Notify::new(),
        }
    }

    /// A number for a call.
    pub(crate) fn number(&self) -> CallNumber {
        CallNumber(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// The call's name among those of all processes.
    pub(crate) fn name(&self, call: CallNumber) -> String {
        format!("{}.{}", self.process, call.0)
    }

    /// A call runs.
    pub(crate) fn runs(&self, account: Account, call: CallNumber) {
        if account.limits.concurrency.is_some() {
            self.pages.lock().by_account.entry(account).or_default().running.insert(call);
        }
    }

    /// A call has ended.
    pub(crate) fn ended(&self, account: Account, call: CallNumber, refund: i64) {
        if account.limits.concurrency.is_none() && refund == 0 {
            return;
        }
        self.pages.lock().end(account, call, refund);
        self.wake.notify_one();
    }

    /// What can go back with a question about this account.
    ///
    /// # Errors
    /// When something is on its way: this trip, whose end [`Book::has_arrived`] waits for.
    pub(crate) fn for_a_question(&self, account: Account) -> Result<Returns, Trip> {
        let mut pages = self.pages.lock();
        let Some(page) = pages.by_account.get(&account) else { return Ok(Returns::default()) };
        if page.on_its_way {
            return Err(Trip(page.trips));
        }
        Ok(pages.take(account))
    }

    /// Ends when this trip has. May be dropped and called again at any time.
    pub(crate) async fn has_arrived(&self, account: Account, trip: Trip) {
        loop {
            let arrived = self.arrived.notified();
            let is_on_its_way = |page: &Page| page.on_its_way && page.trips == trip.0;
            if !self.pages.lock().by_account.get(&account).is_some_and(is_on_its_way) {
                return;
            }
            arrived.await;
        }
    }

    /// Ends when something has to go back. May be dropped and called again at any time.
    pub(crate) async fn has_returns(&self) {
        self.wake.notified().await;
    }

    /// What goes back now, of at most so many accounts; they are on their way until
    /// [`Book::arrived`]. A command tells a limited number of calls: what is left waits again.
    pub(crate) fn send_returns(&self, most_accounts: usize) -> Vec<(Account, Returns)> {
        let mut pages = self.pages.lock();
        let mut sent = Vec::new();
        while sent.len() < most_accounts {
            let Some(account) = pages.waiting.pop_front() else { break };
            let returns = pages.take(account);
            let is_something = !returns.calls.is_empty();
            pages.popped(account, is_something);
            if is_something {
                sent.push((account, returns));
            }
        }
        if !pages.waiting.is_empty() {
            self.wake.notify_one();
        }
        sent
    }

    /// The accounts of which calls run.
    pub(crate) fn accounts_that_run(&self) -> Vec<Account> {
        let pages = self.pages.lock();
        let runs =
            |(account, page): (&Account, &Page)| (!page.running.is_empty()).then_some(*account);
        pages.by_account.iter().filter_map(runs).collect()
    }

    /// The calls of an account that run; it is on its way until [`Book::arrived`].
    pub(crate) fn send_running(&self, account: Account) -> Vec<CallNumber> {
        let mut pages = self.pages.lock();
        let Some(page) = pages.by_account.get_mut(&account) else { return Vec::new() };
        page.on_its_way = !page.running.is_empty();
        page.running.iter().copied().collect()
    }

    /// What was sent of these accounts has arrived, or is lost.
    pub(crate) fn arrived(&self, accounts: impl IntoIterator<Item = Account>) {
        self.pages.lock().arrive(accounts);
        self.arrived.notify_waiters();
    }

    /// Redis is lost: what was on its way is lost with it, and what waits will not be told.
    pub(crate) fn forget_returns(&self) {
        self.pages.lock().arrive_all();
        self.arrived.notify_waiters();
        let mut pages = self.pages.lock();
        while let Some(account) = pages.waiting.pop_front() {
            let lost = pages.take(account).calls.len();
            pages.popped(account, false);
            pages.untold = pages.untold.saturating_add(u64::try_from(lost).unwrap_or(u64::MAX));
        }
    }

    /// How many ended calls were not told since this was asked last.
    pub(crate) fn untold(&self) -> u64 {
        std::mem::take(&mut self.pages.lock().untold)
    }
}

impl Pages {
    fn end(&mut self, account: Account, call: CallNumber, refund: i64) {
        let is_full = self.waiting_calls >= MAX_WAITING_CALLS;
        let page = self.by_account.entry(account).or_default();
        page.running.remove(&call);
        if is_full {
            self.untold = self.untold.saturating_add(1);
            return self.forget_blank(account);
        }
        page.ended.calls.push(call);
        page.ended.refund = page.ended.refund.saturating_add(refund);
        self.waiting_calls = self.waiting_calls.saturating_add(1);
        if !std::mem::replace(&mut page.queued, true) {
            self.waiting.push_back(account);
        }
    }

    fn arrive(&mut self, accounts: impl IntoIterator<Item = Account>) {
        for account in accounts {
            let Some(page) = self.by_account.get_mut(&account) else { continue };
            page.on_its_way = false;
            page.trips = page.trips.wrapping_add(1);
            self.forget_blank(account);
        }
    }

    fn arrive_all(&mut self) {
        let sent = |(account, page): (&Account, &Page)| page.on_its_way.then_some(*account);
        let sent: Vec<Account> = self.by_account.iter().filter_map(sent).collect();
        self.arrive(sent);
    }

    fn forget_blank(&mut self, account: Account) {
        if self.by_account.get(&account).is_some_and(Page::is_blank) {
            self.by_account.remove(&account);
        }
    }

    /// What of an account has ended, as much as one command tells.
    fn take(&mut self, account: Account) -> Returns {
        let Some(page) = self.by_account.get_mut(&account) else { return Returns::default() };
        let mut returns = std::mem::take(&mut page.ended);
        if returns.calls.len() > MAX_CALLS_A_COMMAND {
            page.ended.calls = returns.calls.split_off(MAX_CALLS_A_COMMAND);
        }
        self.waiting_calls = self.waiting_calls.saturating_sub(returns.calls.len());
        returns
    }

    /// An account has left the queue; with more to tell it waits again.
    fn popped(&mut self, account: Account, is_on_its_way: bool) {
        let Some(page) = self.by_account.get_mut(&account) else { return };
        page.on_its_way |= is_on_its_way;
        page.queued = !page.ended.calls.is_empty();
        if page.queued {
            self.waiting.push_back(account);
        }
        self.forget_blank(account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: u32) -> Account {
        let limits = KeyLimits { concurrency: Some(5), ..KeyLimits::default() };
        Account { key: KeyId::parse(&format!("{number:012}")).unwrap(), limits }
    }

    fn begin(book: &Book, account: Account) -> CallNumber {
        let call = book.number();
        book.runs(account, call);
        call
    }

    #[test]
    fn a_call_that_ended_goes_back_once_with_a_question_or_by_the_keeper() {
        let book = Book::new();
        let (one, other) = (account(1), account(2));
        let calls = [begin(&book, one), begin(&book, one), begin(&book, other)];
        assert_eq!(book.for_a_question(one), Ok(Returns::default()));
        book.ended(one, calls[0], 7);
        book.ended(one, calls[1], -2);
        book.ended(other, calls[2], 1);
        let returns = book.for_a_question(one).unwrap();
        assert_eq!((returns.calls, returns.refund), (vec![calls[0], calls[1]], 5));
        let sent = book.send_returns(9);
        assert_eq!(sent, [(other, Returns { calls: vec![calls[2]], refund: 1 })]);
        assert_eq!(book.send_returns(9), []);
        book.arrived([other]);
        assert!(book.pages.lock().by_account.is_empty(), "nothing is kept of what is over");
    }

    #[test]
    fn what_is_on_its_way_is_not_overtaken() {
        let book = Book::new();
        let (first, second) = (begin(&book, account(1)), begin(&book, account(1)));
        assert_eq!(book.accounts_that_run(), [account(1)]);
        assert_eq!(book.send_running(account(1)).len(), 2);
        book.ended(account(1), first, 0);
        assert_eq!(book.for_a_question(account(1)), Err(Trip(0)), "it could be told too early");
        book.arrived([account(1)]);
        assert_eq!(book.for_a_question(account(1)).unwrap().calls, [first]);
        assert_eq!(book.send_running(account(1)), [second]);
    }

    #[test]
    fn one_command_tells_so_many_and_the_rest_waits() {
        let book = Book::new();
        for _ in 0..=MAX_CALLS_A_COMMAND {
            let call = begin(&book, account(1));
            book.ended(account(1), call, 1);
        }
        let first = book.send_returns(9);
        assert_eq!(first.len(), 2, "the rest of it is in the same batch, behind the first");
        assert_eq!(first[0].1.calls.len(), MAX_CALLS_A_COMMAND);
        assert_eq!(first[1].1.calls.len(), 1);
        assert_eq!(first[0].1.refund + first[1].1.refund, 129);
    }

    #[test]
    fn what_is_beyond_the_queue_or_lost_is_counted_and_not_kept() {
        let book = Book::new();
        for _ in 0..MAX_WAITING_CALLS + 3 {
            let call = begin(&book, account(1));
            book.ended(account(1), call, 1);
        }
        assert_eq!(book.untold(), 3);
        book.forget_returns();
        assert_eq!(book.untold(), MAX_WAITING_CALLS as u64);
        assert_eq!((book.untold(), book.send_returns(9)), (0, vec![]));
        assert!(book.pages.lock().by_account.is_empty());
    }

    #[test]
    fn a_loss_ends_every_trip() {
        let book = Book::new();
        let call = begin(&book, account(1));
        book.ended(account(1), call, 1);
        begin(&book, account(2));
        assert_eq!(book.send_returns(9).len(), 1);
        assert_eq!(book.send_running(account(2)).len(), 1);
        book.forget_returns();
        assert_eq!(book.for_a_question(account(1)), Ok(Returns::default()));
        assert_eq!(book.for_a_question(account(2)), Ok(Returns::default()));
        assert_eq!(book.accounts_that_run(), [account(2)], "what runs is not forgotten");
        assert_eq!(book.pages.lock().by_account.len(), 1);
    }

    #[tokio::test]
    async fn who_waits_for_a_trip_is_woken_at_its_end_even_if_another_has_begun() {
        let book = Book::new();
        let calls = [begin(&book, account(1)), begin(&book, account(1))];
        book.ended(account(1), calls[0], 0);
        book.has_returns().await;
        assert_eq!(book.send_returns(9).len(), 1);
        let trip = book.for_a_question(account(1)).unwrap_err();
        let go_on = async {
            tokio::task::yield_now().await;
            book.ended(account(1), calls[1], 0);
            book.arrived([account(1)]);
            assert_eq!(book.send_returns(9).len(), 1);
        };
        tokio::join!(book.has_arrived(account(1), trip), go_on);
        book.has_arrived(account(1), trip).await;
        assert_ne!(book.for_a_question(account(1)), Err(trip));
    }
}
