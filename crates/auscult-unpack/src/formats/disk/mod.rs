//! Disks, raw flash and their parts: partitions and volumes.

use crate::format::Format;

pub(super) mod apm;
mod gpt;
mod mbr;
mod ntfsclone;
mod partclone;
mod ubi;

/// All of them; where two fit at the same place, the first wins.
pub(super) static FORMATS: &[&Format] = &[
    &gpt::FORMAT,
    &apm::FORMAT,
    &mbr::FORMAT,
    &ubi::FORMAT,
    &partclone::FORMAT,
    &ntfsclone::FORMAT,
];
