//! The binary: reads the command line, runs one command, ends with its exit code.
//!
//! It must never hold logic of its own: commands live in `cli/`, the house is put together in
//! `wiring`.

mod cli;
mod drilling;
mod exit;
mod operator;
mod out;
mod wiring;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
