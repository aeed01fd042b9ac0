//! VMDK, the virtual disks of VMware ("Virtual Disk Format 5.0"; QEMU `block/vmdk.c`).
//!
//! A sparse extent has a descriptor of text and two levels of tables. Streams have markers instead,
//! between which packed grains stand with their place. A descriptor on its own names the files
//! with the content. The redo logs of ESXi (COWD, SESparse) are recognised and not read.

mod descriptor;
mod esxi;
mod sparse;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    descriptor::FORMAT as DESCRIPTOR,
    esxi::{COWD, SESPARSE},
    sparse::FORMAT,
};

const SECTOR_BYTES: u64 = 512;
