//! The project's own automation: `cargo xtask TASK`.
//!
//! What needs the program's own crates is a task of `workbench`, so that the checks of a change begin
//! before those are built.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

pub mod shell;

use std::process::ExitCode;

/// A task: its name, what it does, and its function. The rest of the command line is its own.
pub type Task = (&'static str, &'static str, fn(&[String]) -> anyhow::Result<()>);

/// Runs the task that the command line names, if it is one of these.
pub fn run_task(tasks: &[Task]) -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let (_, _, task) = tasks.iter().find(|(task, _, _)| *task == name)?;
    Some(match task(&rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    })
}

/// Tells which tasks there are.
pub fn list(tasks: &[Task]) {
    for (task, help, _) in tasks {
        eprintln!("  {task:16} {help}");
    }
}
