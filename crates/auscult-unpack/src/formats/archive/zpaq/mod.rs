//! ZPAQ archives ("The ZPAQ Open Standard Format for Highly Compressed Data", levels 1 and 2, revision
//! 2.06): streams of files, and journals of updates with fragments that files share.
//!
//! Blocks are found by their marks and decoded one by one. Of a journal the files are given as the
//! last update left them; deleted files and older versions are counted. Encrypted archives begin with
//! random bytes and cannot be told from others.

use crate::{
    Entry, Extent, Fault,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::gathering::Gathering,
};

mod blocks;
mod index;
mod journal;
mod streaming;
#[cfg(test)]
mod tests;
mod verify;
mod words;

use blocks::{Block, Found};

pub(crate) static FORMAT: Format = Format {
    name: "zpaq",
    magics: &[
        // The mark that lets a reader find a block anywhere, then the block itself.
        Magic::start(blocks::LOCATOR),
        Magic::start(b"zPQ\x01\x01"),
        Magic::start(b"zPQ\x02\x01"),
    ],
    carve: true,
    open,
};

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let archive = &candidate.extent;
    let Found { blocks, gaps, faults, end } = blocks::find(archive)?;
    let archive = archive.clamp(0, end);
    let first = blocks.first().ok_or(NotThis)?;
    let mut opened = Opened { length: end, faults, ..Opened::default() };
    opened.attributes.push(("level", first.header.level.to_string()));
    let variant = if journal::is_journal(first) { "journaling" } else { "streaming" };
    opened.attributes.push(("variant", variant.to_owned()));
    let mut gathering = Gathering::new(&archive);
    let (journals, streams): (Vec<&Block>, Vec<&Block>) =
        blocks.iter().partition(|block| journal::is_journal(block));
    streaming::list(&archive, &streams, &mut gathering);
    if !journals.is_empty() {
        let (attributes, faults) = journal::list(&archive, &journals, &mut gathering);
        opened.attributes.extend(attributes);
        opened.faults.extend(faults);
    }
    add_gaps(&archive, &gaps, &mut gathering);
    let (entries, faults) = gathering.finish();
    opened.entries = entries;
    opened.faults.extend(faults);
    Ok(opened)
}

/// What lies between blocks may be anything.
fn add_gaps(archive: &Extent, gaps: &[(u64, u64)], gathering: &mut Gathering) {
    for &(start, length) in gaps {
        if gathering.is_full() {
            return;
        }
        let why = format!("{length} bytes are no block");
        gathering.report(Fault::new(start, "list a zpaq archive", why), b"");
        gathering
            .add(Entry::part(format!("gap-{start:#x}").into_bytes(), archive.clamp(start, length)));
    }
}
