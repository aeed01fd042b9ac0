//! UBIFS, the file system of raw flash above UBI (kernel `fs/ubifs/ubifs-media.h`).
//!
//! The index of the last commit tells which nodes count, and the journal what was written since.
//! Where the index is broken, all nodes are put together in the order in which they were written;
//! deleted files may then come back, which is told, and what lost its name gets one. Free space accounting (LPT) and orphans are
//! not needed, and the hashes of authenticated images are not verified: their key is elsewhere.

mod content;
mod index;
mod journal;
mod node;
mod state;
mod superblock;
#[cfg(test)]
mod tests;
mod walk;

use self::{
    state::{Change, State},
    superblock::{Master, Superblock},
    walk::Reader,
};
use crate::{
    Extent, Fault,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{hex::hex, walk::walk},
};

pub(crate) static FORMAT: Format =
    Format { name: "ubifs", magics: &[Magic::start(&node::MAGIC)], carve: true, open };

/// `UBIFS_ROOT_INO`.
const ROOT: u32 = 1;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let superblock = Superblock::read(&candidate.extent)?.ok_or(NotThis)?;
    let total = superblock.block_count.saturating_mul(superblock.block_bytes);
    // Blocks at the end that nothing was written to are often left out of an image.
    let image = candidate.extent.clamp(0, total);
    let mut attributes = attributes(&superblock);
    let mut faults = Vec::new();
    let master = Master::find(&image, &superblock);
    if let Some(master) = master {
        let state = if master.is_dirty { "not unmounted cleanly" } else { "clean" };
        attributes.push(("state", state.to_owned()));
    }
    let state = read_state(&image, &superblock, master, &mut faults);
    let mut reader = Reader { image: &image, state };
    let (entries, more) = walk(&image, &mut reader, ROOT);
    faults.extend(more);
    let unread = entries.is_empty().then(|| "the root directory could not be read".to_owned());
    Ok(Opened { length: image.len(), attributes, entries, faults, unread })
}

fn attributes(superblock: &Superblock) -> Vec<(&'static str, String)> {
    let coding = content::CODINGS.get(usize::from(superblock.compression));
    let mut attributes = vec![
        ("version", superblock.version.to_string()),
        ("erase-block", superblock.block_bytes.to_string()),
        ("compression", coding.copied().unwrap_or("unknown").to_owned()),
        ("uuid", hex(&superblock.uuid)),
    ];
    if superblock.has_encryption {
        attributes.push(("encryption", "fscrypt, of some files".to_owned()));
    }
    if superblock.has_authentication {
        attributes.push(("authentication", "hashes of all nodes, not verified".to_owned()));
    }
    attributes
}

/// The state from index and journal, or from all nodes where these are broken.
fn read_state(
    image: &Extent,
    superblock: &Superblock,
    master: Option<Master>,
    faults: &mut Vec<Fault>,
) -> State {
    let Some(master) = master else {
        let fault = Fault::new(superblock.block_bytes, "find a master node", "there is none");
        return read_all_nodes(image, superblock, fault, faults);
    };
    let mut broken = Vec::new();
    let mut state = match index::read(image, superblock, master, &mut broken) {
        Ok(state) => state,
        Err(fault) => return read_all_nodes(image, superblock, fault, faults),
    };
    faults.append(&mut broken);
    match journal::read(image, superblock, master, faults) {
        Ok(changes) => state.replay(changes, master.is_dirty),
        Err(fault) => faults.push(fault),
    }
    state
}

/// Puts the state together from every node there is.
fn read_all_nodes(
    image: &Extent,
    superblock: &Superblock,
    fault: Fault,
    faults: &mut Vec<Fault>,
) -> State {
    let why = format!("{}: all nodes are used, so deleted files may come back", fault.why);
    faults.push(Fault { why, ..fault });
    let mut changes = Vec::new();
    for block in 0..image.len().div_ceil(superblock.block_bytes) {
        let place = block.saturating_mul(superblock.block_bytes);
        let nodes = node::scan(image, place, superblock.end(block));
        changes.extend(nodes.iter().filter_map(|node| Change::of(node).ok().flatten()));
    }
    let mut state = State::default();
    state.replay(changes, false);
    state.adopt(ROOT);
    state
}
