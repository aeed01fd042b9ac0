//! `auscult unpack`: what an image consists of.

use std::{fmt::Write as _, io::Write as _};

use anyhow::Context as _;
use auscult_model::Coverage;

use crate::{
    args::UnpackArgs,
    exit::Exit,
    output,
    target::Target,
    worker::{self, Listing, Row},
};

pub(crate) fn run(arguments: &UnpackArgs) -> anyhow::Result<Exit> {
    let limits = super::limits(&arguments.limits);
    if let Some(locator) = &arguments.cat {
        let locator = locator.parse().context("read --cat")?;
        let target = Target::open(&arguments.image)?;
        worker::print(target, locator, &limits, &mut std::io::stdout().lock())?;
        return Ok(Exit::Done);
    }
    if let Some(folder) = &arguments.to {
        let target = Target::open(&arguments.image)?;
        let answer = worker::extract(target, folder, &limits)?;
        let mut stderr = std::io::stderr().lock();
        for note in &answer.notes {
            writeln!(stderr, "note: {note}")?;
        }
        writeln!(stderr, "{} files written to {}", answer.files, folder.display())?;
        return Ok(Exit::Done);
    }
    let options: Vec<String> = arguments.output.iter().cloned().collect();
    let outputs = output::parse(&options, &["table", "json"])?;
    let target = Target::open(&arguments.image)?;
    let problems = target.problems.clone();
    let mut listing = worker::list(target, &limits)?;
    listing.problems.extend(problems);
    for wanted in &outputs {
        let bytes = if wanted.format == "json" {
            let mut bytes = serde_json::to_vec_pretty(&listing)?;
            bytes.push(b'\n');
            bytes
        } else {
            table(&listing).into_bytes()
        };
        output::write(wanted, &bytes)?;
    }
    let identified = listing.rows.iter().any(|row| row.kind == "container");
    Ok(if identified { Exit::Done } else { Exit::Inconclusive })
}

fn table(listing: &Listing) -> String {
    let mut text = String::new();
    for row in &listing.rows {
        text.push_str(line(row).trim_end());
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&coverage_line(&listing.coverage));
    for region in &listing.coverage.regions_unread {
        let _ = writeln!(
            text,
            "  unread: {} ({} bytes): {}",
            region.locator, region.bytes, region.reason
        );
    }
    for problem in &listing.problems {
        let _ = writeln!(text, "  problem: {}: {}: {}", problem.locator, problem.what, problem.why);
    }
    text
}

/// The text of locators and notes carries no control character: names are escaped, notes here.
fn line(row: &Row) -> String {
    let mode = row.mode.map_or_else(|| "    -".to_owned(), |mode| format!("{mode:05o}"));
    let owner = match (row.user, row.group) {
        (Some(user), Some(group)) => format!("{user}:{group}"),
        _ => "-".to_owned(),
    };
    let note: String =
        row.note.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    format!("{mode} {owner:>9} {:>10} {:16} {}  {note}", row.bytes, row.kind, row.locator)
}

fn coverage_line(coverage: &Coverage) -> String {
    let points = coverage.read_basis_points();
    format!(
        "{} bytes: {} read, {} padding, {} unread ({}.{:02} % accounted for by parsers or padding)\n",
        coverage.bytes_total,
        coverage.bytes_read,
        coverage.bytes_padding,
        coverage.bytes_unread,
        points / 100,
        points % 100,
    )
}
