//! Disks, raw flash and their parts: partitions and volumes.

use crate::format::Format;

pub(super) mod apm;
mod assembly;
mod avb;
mod bitlocker;
mod disklabel;
mod ecryptfs;
mod gpt;
mod hash_tree;
mod integrity;
mod luks;
mod lvm;
mod mbr;
mod md;
mod ntfsclone;
mod partclone;
mod qcow;
mod ubi;
mod vdi;
mod verity;
mod vhd;
mod vhdx;
#[cfg(test)]
mod virtual_tests;
mod vmdk;

/// All of them; where two fit at the same place, the first wins.
pub(super) static FORMATS: &[&Format] = &[
    &qcow::FORMAT,
    &vdi::FORMAT,
    &vhd::FORMAT,
    &vhdx::FORMAT,
    &vmdk::FORMAT,
    &vmdk::DESCRIPTOR,
    &vmdk::COWD,
    &vmdk::SESPARSE,
    &luks::FORMAT,
    &bitlocker::FORMAT,
    &verity::FORMAT,
    &avb::FORMAT,
    &avb::FOOTER,
    &integrity::FORMAT,
    &ecryptfs::FORMAT,
    &lvm::FORMAT,
    &md::FORMAT,
    &disklabel::FORMAT,
    &gpt::FORMAT,
    &apm::FORMAT,
    &mbr::FORMAT,
    &ubi::FORMAT,
    &partclone::FORMAT,
    &ntfsclone::FORMAT,
];
