//! `cargo xtask TASK`: the checks of a change; every other task is one of `workbench`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

mod ci;
mod tidy;

use std::process::{Command, ExitCode};

use xtask::Task;

const TASKS: &[Task] = &[
    ("ci", "everything that must pass: fmt, clippy, tidy, deny, tests, corpus", ci::run),
    ("tidy", "house rules: dependency direction, docs, sizes, nothing of the corpus", tidy::run),
];

fn main() -> ExitCode {
    xtask::run_task(TASKS).unwrap_or_else(|| {
        if std::env::args().nth(1).is_none() {
            eprintln!("usage: cargo xtask TASK\n");
            xtask::list(TASKS);
        }
        workbench()
    })
}

/// Builds the program with the other tasks and gives it the same command line.
fn workbench() -> ExitCode {
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--quiet", "--locked", "--package", "workbench", "--"]);
    cargo.args(std::env::args_os().skip(1)).env("CARGO_INCREMENTAL", "0");
    match cargo.status() {
        // Ended by a signal, it has no code.
        Ok(status) => status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .map_or(ExitCode::FAILURE, ExitCode::from),
        Err(error) => {
            eprintln!("error: start cargo: {error}");
            ExitCode::FAILURE
        }
    }
}
