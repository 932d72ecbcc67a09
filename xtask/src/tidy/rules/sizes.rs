//! Files and functions that fit the reader: no giants, and small ones on the whole.
//!
//! It must never measure: `tidy/measure.rs` and `tidy/census.rs` do, for the table, too.

use std::path::Path;

use super::Rule;
use crate::tidy::census::Census;
use crate::tidy::house::House;
use crate::tidy::measure;
use crate::tidy::report::Finding;
use crate::tidy::source::Source;

/// Lines of a file, before its tests.
const FILE_LINES_MAX: usize = 500;
/// Lines between a function's braces that are neither blank nor comment.
const FUNCTION_LINES_MAX: usize = 70;
/// Lines of the median file of the house.
const MEDIAN_LINES_MAX: usize = 140;
/// Lines that nine of ten files of the house do not pass.
const P90_LINES_MAX: usize = 350;

/// Limits on the length of files and functions.
pub(crate) struct Sizes;

impl Rule for Sizes {
    fn name(&self) -> &'static str {
        "sizes"
    }

    fn findings(&self, house: &House) -> Vec<Finding> {
        let census = Census::of_house(house);
        let median = on_the_whole("half", census.median, MEDIAN_LINES_MAX);
        let p90 = on_the_whole("a tenth", census.p90, P90_LINES_MAX);
        house.sources().flat_map(of_source).chain(median).chain(p90).collect()
    }
}

fn of_source(source: &Source) -> Vec<Finding> {
    let sizes = measure::Sizes::of(source);
    let mut findings = Vec::new();
    if sizes.own_lines > FILE_LINES_MAX {
        let wrong = format!(
            "the file has {} lines before its tests, more than {FILE_LINES_MAX}",
            sizes.own_lines
        );
        findings.push(Finding::new(&source.path, 1, wrong, "give each noun or act its file"));
    }
    for function in sizes.functions.iter().filter(|one| one.code_lines > FUNCTION_LINES_MAX) {
        let wrong = format!(
            "`{}` has {} code lines, more than {FUNCTION_LINES_MAX}",
            function.name, function.code_lines
        );
        let mend = "keep the decisions here and move the work into functions below";
        findings.push(Finding::new(&source.path, function.line, wrong, mend));
    }
    findings
}

fn on_the_whole(share: &str, lines: usize, limit: usize) -> Option<Finding> {
    let wrong = format!("{share} of all files have {lines} lines or more, beyond {limit}");
    let mend = "split the longest files by noun or act";
    (lines > limit).then(|| Finding::new(Path::new("Cargo.toml"), 1, wrong, mend))
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    const FILE: &str = "crates/a/src/lib.rs";

    fn function(lines: usize) -> String {
        format!("fn f() {{\n{}}}\n", "    g();\n".repeat(lines))
    }

    #[test]
    fn a_long_function_is_found() {
        assert_eq!(
            found(&Sizes, [(FILE, &function(71))]),
            [format!("{FILE}:1: `f` has 71 code lines, more than 70")]
        );
    }

    #[test]
    fn a_long_file_is_found_and_weighs_on_the_whole() {
        assert_eq!(
            found(&Sizes, [(FILE, &"// x\n".repeat(501))]),
            [
                "Cargo.toml:1: a tenth of all files have 501 lines or more, beyond 350".to_owned(),
                "Cargo.toml:1: half of all files have 501 lines or more, beyond 140".to_owned(),
                format!("{FILE}:1: the file has 501 lines before its tests, more than 500"),
            ]
        );
    }

    #[test]
    fn the_limits_themselves_and_long_tests_are_fine() {
        let tests = "    // x\n".repeat(600);
        let text = format!("{}#[cfg(test)]\nmod tests {{\n{tests}}}\n", function(70));
        assert!(found(&Sizes, [(FILE, &text)]).is_empty());
    }
}
