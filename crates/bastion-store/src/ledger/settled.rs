//! A settlement that the teller has taken.
//!
//! It must never say that it is durable before it is on the disk.

use bastion_types::Money;
use tokio::sync::oneshot;

use super::order::Charged;
use crate::StoreError;

/// A charge on its way to the disk. Whoever does not wait for it loses nothing.
#[must_use = "whoever shows a charge waits until it is durable"]
#[derive(Debug)]
pub struct Settled {
    amount: Money,
    told: oneshot::Receiver<Result<Charged, StoreError>>,
}

impl Settled {
    /// Of so much; `told` says what came of it.
    pub fn new(amount: Money, told: oneshot::Receiver<Result<Charged, StoreError>>) -> Settled {
        Settled { amount, told }
    }

    /// What is charged: never more than what was set aside, where that was.
    pub fn amount(&self) -> Money {
        self.amount
    }

    /// Waits until it is on the disk.
    ///
    /// # Errors
    /// When the process ends first, or the sums cannot take it.
    pub async fn durable(self) -> Result<Charged, StoreError> {
        self.told.await.map_err(|_| StoreError::Closed)?
    }
}
