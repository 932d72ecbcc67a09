//! Is this process ready for calls? What `/readyz` answers, and why in the log.
//!
//! It must never tell callers details: they read one word.

use std::sync::Arc;

use parking_lot::Mutex;

/// What must stand before calls are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Check {
    /// Both listeners accept.
    Listeners,
    /// The store takes writes.
    Store,
    /// Every upstream's credential resolved.
    Credentials,
    /// No drain has begun.
    Serving,
}

/// The answer of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It stands.
    Stands,
    /// It does not, for this reason (for operators).
    Fails(String),
}

/// What can be worse than it should be while calls are taken all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// The limits are counted by all nodes together.
    Limits,
}

/// What is known of each check; cheap to clone.
#[derive(Debug, Clone)]
pub struct Readiness {
    checks: Arc<Mutex<Vec<(Check, Standing)>>>,
    degraded: Arc<Mutex<Vec<(Part, String)>>>,
}

impl Default for Readiness {
    fn default() -> Readiness {
        let unknown = |check| (check, Standing::Fails("not begun".to_owned()));
        let all = [Check::Listeners, Check::Store, Check::Credentials, Check::Serving];
        let checks = Arc::new(Mutex::new(all.map(unknown).to_vec()));
        Readiness { checks, degraded: Arc::default() }
    }
}

impl Readiness {
    /// Takes note of a check's standing; a change is logged.
    pub fn set(&self, check: Check, standing: Standing) {
        let mut checks = self.checks.lock();
        let Some((_, known)) = checks.iter_mut().find(|(other, _)| *other == check) else { return };
        if *known != standing {
            match &standing {
                Standing::Stands => tracing::debug!(?check, "stands"),
                Standing::Fails(why) if check == Check::Serving => tracing::info!(why, "not ready"),
                Standing::Fails(why) => tracing::warn!(?check, why, "not ready"),
            }
            *known = standing;
        }
    }

    /// Do all checks stand?
    pub fn is_ready(&self) -> bool {
        self.checks.lock().iter().all(|(_, standing)| *standing == Standing::Stands)
    }

    /// Takes note of a part that is degraded for this reason, or of one that is whole.
    pub fn set_part(&self, part: Part, degraded: Option<String>) {
        let mut parts = self.degraded.lock();
        parts.retain(|(other, _)| *other != part);
        parts.extend(degraded.map(|why| (part, why)));
    }

    /// Which parts are degraded and why, for operators.
    pub fn degraded(&self) -> Vec<(Part, String)> {
        self.degraded.lock().clone()
    }

    /// Is no part degraded?
    pub fn is_whole(&self) -> bool {
        self.degraded.lock().is_empty()
    }

    /// What fails, for operators.
    pub fn failing(&self) -> Vec<(Check, String)> {
        let checks = self.checks.lock();
        let failing = checks.iter().filter_map(|(check, standing)| match standing {
            Standing::Stands => None,
            Standing::Fails(why) => Some((*check, why.clone())),
        });
        failing.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_means_every_check_stands() {
        let readiness = Readiness::default();
        assert!(!readiness.is_ready());
        for check in [Check::Listeners, Check::Store, Check::Credentials, Check::Serving] {
            readiness.set(check, Standing::Stands);
        }
        assert!(readiness.is_ready());
        readiness.set(Check::Store, Standing::Fails("full".into()));
        assert_eq!(readiness.failing(), [(Check::Store, "full".to_owned())]);
    }

    #[test]
    fn a_degraded_part_does_not_end_readiness() {
        let readiness = Readiness::default();
        for check in [Check::Listeners, Check::Store, Check::Credentials, Check::Serving] {
            readiness.set(check, Standing::Stands);
        }
        readiness.set_part(Part::Limits, Some("lost".to_owned()));
        readiness.set_part(Part::Limits, Some("slow".to_owned()));
        assert!(readiness.is_ready() && !readiness.is_whole());
        assert_eq!(readiness.degraded(), [(Part::Limits, "slow".to_owned())]);
        readiness.set_part(Part::Limits, None);
        assert!(readiness.is_whole());
    }
}
