//! The checklist's sections and their titles, in its order.
//!
//! It must never name a section that has no folder in `checks/`.

/// Name and title.
pub(crate) const SECTIONS: [(&str, &str); 7] = [
    ("credentials", "Credentials"),
    ("reliability", "Reliability"),
    ("observability", "Observability"),
    ("cost", "Cost and capacity"),
    ("streaming", "Streaming-specific"),
    ("privacy", "Data and privacy"),
    ("drills", "Failure drills"),
];

/// The name before the point of a box's id.
pub(crate) fn section_of(id: &str) -> &str {
    id.split_once('.').map_or(id, |(section, _)| section)
}
