//! `cargo xtask bench server`: what a hospital of some size asks of the server, on SQLite and on
//! PostgreSQL, against the limits that it promises.
//!
//! Options: `--only PART` for one part beside loading, `--small` for a tenth of the data, `--builds`,
//! `--devices` and `--images` with a number for so many, `--database sqlite|postgresql` for one of
//! them, `--program PATH` for a program that is built already. Every answer is checked against what the
//! generated data must come to ([`data`]).

mod data;
mod load;
mod parts;
mod verification;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use auscult_testkit::Postgres;
use xtask::shell::release_program;

use crate::serving::{Client, Server};

/// Measures one thing on a server that has its data.
type Part = fn(&Loaded) -> anyhow::Result<()>;

/// What can be measured alone, in the order in which it is.
const PARTS: &[(&str, Part)] = &[
    ("start", parts::start),
    ("sbom", parts::sbom),
    ("where-used", parts::where_used),
    // Before the uploads of the next part: the limit is for the builds that were loaded.
    ("delta", parts::delta),
    ("pages", parts::pages),
    ("images", parts::images),
    ("verification", verification::verification),
];

/// How much data there is.
#[derive(Clone, Copy, Debug)]
struct Size {
    builds: usize,
    components: usize,
    devices: usize,
    images: usize,
    seconds_of_pages: u64,
}

const WHOLE: Size =
    Size { builds: 2_000, components: 500, devices: 300_000, images: 50, seconds_of_pages: 60 };
const SMALL: Size =
    Size { builds: 200, components: 500, devices: 30_000, images: 4, seconds_of_pages: 15 };

/// What the command line says.
struct Wanted {
    size: Size,
    only: Option<String>,
    database: Option<String>,
    program: Option<PathBuf>,
}

/// A server with everything in it.
struct Loaded<'a> {
    program: &'a Path,
    database: &'a str,
    data: &'a Path,
    /// Snapshots: of the advisories, and with two thousand more.
    snapshots: &'a [PathBuf; 2],
    size: Size,
    server: Server,
    client: Client,
    product: String,
    /// Ids of the builds, by their number.
    builds: Vec<String>,
}

pub(super) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let wanted = Wanted::of(arguments)?;
    let program = wanted.program.clone().map_or_else(release_program, Ok)?;
    let folder = tempfile::tempdir()?;
    let snapshots = load::snapshots(&program, folder.path())?;
    for kind in ["sqlite", "postgresql"] {
        if wanted.database.as_ref().is_some_and(|only| only != kind) {
            continue;
        }
        let data = folder.path().join(kind);
        std::fs::create_dir_all(&data)?;
        let database = match kind {
            "sqlite" => format!("sqlite:{}", data.join("server.db").display()),
            _ => match Postgres::get() {
                Some(postgres) => postgres.new_database(),
                None => bail!("no PostgreSQL to measure on (Debian package postgresql)"),
            },
        };
        println!("\non {kind}: {:?}", wanted.size);
        println!("{:52} {:>10} {:>8}", "", "measured", "at most");
        let loaded = load::load(&program, &database, &data, &snapshots, wanted.size)?;
        for (name, part) in PARTS {
            if wanted.only.as_ref().is_none_or(|only| only == name) {
                // One that fails says so and takes none of the others with it.
                if let Err(error) = part(&loaded) {
                    println!("{name:52} FAILED: {error:#}");
                }
            }
        }
        row("memory of the server, peak", loaded.server.peak_mib()?, 1024.0, "MiB");
    }
    Ok(())
}

impl Wanted {
    fn of(arguments: &[String]) -> anyhow::Result<Self> {
        let size = if arguments.iter().any(|word| word == "--small") { SMALL } else { WHOLE };
        let mut wanted = Self { size, only: None, database: None, program: None };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut next = || words.next().cloned().with_context(|| format!("{word} what?"));
            match word.as_str() {
                "--small" => {}
                "--builds" => wanted.size.builds = next()?.parse()?,
                "--devices" => wanted.size.devices = next()?.parse()?,
                "--images" => wanted.size.images = next()?.parse()?,
                "--only" => wanted.only = Some(next()?),
                "--database" => wanted.database = Some(next()?),
                "--program" => wanted.program = Some(next()?.into()),
                other => bail!("unknown word {other}"),
            }
        }
        let is_part = |only: &String| PARTS.iter().any(|(name, _)| name == only);
        if let Some(only) = wanted.only.as_ref().filter(|only| !is_part(only)) {
            let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
            bail!("no part {only}; there are {}", names.join(", "));
        }
        Ok(wanted)
    }
}

/// A row: what was measured, its limit, and whether it is met.
fn row(what: &str, measured: f64, most: f64, unit: &str) {
    let verdict = if measured <= most { "pass" } else { "MISS" };
    println!("{what:52} {measured:10.1} {most:8.0} {unit:4} {verdict}");
}
