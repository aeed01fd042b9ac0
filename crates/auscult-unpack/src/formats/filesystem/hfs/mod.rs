//! HFS (Apple, Inside Macintosh: Files, chapter 2) and HFS Plus with HFSX (Apple, TN1150).
//!
//! Both keep all names in one tree, the catalog, of which every leaf is read. Resource forks are
//! members with the name `file/..namedfork/rsrc`. Hard links lead to the files that HFS Plus hides
//! in a folder of its own. A slash in a name is given as a colon, as Unix programs see it. The
//! journal is not replayed; a file system that needs it says so.

mod attribute;
mod btree;
mod catalog;
mod compression;
mod fork;
#[cfg(test)]
mod tests;
mod volume;
mod walk;

use self::{
    volume::Volume,
    walk::{Link, Reader},
};
use crate::{
    Fault,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::walk::walk,
};

/// Place of the header.
const HEADER: usize = 1024;

pub(crate) static PLUS: Format = Format {
    name: "hfsplus",
    magics: &[Magic::at(HEADER, b"H+\0\x04"), Magic::at(HEADER, b"HX\0\x05")],
    carve: true,
    open,
};

pub(crate) static CLASSIC: Format =
    Format { name: "hfs", magics: &[Magic::at(HEADER, b"BD")], carve: false, open };

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let volume = Volume::read(&candidate.extent)?.ok_or(NotThis)?;
    let length = volume.length;
    let image = candidate.extent.clamp(0, length);
    let mut opened = Opened { length, attributes: volume.attributes(), ..Opened::default() };
    if let Some((offset, length)) = volume.embedded {
        // HFS Plus in a shell of HFS, which old systems show: all of interest is inside.
        let content = image.clamp(offset, length);
        opened.entries.push(crate::Entry::part(&b"embedded"[..], content));
        return Ok(opened);
    }
    let mut faults = Vec::new();
    let mut reader = Reader::new(&image, &volume, &mut faults).map_err(|_| NotThis)?;
    let label = reader.label.take();
    let (entries, walked) = walk(&image, &mut reader, Link::Root);
    faults.extend(walked);
    if volume.changes_wait(&image) {
        let why = "changes wait in the journal, which is not replayed";
        faults.push(Fault::new(1024, "read the latest state", why));
    }
    opened.attributes.extend(label.map(|label| ("label", label)));
    (opened.entries, opened.faults) = (entries, faults);
    Ok(opened)
}
