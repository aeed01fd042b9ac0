//! bzip2 streams, concatenated or not. The format has no specification but its program's source.

use crate::{
    Extent,
    codec::{self, Codec},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

/// Every block starts with the digits of pi; the first one right after the header.
const BLOCK_MAGIC: &[u8] = b"1AY&SY";

pub(crate) static FORMAT: Format =
    Format { name: "bzip2", magics: &[Magic::at(4, BLOCK_MAGIC)], carve: true, open };

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let level = level_at(&candidate.extent).ok_or(NotThis)?;
    let payload = codec::payload(Codec::Bzip2, &candidate.extent, |rest| level_at(rest).is_some());
    Ok(payload.opened(vec![("block-size", format!("{level}00000"))]))
}

/// The block size, in 100 kB, of the stream that starts here.
fn level_at(extent: &Extent) -> Option<char> {
    let head = extent.read_up_to(0, 10).ok()?;
    match *head {
        [b'B', b'Z', b'h', level @ b'1'..=b'9', ref block @ ..] if *block == *BLOCK_MAGIC => {
            Some(char::from(level))
        }
        _ => None,
    }
}
