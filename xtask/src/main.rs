//! `cargo xtask tidy`: the house rules as a program.
//!
//! It must never use a crate of ours, nor change a file: it reads the house and reports.

mod out;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask tidy";

/// What the shell reads when the arguments are wrong, as other command lines have it.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["tidy"] {
        return report();
    }
    out::complaint(USAGE);
    ExitCode::from(EXIT_USAGE)
}

fn report() -> ExitCode {
    match tidy::run(root()) {
        Ok(report) => {
            out::text(&report.to_string());
            if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            out::complaint(&format!("the house could not be read: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// The workspace this binary was built from, wherever it is called.
fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_is_tidy() {
        let report = tidy::run(root()).unwrap();
        assert!(report.is_clean(), "\n{report}");
    }
}
