//! Days and months that end where the environment is, clocks that jump, caps that are only observed.
//!
//! It must never ask the machine what time it is.

use bastion_types::{CalendarDay, SurfaceName, Timestamp};

use super::*;

/// A scene whose calls count in Toronto, under a cap of the day.
struct Toronto {
    scene: Scene,
    zone: Zone,
    length: Length,
}

impl Toronto {
    async fn new(length: Length) -> Toronto {
        let zone = Zone::parse("America/Toronto").unwrap();
        Toronto { scene: Scene::new().await, zone, length }
    }

    fn order(&self, at: &str, amount: &str, cap: &str) -> HoldOrder {
        let order = self.scene.order(amount, cap);
        let cap = Cap { length: self.length, ..order.caps[0].clone() };
        let day = self.zone.day_of(Timestamp::parse(at).unwrap());
        let payer = Payer { day, ..order.payer.clone() };
        HoldOrder { payer, caps: vec![cap], ..order }
    }

    /// A call at this moment that costs 5 under a cap of 5. Is there room?
    async fn spends(&self, at: &str) -> bool {
        match self.scene.ledger.hold(self.order(at, "5", "5")).await {
            Ok(ticket) => {
                let settled = self.scene.ledger.settle(ticket, cost("5")).await.unwrap();
                settled.durable().await.unwrap();
                true
            }
            Err(NotHeld::Spent(_)) => false,
            Err(other) => panic!("{at}: {other}"),
        }
    }

    async fn spent(&self, day: &str) -> Money {
        let day = CalendarDay::parse(day).unwrap();
        let id = AccountId::over(Scope::Environment(prod()), self.length, day);
        self.scene.ledger.account(&id).await.unwrap().spent
    }
}

#[tokio::test]
async fn a_days_cap_begins_anew_at_the_zones_midnight_however_long_the_day_is() {
    let toronto = Toronto::new(Length::Day).await;
    for (at, room) in [
        // A day of 23 hours.
        ("2026-03-08T05:00:00Z", true),
        ("2026-03-09T03:59:59Z", false),
        ("2026-03-09T04:00:00Z", true),
        ("2026-03-10T03:59:59Z", false),
        // One of 25.
        ("2026-11-01T03:59:59Z", true),
        ("2026-11-01T04:00:00Z", true),
        ("2026-11-02T04:59:59Z", false),
        ("2026-11-02T05:00:00Z", true),
    ] {
        assert_eq!(toronto.spends(at).await, room, "{at}");
    }
    toronto.scene.is_clean().await;
}

