//! Who may read a whole history at the same time: few, so that the rest of the connections stay for
//! what calls wait for.
//!
//! It must never keep a sign of life or a hold waiting.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::StoreError;

/// Reads of a whole history at the same time.
const MAX_PATIENT_READS: usize = 2;

/// How long a further one waits for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(10);

/// The turns; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    turns: Arc<Semaphore>,
}

impl Patience {
    pub(crate) fn new() -> Patience {
        Patience { turns: Arc::new(Semaphore::new(MAX_PATIENT_READS)) }
    }

    /// A turn, until it is dropped.
    ///
    /// # Errors
    /// When others read for too long.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        self.turn_within(TURN_WITHIN).await
    }

    async fn turn_within(&self, limit: Duration) -> Result<OwnedSemaphorePermit, StoreError> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        match timeout(limit, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) => Err(StoreError::Closed),
            Err(_) => Err(StoreError::Busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn few_read_at_the_same_time_and_the_others_have_a_limit() {
        let patience = Patience::new();
        let first = patience.turn().await.unwrap();
        let _second = patience.turn().await.unwrap();
        let third = patience.turn_within(Duration::from_millis(1)).await;
        assert!(matches!(third, Err(StoreError::Busy)), "{third:?}");
        drop(first);
        assert!(patience.turn().await.is_ok());
    }
}
