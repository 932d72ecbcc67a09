//! The table: each scenario beside its bound, for the terminal and for the docs.
//!
//! It must never round a missed bound into a met one.

use std::fmt::Write;

/// One scenario's medians.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) bastion: f64,
    pub(crate) nginx: f64,
    /// What is held against the bound.
    pub(crate) figure: f64,
    pub(crate) must: f64,
}

impl Row {
    pub(crate) fn is_met(&self) -> bool {
        self.figure <= self.must
    }

    fn verdict(&self) -> &'static str {
        if self.is_met() { "met" } else { "missed" }
    }
}

/// For a terminal.
pub(crate) fn line(row: &Row) -> String {
    let Row { name, unit, bastion, nginx, figure, must } = row;
    format!(
        "{name:<10} bastion {bastion:>8.1}  nginx {nginx:>8.1}  {figure:>6.2} {unit:<14} must {must:>5.1}  {}",
        row.verdict()
    )
}

/// For the docs.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "| scenario | bastion | nginx | figure | must | |\n|---|---:|---:|---:|---:|---|\n",
    );
    for row in rows {
        let Row { name, unit, bastion, nginx, figure, must } = row;
        // Writing to a String cannot fail.
        writeln!(
            text,
            "| `{name}` | {bastion:.1} | {nginx:.1} | {figure:.2} {unit} | {must} | {} |",
            row.verdict()
        )
        .ok();
    }
    text
}
