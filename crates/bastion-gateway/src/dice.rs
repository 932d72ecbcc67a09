//! The randomness of waits: seeded by the system, or by a test that wants the same throws again.
//!
//! It must never decide about anything secret: keys and ids have their own.

use parking_lot::Mutex;

/// One for the process; only calls that failed throw it.
pub(crate) struct Dice {
    generator: Mutex<fastrand::Rng>,
}

impl Dice {
    /// Throws that nobody can foresee.
    pub(crate) fn from_system() -> Dice {
        Dice { generator: Mutex::new(fastrand::Rng::new()) }
    }

    /// Any number, each as likely as another.
    pub(crate) fn throw(&self) -> u32 {
        self.generator.lock().u32(..)
    }
}
