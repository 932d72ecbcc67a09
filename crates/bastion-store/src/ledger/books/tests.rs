//! A deterministic simulation: tellers of several processes, crashes before and after a commit,
//! and a database that is only a few maps. Every seed is another interleaving.

use std::collections::BTreeMap;

use bastion_types::{CalendarDay, KeyId, SurfaceName, Usage};

use super::*;
use crate::ledger::order::Cap;

/// Interleavings that are played.
const SEEDS: u64 = 2_000;
/// Batches of one interleaving.
const ROUNDS: u64 = 40;
/// The cap of prod's month; every bound is a part of it.
const CAP: i64 = 1_000;

/// What is durable.
#[derive(Default)]
struct Durable {
    accounts: BTreeMap<String, Sums>,
    /// With the process that has them.
    holds: BTreeMap<RequestId, (u64, OpenHold)>,
    entries: Vec<Entry>,
    commits: u64,
}

impl Durable {
    fn read(&self, books: &mut Books) {
        let ids: Vec<String> = books.accounts().map(str::to_owned).collect();
        for id in ids {
            books.read_account(&id, self.accounts.get(&id).copied().unwrap_or_default());
        }
        self.holds.values().for_each(|(_, hold)| books.read_hold(hold.clone()));
        for entry in &self.entries {
            let Some(call) = entry.id.filter(|_| entry.kind == EntryKind::Charge) else { continue };
            let about = self.entries.iter().filter(|other| other.call == Some(call));
            let (late, by_hand): (Vec<_>, Vec<_>) =
                about.partition(|other| other.marks.has(Marks::LATE));
            let by_hand = by_hand.iter().map(|entry| entry.amount).sum();
            let (amount, corrected) = (entry.amount, !late.is_empty());
            let (marks, on_balance) = (entry.marks, entry.on_balance);
            let earlier = Earlier { amount, by_hand, marks, corrected, on_balance };
            books.read_charge(call, earlier);
        }
    }

    fn commit(&mut self, books: Books, process: u64) {
        let changes = books.into_changes();
        self.accounts.extend(changes.accounts);
        for hold in changes.put_holds {
            self.holds.insert(hold.call, (process, hold));
        }
        for OpenHold { call, .. } in changes.ended_holds {
            assert!(self.holds.remove(&call).is_some(), "a hold ended twice");
        }
        self.entries.extend(changes.entries);
        for (id, sums) in &self.accounts {
            let cap = if id == "env/prod/2026-11" { CAP } else { i64::MAX };
            assert!(sums.spent + sums.held <= cap && sums.held >= 0, "{id}: {sums:?}");
        }
        if let Some(balance) = self.accounts.get("balance") {
            assert!(balance.spent + balance.held <= balance.credited, "{balance:?}");
        }
        self.commits += 1;
        if self.commits.is_multiple_of(16) {
            self.check();
        }
    }

    /// Every sum is what entries and holds say, nothing is charged twice.
    fn check(&self) {
        let mut counted: BTreeMap<String, Sums> = BTreeMap::new();
        let mut charged = BTreeMap::new();
        let mut books = Books::default();
        for entry in &self.entries {
            if entry.kind == EntryKind::Charge {
                let earlier = charged.insert(entry.id, entry.amount);
                assert!(earlier.is_none(), "a call was charged twice");
            } else if let Some(net) = charged.get_mut(&entry.call).filter(|_| entry.id.is_none()) {
                *net += entry.amount;
                assert!(*net >= 0, "a call was given back more than it cost");
            }
            let Some(payer) = &entry.payer else {
                counted.entry("balance".to_owned()).or_default().credited += entry.amount;
                continue;
            };
            for id in drawn(&mut books, payer, entry.on_balance) {
                counted.entry(id).or_default().spent += entry.amount;
            }
        }
        for (_, hold) in self.holds.values() {
            for id in drawn(&mut books, &hold.payer, hold.on_balance) {
                counted.entry(id).or_default().held += hold.amount;
            }
        }
        let kept = self.accounts.iter().filter(|(_, sums)| **sums != Sums::default());
        let counted = counted.iter().filter(|(_, sums)| **sums != Sums::default());
        assert!(kept.eq(counted), "a sum is not what its entries and holds say");
    }
}