#[tokio::test]
async fn a_months_cap_begins_anew_at_the_zones_midnight_and_a_clock_that_goes_back_opens_none() {
    let toronto = Toronto::new(Length::Month).await;
    assert!(toronto.spends("2026-11-15T12:00:00Z").await);
    assert!(!toronto.spends("2026-12-01T04:59:59Z").await, "still November there");
    assert!(toronto.spends("2026-12-01T05:00:00Z").await);
    // The clock goes back over the month's end: the call counts in December, which is spent.
    assert!(!toronto.spends("2026-11-30T12:00:00Z").await);
    // Far back it is believed, and finds November as it was: spent.
    assert!(!toronto.spends("2026-11-20T12:00:00Z").await);
    assert_eq!(
        (toronto.spent("2026-11-20").await, toronto.spent("2026-12-01").await),
        (m("5"), m("5"))
    );
    toronto.scene.is_clean().await;
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_over_a_months_end_and_back_reopens_nothing() {
    let toronto = Toronto::new(Length::Month).await;
    assert!(toronto.spends("2026-11-15T12:00:00Z").await);
    assert!(toronto.spends("2027-02-01T12:00:00Z").await, "a month of its own, and its own cap");
    assert!(!toronto.spends("2026-11-15T12:00:01Z").await, "November is as it was");
    assert!(!toronto.spends("2027-02-01T12:00:01Z").await);
    toronto.scene.is_clean().await;
}

#[tokio::test]
async fn a_call_that_runs_over_midnight_counts_on_the_day_that_it_was_held_on() {
    let toronto = Toronto::new(Length::Day).await;
    let before = toronto.order("2026-12-01T04:59:59Z", "5", "5");
    let ticket = toronto.scene.ledger.hold(before).await.unwrap();
    assert!(toronto.spends("2026-12-01T05:00:00Z").await, "the new day has its own room");
    let settled = toronto.scene.ledger.settle(ticket, cost("3")).await.unwrap();
    settled.durable().await.unwrap();
    assert_eq!(
        (toronto.spent("2026-11-30").await, toronto.spent("2026-12-01").await),
        (m("3"), m("5"))
    );
    toronto.scene.is_clean().await;
}

#[tokio::test]
async fn a_cap_that_is_only_observed_is_told_of_and_counts_all_the_same() {
    let toronto = Toronto::new(Length::Month).await;
    let ledger = &toronto.scene.ledger;
    let observed = |amount: &str| HoldOrder {
        observed: vec![Scope::Environment(prod())],
        wait: Duration::from_mins(1),
        ..toronto.order("2026-11-15T12:00:00Z", amount, "5")
    };
    let first = ledger.hold(observed("4")).await.unwrap();
    assert!(first.unfit().is_none(), "it fits");
    let second = ledger.hold(observed("4")).await.unwrap();
    assert!(matches!(second.unfit(), Some(NotHeld::Reserved(_))), "{:?}", second.unfit());
    let third = ledger.hold(observed("6")).await.unwrap();
    assert!(matches!(third.unfit(), Some(NotHeld::Spent(_))), "{:?}", third.unfit());
    let more = ledger.extend(&first, m("4")).await.unwrap();
    assert!(matches!(more.unfit(), Some(NotHeld::Reserved(_))), "{:?}", more.unfit());
    for ticket in [more, second, third] {
        ledger.settle(ticket, cost("4")).await.unwrap().durable().await.unwrap();
    }
    assert_eq!(toronto.spent("2026-11-15").await, m("12"));
    // Who is not observed there finds it spent.
    let applied = HoldOrder { observed: Vec::new(), ..observed("1") };
    assert!(matches!(ledger.hold(applied).await, Err(NotHeld::Spent(_))));
    // The balance is kept, whatever is observed.
    toronto.scene.top_up("1", "r").await.unwrap();
    assert!(matches!(ledger.hold(observed("2")).await, Err(NotHeld::Spent(_))));
    toronto.scene.is_clean().await;
}

#[tokio::test]
async fn a_call_stands_on_its_environments_surfaces_and_keys_caps_at_once() {
    let toronto = Toronto::new(Length::Month).await;
    let ledger = &toronto.scene.ledger;
    let (key, chat) = (KeyId::parse("0000000000Ab").unwrap(), SurfaceName::parse("chat").unwrap());
    let scopes =
        [Scope::Environment(prod()), Scope::Surface(prod(), chat.clone()), Scope::Key(key)];
    let cap = |tight: usize, length| {
        let amount = move |at| if at == tight { m("1") } else { m("9") };
        let each = scopes.iter().enumerate();
        each.map(move |(at, scope)| Cap { scope: scope.clone(), length, amount: amount(at) })
    };
    let cases = (0..scopes.len()).flat_map(|tight| Length::BOTH.map(|length| (tight, length)));
    for (tight, length) in cases {
        let order = toronto.order("2026-11-15T12:00:00Z", "2", "5");
        let payer = Payer { surface: Some(chat.clone()), ..order.payer.clone() };
        let order = HoldOrder { payer, caps: cap(tight, length).collect(), ..order };
        let told = ledger.hold(order).await.unwrap_err();
        assert!(
            matches!(&told, NotHeld::Spent(short) if short.account.scope == scopes[tight]),
            "{length}: {told}"
        );
    }
    toronto.scene.is_clean().await;
}
