//! xz streams (The .xz File Format 1.2), several ones with padding between them as one payload.

use crate::{
    Extent,
    codec::{
        self, Codec,
        xz::{self, StreamHeader},
    },
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format =
    Format { name: "xz", magics: &[Magic::start(xz::MAGIC)], carve: true, open };

/// Padding between two streams looked over to find the second.
const PADDING_BYTES_MAX: u64 = 64 << 10;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let check = check_at(&candidate.extent).ok_or(NotThis)?;
    let payload = codec::payload(Codec::Xz, &candidate.extent, continues);
    Ok(payload.opened(vec![("check", check.to_owned())]))
}

/// The kind of check of a stream whose header is whole.
fn check_at(extent: &Extent) -> Option<&'static str> {
    let head = extent.read_up_to(0, 12).ok()?;
    StreamHeader::parse(&head).ok().map(StreamHeader::check_name)
}

/// Whether another stream follows, after padding in steps of four bytes or without any.
fn continues(rest: &Extent) -> bool {
    let Ok(bytes) = rest.read_up_to(0, PADDING_BYTES_MAX) else { return false };
    let Some(padding) = bytes.iter().position(|&byte| byte != 0) else { return false };
    padding % 4 == 0
        && u64::try_from(padding).is_ok_and(|padding| check_at(&rest.from(padding)).is_some())
}