fn drawn(books: &mut Books, payer: &Payer, on_balance: bool) -> Vec<String> {
    let places = books.stand(payer);
    let places = places.iter().skip(usize::from(!on_balance));
    places.map(|place| books.rows.at(*place).unwrap().text.clone()).collect()
}

/// A process and the tickets that it believes to have.
struct Process {
    number: u64,
    tickets: Vec<Ticket>,
    /// Settlements whose fate is not known.
    again: Vec<(Ticket, Cost)>,
    /// Holds that were refused, because it was not known whether they are written.
    doubtful: Vec<Ticket>,
}

struct World {
    dice: fastrand::Rng,
    durable: Durable,
    processes: Vec<Process>,
    next: u64,
}

impl World {
    fn new(seed: u64) -> World {
        let mut world = World {
            dice: fastrand::Rng::with_seed(seed),
            durable: Durable::default(),
            processes: Vec::new(),
            next: 0,
        };
        (0..3).for_each(|_| world.start());
        world
    }

    fn start(&mut self) {
        self.next += 1;
        let number = self.next;
        self.processes.push(Process {
            number,
            tickets: Vec::new(),
            again: Vec::new(),
            doubtful: Vec::new(),
        });
    }

    fn payer(&mut self) -> Payer {
        let chat = SurfaceName::parse("chat").unwrap();
        Payer {
            environment: EnvironmentName::parse("prod").unwrap(),
            key_id: KeyId::parse(self.dice.choice(["00000000000A", "00000000000B"]).unwrap()),
            surface: self.dice.bool().then_some(chat),
            day: CalendarDay::parse(self.dice.choice(["2026-11-29", "2026-11-30"]).unwrap())
                .unwrap(),
        }
    }

    fn order(&mut self) -> HoldOrder {
        let prod = EnvironmentName::parse("prod").unwrap();
        let call = RequestId::generate(at(0)).unwrap();
        let amount = Money::from_nanos(self.dice.i64(0..=CAP / 3));
        let amount_of_cap = Money::from_nanos(CAP);
        let scope = Scope::Environment(prod);
        let cap = Cap { scope, length: Length::Month, amount: amount_of_cap };
        HoldOrder { caps: vec![cap], ..HoldOrder::new(call, self.payer(), amount) }
    }

    fn cost(&mut self) -> Cost {
        Cost {
            // At times more than any bound: then it is charged at its hold.
            amount: Money::from_nanos(self.dice.i64(0..=CAP / 2)),
            usage: Usage::default(),
            marks: Marks::NONE,
            labels: Labels::default(),
        }
    }

