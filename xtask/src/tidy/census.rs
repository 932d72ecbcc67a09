//! The sizes of each crate and of the whole house, and the table that shows them.
//!
//! It must never judge: `rules/sizes.rs` and `rules/knots.rs` hold the limits.

use std::iter;

use super::house::{House, Package};
use super::knots;
use super::measure::Sizes;
use super::source::Source;

/// The head of the table; the first column is set left, the others right.
const HEAD: [&str; COLUMNS] = [
    "crate",
    "files",
    "lines",
    "median",
    "p90",
    "longest file",
    "longest fn",
    "doc %",
    "import knot",
];

const COLUMNS: usize = 9;

/// The sizes of a set of files. File sizes are lines before the file's own tests.
#[derive(Debug)]
pub(crate) struct Census {
    name: String,
    files: usize,
    lines: usize,
    /// The file size that half of the files do not pass.
    pub(crate) median: usize,
    /// The file size that nine of ten files do not pass.
    pub(crate) p90: usize,
    longest_file: usize,
    longest_function: usize,
    doc_percent: usize,
    knot: usize,
}

impl Census {
    /// All files of the house.
    pub(crate) fn of_house(house: &House) -> Census {
        let knot = house.packages.iter().map(knots::largest).max().unwrap_or(1);
        Census::of("total", house.sources(), knot)
    }

    fn of_package(package: &Package) -> Census {
        Census::of(package.name(), package.sources.iter(), knots::largest(package))
    }

    fn of<'s>(name: &str, sources: impl Iterator<Item = &'s Source>, knot: usize) -> Census {
        let sizes: Vec<Sizes> = sources.map(Sizes::of).collect();
        let mut files: Vec<usize> = sizes.iter().map(|one| one.own_lines).collect();
        files.sort_unstable();
        let lines: usize = sizes.iter().map(|one| one.lines).sum();
        let doc_lines: usize = sizes.iter().map(|one| one.doc_lines).sum();
        Census {
            name: name.to_owned(),
            files: files.len(),
            lines,
            median: percentile(&files, 50),
            p90: percentile(&files, 90),
            longest_file: files.last().copied().unwrap_or(0),
            longest_function: sizes.iter().map(Sizes::longest_function).max().unwrap_or(0),
            doc_percent: (doc_lines * 100).checked_div(lines).unwrap_or(0),
            knot,
        }
    }

    fn cells(&self) -> [String; COLUMNS] {
        [
            self.name.clone(),
            self.files.to_string(),
            self.lines.to_string(),
            self.median.to_string(),
            self.p90.to_string(),
            self.longest_file.to_string(),
            self.longest_function.to_string(),
            self.doc_percent.to_string(),
            self.knot.to_string(),
        ]
    }
}

/// The smallest of the sorted sizes that `percent` of them do not pass.
fn percentile(sorted: &[usize], percent: usize) -> usize {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

/// One row a crate, and the total.
pub(crate) fn table(house: &House) -> String {
    let crates = house.packages.iter().map(Census::of_package);
    let rows: Vec<[String; COLUMNS]> = iter::once(HEAD.map(str::to_owned))
        .chain(crates.chain([Census::of_house(house)]).map(|census| census.cells()))
        .collect();
    let widths: Vec<usize> = (0..COLUMNS).map(|column| width(&rows, column)).collect();
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn width(rows: &[[String; COLUMNS]], column: usize) -> usize {
    rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0)
}

fn line(row: &[String; COLUMNS], widths: &[usize]) -> String {
    let [name, numbers @ ..] = row;
    let (first, others) = widths.split_first().unwrap_or((&0, &[]));
    let cells = numbers.iter().zip(others).map(|(number, width)| format!("  {number:>width$}"));
    let numbers: Vec<String> = cells.collect();
    format!("{name:<first$}{}\n", numbers.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::Tree;

    #[test]
    fn the_percentile_is_a_size_that_exists() {
        for (sorted, percent, expect) in [
            (&[][..], 50, 0),
            (&[7], 90, 7),
            (&[1, 2, 3], 50, 2),
            (&[1, 2, 3, 4], 50, 2),
            (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 90, 9),
        ] {
            assert_eq!(percentile(sorted, percent), expect, "{sorted:?} at {percent}");
        }
    }

    #[test]
    fn the_table_has_a_row_a_crate_and_a_total() {
        let house = House::build(Tree::from_iter([
            ("a/Cargo.toml", "[package]\nname = \"a\"\n"),
            ("a/src/lib.rs", "//! head\nfn f() {}\n"),
        ]));
        let table = table(&house);
        let rows: Vec<Vec<&str>> =
            table.lines().skip(1).map(|row| row.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["a", "1", "2", "2", "2", "2", "1", "50", "1"]);
        assert_eq!(rows[1], ["total", "1", "2", "2", "2", "2", "1", "50", "1"]);
    }
}
