//! Holds of calls that were refused while nobody knew whether they are written: a message that was
//! given up may still be on its way to the database, and overtake what gives its holds back.
//!
//! It must never keep one longer than a message can be on its way.

use std::collections::VecDeque;
use std::time::Duration;

use bastion_types::Timestamp;
use tokio::time::Instant;

use super::super::order::{Labels, Ticket};

/// Most that are looked for; further ones are swept when this process has ended.
const MAX_DOUBTS: usize = 16_384;

/// From one look to the next.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long one is looked for: a system sends what a closed connection left behind for about two
/// minutes. Source: Linux, `tcp_orphan_retries`.
const LOOK_FOR: Duration = Duration::from_mins(3);

/// A hold that may be written, of a call that was refused.
#[derive(Debug, Clone)]
pub(super) struct Doubtful {
    pub(super) ticket: Ticket,
    pub(super) labels: Labels,
    /// When it was refused.
    pub(super) at: Timestamp,
}

/// One such hold.
struct Doubt {
    hold: Doubtful,
    look_at: Instant,
    until: Instant,
}

/// All of them; whoever is looked at next stands first.
#[derive(Default)]
pub(super) struct Doubts {
    waiting: VecDeque<Doubt>,
}

impl Doubts {
    /// It may be written, now or later.
    pub(super) fn note(&mut self, hold: Doubtful, now: Instant) {
        if self.waiting.len() < MAX_DOUBTS {
            self.waiting.push_back(Doubt {
                hold,
                look_at: now + LOOK_EVERY,
                until: now + LOOK_FOR,
            });
        } else {
            tracing::error!(
                request_id = %hold.ticket.call,
                "too many holds are in doubt; should this one be written it is swept at the end"
            );
        }
    }

    /// When the next look is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.front().map(|doubt| doubt.look_at)
    }

    /// Whose turn it is; each comes again until its time is over.
    pub(super) fn take(&mut self, at_most: usize, now: Instant) -> Vec<Doubtful> {
        let mut taken = Vec::new();
        while taken.len() < at_most
            && let Some(doubt) = self.waiting.pop_front_if(|doubt| doubt.look_at <= now)
        {
            taken.push(doubt.hold.clone());
            if doubt.until >= now + LOOK_EVERY {
                self.waiting.push_back(Doubt { look_at: now + LOOK_EVERY, ..doubt });
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use bastion_types::{CalendarDay, EnvironmentName, Money, RequestId};

    use super::super::super::marks::Marks;
    use super::super::super::order::{HoldOrder, Payer};
    use super::*;

    fn hold() -> Doubtful {
        let payer = Payer {
            environment: EnvironmentName::parse("prod").unwrap(),
            key_id: None,
            surface: None,
            day: CalendarDay::parse("2026-11-26").unwrap(),
        };
        let call = RequestId::generate(Timestamp::from_micros(1)).unwrap();
        let ticket = Ticket::held(&HoldOrder::new(call, payer, Money::ZERO), false, Marks::NONE);
        Doubtful { ticket, labels: Labels::default(), at: Timestamp::from_micros(1) }
    }

    #[test]
    fn each_comes_again_until_its_time_is_over() {
        let (mut doubts, now) = (Doubts::default(), Instant::now());
        let (one, other) = (hold(), hold());
        doubts.note(one.clone(), now);
        doubts.note(other.clone(), now + Duration::from_secs(1));
        assert_eq!(doubts.due(), Some(now + LOOK_EVERY));
        assert!(doubts.take(9, now + LOOK_EVERY / 2).is_empty());
        let calls = |taken: Vec<Doubtful>| -> Vec<_> {
            taken.iter().map(|hold| hold.ticket.call).collect()
        };
        assert_eq!(calls(doubts.take(9, now + LOOK_EVERY)), [one.ticket.call]);
        assert_eq!(calls(doubts.take(1, now + LOOK_EVERY * 2)), [other.ticket.call]);
        assert_eq!(calls(doubts.take(1, now + LOOK_EVERY * 2)), [one.ticket.call]);
        assert!(doubts.take(1, now + LOOK_EVERY * 2).is_empty());
        assert_eq!(doubts.take(9, now + LOOK_FOR + LOOK_EVERY).len(), 2, "the last look");
        assert_eq!(doubts.due(), None);
    }

    #[test]
    fn there_is_an_end_to_what_is_remembered() {
        let (mut doubts, now) = (Doubts::default(), Instant::now());
        let one = hold();
        (0..MAX_DOUBTS + 3).for_each(|_| doubts.note(one.clone(), now));
        assert_eq!(doubts.take(usize::MAX, now + LOOK_EVERY).len(), MAX_DOUBTS);
    }
}