    /// One batch of one process, with all that can happen to it.
    fn round(&mut self) {
        if self.dice.u8(0..20) == 0 {
            self.top_up();
        }
        if self.dice.u8(0..20) == 0 {
            self.give_back();
        }
        if self.dice.u8(0..12) == 0 {
            return self.die();
        }
        let mut process = self.processes.swap_remove(self.dice.usize(0..self.processes.len()));
        let mut books = Books::default();
        let orders: Vec<_> = (0..self.dice.usize(0..4)).map(|_| self.order()).collect();
        let mut settling = std::mem::take(&mut process.again);
        for ticket in std::mem::take(&mut process.tickets) {
            if self.dice.bool() {
                settling.push((ticket, self.cost()));
            } else {
                process.tickets.push(ticket);
            }
        }
        let extending = process.tickets.iter().filter(|_| self.dice.u8(0..4) == 0);
        let extending: Vec<_> = extending.cloned().collect();
        let released = std::mem::take(&mut process.doubtful);
        let before = process.tickets.clone();
        for payer in orders.iter().map(|order| &order.payer) {
            books.stand(payer);
        }
        for (ticket, _) in &settling {
            books.stand(&ticket.payer);
        }
        for ticket in &extending {
            books.stand(&ticket.payer);
        }
        for ticket in &released {
            books.stand(&ticket.payer);
        }
        self.durable.read(&mut books);
        for (ticket, cost) in &settling {
            let places = books.stand(&ticket.payer);
            books.settle(ticket, cost, (&places, at(1))).unwrap();
        }
        for ticket in &released {
            let places = books.stand(&ticket.payer);
            books.release(ticket, &Labels::default(), (&places, at(1))).unwrap();
        }
        for ticket in &extending {
            let places = books.stand(&ticket.payer);
            let more = Money::from_nanos(self.dice.i64(0..=CAP / 4));
            if let Asked::Held(more) = books.extend(ticket, more, &places) {
                let own = process.tickets.iter_mut().find(|own| own.call == more.call);
                *own.unwrap() = more;
            }
        }
        for order in &orders {
            let places = books.stand(&order.payer);
            match books.hold(order, &places) {
                Asked::Held(ticket) => process.tickets.push(ticket),
                Asked::Wait(shortage) => books.wait_for(&shortage),
                Asked::Never(_) => {}
            }
        }
        let unsure = self.end_round(process.number, books);
        if unsure {
            // Who asked was refused; what was to be written is tried again.
            let new = |ticket: &Ticket| !before.iter().any(|old| old.call == ticket.call);
            process.doubtful = process.tickets.into_iter().filter(new).chain(released).collect();
            process.again = settling;
            process.tickets = before;
        }
        self.processes.push(process);
    }

    /// It is written, or not, or written without anyone's knowing: is that not known?
    fn end_round(&mut self, process: u64, books: Books) -> bool {
        let fate = self.dice.u8(0..10);
        if fate != 0 {
            self.durable.commit(books, process);
        }
        fate <= 1
    }

    fn top_up(&mut self) {
        let mut books = Books::default();
        books.stand_on_balance();
        self.durable.read(&mut books);
        let ticket = Ticket::held(&self.order(), true, Marks::NONE);
        let amount = self.dice.i64(CAP..=2 * CAP);
        let entry = Entry::of(&ticket, &self.cost(), (amount, Marks::NONE, true), at(2));
        let entry = Entry { kind: EntryKind::TopUp, payer: None, id: None, ..entry };
        books.top_up(entry).unwrap();
        self.durable.commit(books, 0);
    }

    /// An operator gives back a part of what a call cost, as far as it goes.
    fn give_back(&mut self) {
        let charges = self.durable.entries.iter().filter(|entry| entry.kind == EntryKind::Charge);
        let charges: Vec<_> = charges.cloned().collect();
        let Some(charge) = self.dice.choice(&charges) else { return };
        let about = self.durable.entries.iter().filter(|entry| entry.call == charge.id);
        let net = charge.amount + about.map(|entry| entry.amount).sum::<i64>();
        let amount = -self.dice.i64(0..=net);
        let mut books = Books::default();
        let places = books.stand(charge.payer.as_ref().unwrap());
        self.durable.read(&mut books);
        let (id, call, marks) = (None, charge.id, Marks::NONE);
        let entry = Entry { kind: EntryKind::Refund, id, call, amount, marks, ..charge.clone() };
        books.adjust(entry, &places).unwrap();
        self.durable.commit(books, 0);
    }

