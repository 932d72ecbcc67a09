//! Lists of keys, by pages.
//!
//! It must never copy or sort more than a page needs.

use std::collections::HashMap;
use std::sync::Arc;

use bastion_types::{EnvironmentName, KeyId, ServiceName};
use serde::Serialize;

use super::entry::KeyEntry;
use super::record::KeyRecord;

/// Most keys on a page.
pub const MAX_PAGE: u32 = 200;

/// Which keys a list shows.
#[derive(Debug, Clone, Default)]
pub struct KeyFilter {
    /// Only of this environment.
    pub environment: Option<EnvironmentName>,
    /// Only of this service.
    pub service: Option<ServiceName>,
    /// Are revoked ones shown?
    pub include_revoked: RevokedKeys,
}

/// Are revoked keys in the list?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RevokedKeys {
    /// No.
    #[default]
    Hidden,
    /// Yes.
    Shown,
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// The last key of the page before; none: from the beginning. After an id that is no key of
    /// ours comes nothing.
    pub after: Option<KeyId>,
    /// How many, at least 1; above [`MAX_PAGE`] counts as that.
    pub limit: u32,
}

/// A part of a list, oldest key first.
#[derive(Debug, Clone, Serialize)]
pub struct KeyPage {
    /// The keys.
    pub data: Vec<KeyRecord>,
    /// What to give as `after` for the next page; none: this was the last one.
    pub next: Option<String>,
}

pub(super) fn list(
    entries: &HashMap<KeyId, Arc<KeyEntry>>,
    filter: &KeyFilter,
    page: &Page,
) -> KeyPage {
    let after = page.after.map(|id| entries.get(&id).map(|entry| place(entry)));
    let Some(after) = after.map_or(Some(None), |known| known.map(Some)) else {
        return KeyPage { data: Vec::new(), next: None };
    };
    let behind = |entry: &&Arc<KeyEntry>| after.is_none_or(|after| place(entry) > after);
    let mut fit: Vec<_> = entries.values().filter(behind).filter(|key| fits(key, filter)).collect();
    let limit = usize::try_from(page.limit.clamp(1, MAX_PAGE)).unwrap_or(1);
    let more = fit.len() > limit;
    if more {
        fit.select_nth_unstable_by_key(limit, |entry| place(entry));
        fit.truncate(limit);
    }
    fit.sort_unstable_by_key(|entry| place(entry));
    let last = fit.last().filter(|_| more);
    KeyPage {
        next: last.map(|entry| entry.id.to_string()),
        data: fit.iter().map(|entry| entry.record()).collect(),
    }
}

/// Where a key stands in every list.
fn place(entry: &KeyEntry) -> (i64, KeyId) {
    (entry.created_at.micros(), entry.id)
}

fn fits(entry: &KeyEntry, filter: &KeyFilter) -> bool {
    filter.environment.as_ref().is_none_or(|name| *name == entry.environment)
        && filter.service.as_ref().is_none_or(|name| *name == entry.service)
        && (filter.include_revoked == RevokedKeys::Shown || entry.revoked_at.is_none())
}
