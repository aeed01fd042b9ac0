//! Checksums of fragments: verified block by block, so that each is decoded once.

use rayon::prelude::*;

use crate::{
    Fault,
    formats::support::promise::{self, Promise},
};

/// Fragments of one block that are listed one by one; of a block that is cut short the first tells
/// what is wrong with all.
const FAULTS_PER_BLOCK_MAX: usize = 3;

/// Checks what is promised of the fragments, a list for each block.
pub(super) fn verify(blocks: &[Vec<Promise>]) -> Vec<Fault> {
    blocks.par_iter().flat_map_iter(|promises| verify_block(promises)).collect()
}

fn verify_block(promises: &[Promise]) -> Vec<Fault> {
    if let Some(first) = promises.first() {
        // One thread decodes; what is wrong is told below.
        drop(first.content.read_up_to(0, 1));
    }
    let mut faults = promise::verify(promises);
    let more = faults.len().saturating_sub(FAULTS_PER_BLOCK_MAX);
    if more > 0 {
        let place = faults.first().map_or(0, |fault| fault.offset);
        faults.truncate(FAULTS_PER_BLOCK_MAX);
        let why = format!("{more} more fragments of this block");
        faults.push(Fault::new(place, "verify the fragments", why));
    }
    faults
}
