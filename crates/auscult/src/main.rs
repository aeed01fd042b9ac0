//! The auscult command-line program: reads the arguments, calls the library crates, and turns
//! what happened into an exit code. It holds no logic that a library should have.

mod args;
mod cache;
mod commands;
mod data;
mod exit;
mod failure;
mod keys;
mod output;
mod target;
mod worker;

use std::{io::Write as _, process::ExitCode};

use clap::Parser as _;

use crate::{
    args::{Cli, Command},
    exit::Exit,
    failure::{Hinted, WrongUsage},
};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not errors.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            let _ = error.print();
            return exit.into();
        }
    };
    match run(cli.command) {
        Ok(exit) => exit.into(),
        Err(error) => report(&error).into(),
    }
}

fn run(command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Scan(arguments) => commands::scan::run(&arguments),
        Command::Unpack(arguments) => commands::unpack::run(&arguments),
        Command::Explain(arguments) => commands::explain::run(&arguments),
        Command::Context(command) => commands::context::run(&command),
        Command::Diff(arguments) => commands::diff::run(&arguments),
        Command::Advisories(command) => commands::advisories::run(&command),
        Command::Manifest(command) => commands::integrity::manifest(&command),
        Command::Measure(arguments) => commands::integrity::measure(&arguments),
        Command::Verify(arguments) => commands::integrity::verify(&arguments),
        Command::Serve(arguments) => commands::serve::run(&arguments),
        Command::Push(arguments) => commands::push::run(&arguments),
        Command::Backup(arguments) => commands::upkeep::backup(&arguments),
        Command::Restore(arguments) => commands::upkeep::restore(&arguments),
        Command::Doctor(arguments) => commands::upkeep::doctor(&arguments),
        Command::Audit(command) => commands::upkeep::audit(&command),
        Command::Worker { request } => worker::run_child(&request).map(|()| Exit::Done),
    }
}

/// Tells the error and its hint on standard error.
fn report(error: &anyhow::Error) -> Exit {
    // A reader that went away (`auscult … | head`) is no failure worth a message.
    let broken_pipe = error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    });
    if !broken_pipe {
        let mut stderr = std::io::stderr().lock();
        let _ = writeln!(stderr, "error: {error:#}");
        if let Some(hint) = Hinted::hint_of(error) {
            let _ = writeln!(stderr, "\nhint: {hint}");
        }
    }
    let usage = error.chain().any(<dyn std::error::Error>::is::<WrongUsage>);
    if usage { Exit::Usage } else { Exit::Failed }
}
