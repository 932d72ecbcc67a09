//! The boxes of the production checklist, by their ids, in the checklist's order.
//!
//! An id must never be renamed: waivers, reports and records name it.

use std::fmt;

use serde::{Serialize, Serializer};

/// Every box.
const IDS: [&str; 26] = [
    "credentials.secret-store",
    "credentials.separate-keys",
    "credentials.rotation",
    "credentials.redaction",
    "reliability.retry",
    "reliability.retry-after",
    "reliability.no-4xx-retry",
    "reliability.stream-restart",
    "reliability.effects-once",
    "observability.dashboard",
    "observability.alerts",
    "observability.sampled-logs",
    "cost.spend-cap",
    "cost.model-choice",
    "cost.low-balance",
    "cost.token-budget",
    "streaming.no-buffering",
    "streaming.commit-clean",
    "streaming.cancel",
    "privacy.store-false",
    "privacy.pii",
    "privacy.audit",
    "privacy.residency",
    "drills.sustained-5xx",
    "drills.key-revoked",
    "drills.credit-limit",
];

/// One box: `section.box`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BoxId(&'static str);

impl BoxId {
    /// Every id, in the checklist's order.
    pub fn all() -> impl Iterator<Item = BoxId> + Clone {
        IDS.iter().map(|id| BoxId(id))
    }

    /// The box with this id.
    pub fn parse(text: &str) -> Option<BoxId> {
        BoxId::all().find(|id| id.0 == text)
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// What stands before the point.
    pub fn section(self) -> &'static str {
        self.0.split_once('.').map_or(self.0, |(section, _)| section)
    }
}

impl fmt::Display for BoxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for BoxId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_26_in_seven_sections_and_each_stands_once() {
        let ids: HashSet<BoxId> = BoxId::all().collect();
        assert_eq!(ids.len(), 26);
        let sections: HashSet<&str> = BoxId::all().map(BoxId::section).collect();
        assert_eq!(sections.len(), 7);
        assert_eq!(BoxId::parse("drills.credit-limit").unwrap().section(), "drills");
        assert_eq!(BoxId::parse("drills.credit"), None);
    }
}
