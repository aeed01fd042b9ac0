//! `auscult unpack`: what an image consists of.

use std::{fmt::Write as _, io::Write as _, os::fd::AsFd as _};

use anyhow::Context as _;
use auscult_model::{Coverage, looks_like};

use crate::{
    args::UnpackArgs,
    exit::Exit,
    output::{self, Form},
    target::Target,
    worker::{self, Listing},
};

pub(crate) fn run(arguments: &UnpackArgs) -> anyhow::Result<Exit> {
    let limits = super::limits(&arguments.limits);
    if let Some(locator) = &arguments.cat {
        let locator = locator.parse().context("read --cat")?;
        let target = Target::open(&arguments.image)?;
        let out = std::io::stdout().as_fd().try_clone_to_owned().context("take the output")?;
        worker::print(target, locator, &limits, out.into())?;
        return Ok(Exit::Done);
    }
    if let Some(folder) = &arguments.to {
        let target = Target::open(&arguments.image)?;
        let answer = worker::extract(target, folder, &limits)?;
        let mut stderr = std::io::stderr().lock();
        for note in &answer.notes {
            writeln!(stderr, "note: {}", printable(note))?;
        }
        writeln!(stderr, "{} files written to {}", answer.files, folder.display())?;
        return Ok(Exit::Done);
    }
    let options: Vec<String> = arguments.output.iter().cloned().collect();
    let outputs = output::parse(&options, Form::Table)?;
    let target = Target::open(&arguments.image)?;
    let problems = target.problems.clone();
    let mut listing = worker::list(target, &limits)?;
    listing.problems.extend(problems);
    for wanted in &outputs {
        let bytes = match wanted.format {
            Form::Json => {
                let mut bytes = serde_json::to_vec_pretty(&listing)?;
                bytes.push(b'\n');
                bytes
            }
            Form::Table => table(&listing).into_bytes(),
        };
        output::write(wanted, &bytes)?;
    }
    let identified = listing.entries.iter().any(|row| row.kind == "container");
    Ok(if identified { Exit::Done } else { Exit::Inconclusive })
}

fn table(listing: &Listing) -> String {
    let mut text = auscult_report::tree_text(&listing.entries);
    text.push_str(&coverage_line(&listing.coverage));
    for region in &listing.coverage.regions_unread {
        let (place, bytes) = (&region.locator, region.bytes);
        let like =
            region.entropy_centibits.map(|entropy| format!(", like {}", looks_like(entropy)));
        let (reason, like) = (printable(&region.reason), like.unwrap_or_default());
        let _ = writeln!(text, "  unread: {place} ({bytes} bytes): {reason}{like}");
    }
    for problem in &listing.problems {
        let told = printable(&format!("{}: {}", problem.what, problem.why));
        let _ = writeln!(text, "  problem: {}: {told}", problem.locator);
    }
    text
}

/// Text that comes from the image must not steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn coverage_line(coverage: &Coverage) -> String {
    let points = coverage.read_basis_points();
    let mut line = format!(
        "{} bytes: {} read, {} padding, {} unread ({}.{:02} % accounted for by parsers or padding)\n",
        coverage.bytes_total,
        coverage.bytes_read,
        coverage.bytes_padding,
        coverage.bytes_unread,
        points / 100,
        points % 100,
    );
    // The largest first: it is what could hide most.
    let largest = coverage.regions_unread.iter().max_by_key(|region| region.bytes);
    if let Some(largest) = largest.filter(|_| coverage.bytes_unread > 0) {
        let unread = 10_000 - points;
        let _ = writeln!(
            line,
            "{}.{:02} % of this image could not be read, in {} places, most of it from {}",
            unread / 100,
            unread % 100,
            coverage.regions_unread.len(),
            largest.locator
        );
    }
    line
}
