//! The project's own automation: `cargo xtask TASK`.
//!
//! Tasks run the ordinary tools and print what they run, so that every step can be repeated by
//! hand.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

mod bench;
mod ci;
mod conformance_api;
mod corpus;
mod debian;
mod fuzz;
mod kbuild;
mod made;
mod oracle;
mod projects;
mod reference;
mod serving;
mod shell;
mod shots;
mod standing;
mod symbols;
mod tidy;

use std::process::ExitCode;

/// A task: its name, what it does, and its function. The rest of the command line is its own.
type Task = (&'static str, &'static str, fn(&[String]) -> anyhow::Result<()>);

const TASKS: &[Task] = &[
    ("ci", "everything that must pass: fmt, clippy, tidy, deny, tests, corpus", ci::run),
    ("tidy", "house rules: dependency direction, docs, sizes, nothing of the corpus", tidy::run),
    ("corpus", "scan the shared corpus and score it; [--no-gate] [FILTER]", corpus::run),
    (
        "bench",
        "whole-process timings as ratios to a named peer; [unpack|unpack-pure|identify|scan|advisories|\
         server [--small] [--only PART] [--database sqlite|postgresql] [--program PATH]]",
        bench::run,
    ),
    (
        "oracle",
        "the rules against Debian's packages; [--write] [--quick] [--suite S/A] [RULE]",
        oracle::run,
    ),
    ("reference", "compare contents with the tools of each format; [FILTER]", reference::run),
    (
        "kbuild",
        "which options build a source of the kernel; FOLDER [--check CONFIG OBJECTS]",
        kbuild::run,
    ),
    (
        "conformance-api",
        "schemathesis over the description of the REST interface; [EXAMPLES]",
        conformance_api::run,
    ),
    ("projects", "which project installs which file, from Debian's lists", projects::run),
    ("fuzz", "fuzz every family of parsers; [SECONDS] [TARGET]", fuzz::run),
    (
        "symbols",
        "make symbol histories from Debian packages; FOLDER [--check] [--held-out SUITE]",
        symbols::run,
    ),
    ("shots", "photograph every page of the server; FOLDER", shots::run),
    ("starter", "build the starter snapshot from the shared feeds", made::starter),
    ("sample", "build samples/infusion-pump.img anew", made::sample),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let Some((_, _, task)) = TASKS.iter().find(|(task, _, _)| *task == name) else {
        eprintln!("usage: cargo xtask TASK\n");
        for (task, help, _) in TASKS {
            eprintln!("  {task:9} {help}");
        }
        return ExitCode::from(2);
    };
    match task(&rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