    /// A process dies, or only seems to: then it tells what its calls cost, too late.
    fn die(&mut self) {
        let dead = self.processes.swap_remove(self.dice.usize(0..self.processes.len()));
        let outcome =
            if self.dice.bool() { UnknownOutcome::Charge } else { UnknownOutcome::Release };
        let held = self.durable.holds.values().filter(|(owner, _)| *owner == dead.number);
        let held: Vec<OpenHold> = held.map(|(_, hold)| hold.clone()).collect();
        let mut books = Books::default();
        for hold in &held {
            books.stand(&hold.payer);
        }
        self.durable.read(&mut books);
        for hold in &held {
            let places = books.stand(&hold.payer);
            books.sweep(hold, outcome, (&places, at(3))).unwrap();
        }
        self.durable.commit(books, 0);
        let entries = self.durable.entries.len();
        self.sweep_again(&held, outcome);
        assert_eq!(self.durable.entries.len(), entries, "what is swept is swept");
        self.start();
        if outcome == UnknownOutcome::Charge && self.dice.bool() {
            // What was charged was the most that it can be: a correction only gives back.
            // Some of them had sent nothing, and know it.
            let (unsent, sent): (Vec<_>, Vec<_>) =
                dead.tickets.into_iter().partition(|_| self.dice.bool());
            let settling: Vec<_> = sent.into_iter().map(|ticket| (ticket, self.cost())).collect();
            self.tell_late(&settling, &unsent);
        }
    }

    /// Another process had seen the same holds.
    fn sweep_again(&mut self, held: &[OpenHold], outcome: UnknownOutcome) {
        let mut books = Books::default();
        for hold in held {
            books.stand(&hold.payer);
        }
        self.durable.read(&mut books);
        for hold in held {
            let places = books.stand(&hold.payer);
            books.sweep(hold, outcome, (&places, at(3))).unwrap();
        }
        self.durable.commit(books, 0);
    }

    fn tell_late(&mut self, settling: &[(Ticket, Cost)], unsent: &[Ticket]) {
        let mut books = Books::default();
        for ticket in settling.iter().map(|(ticket, _)| ticket).chain(unsent) {
            books.stand(&ticket.payer);
        }
        self.durable.read(&mut books);
        for ticket in unsent {
            let places = books.stand(&ticket.payer);
            let given = books.release(ticket, &Labels::default(), (&places, at(4)));
            assert_eq!(given.unwrap().amount, Money::ZERO);
        }
        for (ticket, cost) in settling {
            let places = books.stand(&ticket.payer);
            books.settle(ticket, cost, (&places, at(4))).unwrap();
        }
        self.durable.commit(books, 0);
    }

    /// All processes end: nothing may be held then.
    fn end(mut self) {
        while !self.processes.is_empty() {
            self.die();
            self.processes.pop();
        }
        assert!(self.durable.holds.is_empty(), "something is still held");
        self.durable.check();
    }
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_795_435_200_000_000 + micros)
}

#[test]
fn no_interleaving_passes_a_cap_or_parts_a_sum_from_its_entries() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        (0..ROUNDS).for_each(|_| world.round());
        world.end();
    }
}

#[test]
fn sums_that_cannot_be_counted_are_refused_and_nothing_moves() {
    let mut world = World::new(0);
    let order = HoldOrder { caps: Vec::new(), ..world.order() };
    let huge = HoldOrder { amount: Money::from_nanos(i64::MAX), ..order.clone() };
    let mut books = Books::default();
    let places = books.stand(&order.payer);
    let Asked::Held(first) = books.hold(&huge, &places) else { panic!("it fits") };
    let one = HoldOrder { amount: Money::from_nanos(1), ..world.order() };
    let one = HoldOrder { caps: Vec::new(), payer: order.payer, ..one };
    assert!(matches!(books.hold(&one, &places), Asked::Never(NotHeld::Unavailable { .. })));
    assert!(matches!(
        books.extend(&first, Money::from_nanos(1), &places),
        Asked::Never(NotHeld::Unavailable { .. })
    ));
    let cost = Cost { amount: Money::from_nanos(i64::MAX), ..world.cost() };
    let charged = books.settle(&first, &cost, (&places, at(0))).unwrap();
    assert_eq!(charged.amount.nanos(), i64::MAX);
    let counted = Ticket::counted(one, Marks::NONE);
    assert!(books.settle(&counted, &cost, (&places, at(0))).is_err());
    let accounts = books.into_changes().accounts;
    assert!(accounts.iter().all(|(_, sums)| (sums.spent, sums.held) == (i64::MAX, 0)));
}
