//! The layer table of ARCHITECTURE.md, as data.
//!
//! It must never grow an exception that the table in ARCHITECTURE.md does not show.

/// One crate's row.
#[derive(Debug)]
pub(crate) struct Row {
    /// The crate's name.
    pub(crate) name: &'static str,
    /// Its layer.
    pub(crate) layer: u8,
    /// It may use every crate of a layer lower than this one.
    below: u8,
    /// Crates beside it that it may use as well.
    also: &'static [&'static str],
}

impl Row {
    const fn new(name: &'static str, layer: u8, below: u8) -> Row {
        Row { name, layer, below, also: &[] }
    }

    const fn and(self, also: &'static [&'static str]) -> Row {
        Row { also, ..self }
    }

    /// May this crate use that one, shipped or in tests?
    pub(crate) fn may_use(&self, used: &Row) -> bool {
        used.layer < self.below || self.also.contains(&used.name)
    }
}

/// Every crate of the workspace, from the lowest layer up.
pub(crate) const TABLE: &[Row] = &[
    Row::new("bastion-types", 0, 0),
    Row::new("bastion-wire", 1, 1),
    Row::new("bastion-config", 1, 1),
    Row::new("bastion-runtime", 1, 1),
    Row::new("bastion-store", 2, 2),
    Row::new("bastion-limits", 2, 2),
    Row::new("bastion-outbound", 2, 2),
    Row::new("bastion-observe", 2, 2).and(&["bastion-store", "bastion-outbound"]),
    Row::new("bastion-sim", 2, 2),
    Row::new("bastion-client", 2, 2),
    Row::new("bastion-gateway", 3, 3),
    Row::new("bastion-jobs", 3, 3),
    Row::new("bastion-check", 3, 3),
    Row::new("bastion-console", 4, 3).and(&["bastion-check"]),
    Row::new("bastion-drills", 4, 3),
    Row::new("bastion", 5, 5),
    Row::new("bastion-bench", 6, 0),
    Row::new("bastion-counts", 6, 2),
    Row::new("bastion-fuzz", 6, 2),
    Row::new("xtask", 6, 0),
];

/// The row of the crate with this name.
pub(crate) fn row(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_one_of_the_architecture() {
        for (user, used, expect) in [
            ("bastion-wire", "bastion-types", true),
            ("bastion-wire", "bastion-config", false),
            ("bastion-observe", "bastion-store", true),
            ("bastion-store", "bastion-observe", false),
            ("bastion-gateway", "bastion-sim", true),
            ("bastion-limits", "bastion-sim", false),
            ("bastion-gateway", "bastion-jobs", false),
            ("bastion-console", "bastion-check", true),
            ("bastion-console", "bastion-gateway", false),
            ("bastion-drills", "bastion-check", false),
            ("bastion", "bastion-drills", true),
            ("bastion-sim", "bastion", false),
            ("xtask", "bastion-types", false),
            ("bastion", "xtask", false),
        ] {
            let allowed = row(user).unwrap().may_use(row(used).unwrap());
            assert_eq!(allowed, expect, "{user} uses {used}");
        }
    }
}
