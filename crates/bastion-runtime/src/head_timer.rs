//! How long the heads of one connection may take: one timer for all of them.
//!
//! hyper asks for a timer at every head and drops it behind the head: in the runtime's wheel each
//! would be put in and taken out again. Here the one that runs stays, and is set anew when it ends
//! before the time of the head that is awaited then. It must never end a head before its time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;
use tokio::time::Instant;

/// The one that runs, once there was a head.
type Running = Arc<Mutex<Option<Pin<Box<tokio::time::Sleep>>>>>;

/// A connection's timer.
#[derive(Default)]
pub(crate) struct HeadTimer {
    running: Running,
}

/// The time of one head.
struct HeadTime {
    ends_at: Instant,
    running: Running,
}

#[expect(clippy::disallowed_types, reason = "hyper hands its moments over in it")]
impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until((Instant::now() + duration).into_std())
    }

    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn Sleep>> {
        let ends_at = Instant::from_std(deadline);
        Box::pin(HeadTime { ends_at, running: Arc::clone(&self.running) })
    }

    fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }
}

impl Sleep for HeadTime {}

impl Future for HeadTime {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut running = self.running.lock();
        let timer = running.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(self.ends_at)));
        if timer.deadline() > self.ends_at {
            timer.as_mut().reset(self.ends_at);
        }
        ready!(timer.as_mut().poll(cx));
        if timer.deadline() >= self.ends_at {
            return Poll::Ready(());
        }
        // It was that of a head before.
        timer.as_mut().reset(self.ends_at);
        timer.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// Waits for a head that comes after so long, or for the end of its time.
    async fn comes(timer: &HeadTimer, after: Duration) -> bool {
        let ended = timer.sleep(LIMIT);
        tokio::select! {
            () = ended => false,
            () = tokio::time::sleep(after) => true,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn every_head_has_its_whole_time_and_no_more() {
        let timer = HeadTimer::default();
        for seconds in [9, 3, 0, 9, 9] {
            assert!(comes(&timer, Duration::from_secs(seconds)).await, "{seconds}");
        }
        let began = Instant::now();
        assert!(!comes(&timer, Duration::from_secs(11)).await);
        assert_eq!(began.elapsed().as_secs(), LIMIT.as_secs());
        // Long after the timer has ended, too.
        tokio::time::sleep(LIMIT * 3).await;
        assert!(comes(&timer, Duration::from_secs(9)).await);
        let began = Instant::now();
        assert!(!comes(&timer, LIMIT * 2).await);
        assert_eq!(began.elapsed().as_secs(), LIMIT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_time_ends_first() {
        let timer = HeadTimer::default();
        assert!(comes(&timer, Duration::from_secs(1)).await);
        let began = Instant::now();
        timer.sleep(Duration::from_secs(2)).await;
        assert_eq!(began.elapsed().as_secs(), 2);
    }
}
