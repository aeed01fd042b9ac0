//! The tasks of `cargo xtask` that need the program's own crates: benchmarks, what is scored against the
//! corpus and other people's tools, data that are made and not written, fuzzing.
//!
//! Tasks run the ordinary tools and print what they run, so that every step can be repeated by
//! hand.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program")]

mod bench;
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
mod shots;
mod standing;
mod symbols;

use std::process::ExitCode;

use xtask::Task;

const TASKS: &[Task] = &[
    ("corpus", "scan the shared corpus and score it; [--no-gate] [--tested] [FILTER]", corpus::run),
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
    (
        "reference",
        "compare contents with the tools of each format; [--tested] [FILTER]",
        reference::run,
    ),
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
    xtask::run_task(TASKS).unwrap_or_else(|| {
        xtask::list(TASKS);
        ExitCode::from(2)
    })
}
