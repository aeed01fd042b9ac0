//! lzip members (RFC draft-diaz-lzip), concatenated or not.

use crate::{
    codec::{self, Codec},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

/// Magic and version 1; version 0 was never in wide use.
const MAGIC: &[u8] = b"LZIP\x01";

pub(crate) static FORMAT: Format =
    Format { name: "lzip", magics: &[Magic::start(MAGIC)], carve: true, open };

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let payload = codec::payload(Codec::Lzip, &candidate.extent, |rest| {
        rest.read_up_to(0, 5).is_ok_and(|head| *head == *MAGIC)
    });
    // Five bytes of text in a program that handles such files are not a member.
    if payload.fault.is_some() && payload.consumed < 4096 {
        return Err(NotThis);
    }
    Ok(payload.opened(Vec::new()))
}
