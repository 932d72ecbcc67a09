//! Room in the gateway's retry budget: a drill that needs more retries than are free makes the
//! calls of which they are a share.
//!
//! It must never make calls without a limit, and never take it for a fault that there is no room.

use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use crate::course::Course;
use crate::findings::Missed;

/// The budget looks back so long.
const WINDOW: Duration = Duration::from_mins(1);

/// What its clock and ours may differ by.
const EDGE: Duration = Duration::from_secs(2);

/// Retries a minute that are always allowed.
const FREE: usize = 10;

/// Calls at most that are made for room.
const MOST_CALLS: usize = 1000;

/// The calls and the retries of a drill, each with its moment.
pub(crate) struct Room {
    share_per_mille: u32,
    calls: Vec<Instant>,
    retries: Vec<Instant>,
}

impl Room {
    /// In a budget of this share; nothing was called so far.
    pub(crate) fn new(share_per_mille: u32) -> Room {
        Room { share_per_mille, calls: Vec::new(), retries: Vec::new() }
    }

    /// Makes room for so many retries within a time; false: there is none to be had.
    pub(crate) async fn make(
        &mut self,
        course: &Course<'_>,
        retries: u32,
        within: Duration,
    ) -> Result<bool, Missed> {
        let retries = usize::try_from(retries).unwrap_or(usize::MAX);
        let wanted = since(&self.retries, WINDOW + EDGE).saturating_add(retries);
        if wanted <= FREE {
            return Ok(true);
        }
        let Ok(share @ 1..) = usize::try_from(self.share_per_mille) else { return Ok(false) };
        let needed = wanted.saturating_mul(1000).div_ceil(share);
        // Calls must count to the end of what there is room for.
        let counted = WINDOW.saturating_sub(within).saturating_sub(EDGE);
        if counted.is_zero() {
            return Ok(false);
        }
        course.play("")?;
        let caller = course.caller()?;
        while since(&self.calls, counted) < needed {
            if self.calls.len() >= MOST_CALLS || caller.chat().await?.status != StatusCode::OK {
                return Ok(false);
            }
            self.calls.push(Instant::now());
        }
        Ok(true)
    }

    /// A call that began then was tried again so often until now.
    pub(crate) fn used(&mut self, began: Instant, retries: usize) {
        self.calls.push(began);
        self.retries.extend(std::iter::repeat_n(Instant::now(), retries));
    }
}

/// How many of them are not older.
fn since(moments: &[Instant], age: Duration) -> usize {
    moments.iter().filter(|moment| moment.elapsed() <= age).count()
}
