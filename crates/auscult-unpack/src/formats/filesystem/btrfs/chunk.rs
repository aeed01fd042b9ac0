//! Chunks: which places of the device logical addresses stand for (`struct btrfs_chunk`).

use std::collections::BTreeMap;

use super::superblock::Superblock;
use crate::{Endian::Little, Extent, Fault, View, formats::support::budget::Budget};

/// Profiles (`BTRFS_BLOCK_GROUP_*`).
const RAID0: u64 = 0x8;
const RAID10: u64 = 0x40;
const RAID5: u64 = 0x80;
const RAID6: u64 = 0x100;
/// Bytes of a chunk and of each of its stripes, and of a key.
const CHUNK_BYTES: usize = 48;
const STRIPE_BYTES: usize = 32;
const KEY_BYTES: usize = 17;
pub(super) const CHUNK_ITEM: u8 = 228;
/// Bytes of a stripe that stand in a row (`BTRFS_STRIPE_LEN`).
const STRIPE_LENGTH: u64 = 64 << 10;
/// Pieces that extents in stripes may fall into, besides one for each so many bytes of the device.
const PIECES: u64 = 1 << 16;
const PIECE_BYTES: u64 = 1 << 10;

/// A part of a chunk on a device.
#[derive(Clone, Copy, Debug)]
struct Stripe {
    device: u64,
    place: u64,
}

#[derive(Clone, Debug)]
struct Chunk {
    length: u64,
    stripe_bytes: u64,
    profile: u64,
    /// Copies of each stripe, for RAID10.
    copies: u64,
    stripes: Vec<Stripe>,
}

/// All chunks that are known so far.
#[derive(Debug)]
pub(super) struct Chunks {
    device: u64,
    pieces: Budget,
    by_address: BTreeMap<u64, Chunk>,
}

impl Chunks {
    /// The chunks that the superblock holds, in which the chunk tree is.
    pub(super) fn new(superblock: &Superblock) -> Result<Self, Fault> {
        let pieces = Budget::new(PIECES + superblock.length() / PIECE_BYTES);
        let (device, by_address) = (superblock.device, BTreeMap::new());
        let mut chunks = Self { device, pieces, by_address };
        let mut rest = &superblock.system_chunks[..];
        while !rest.is_empty() {
            let view = View(rest);
            let address = view.u64(9, Little)?;
            let item = rest.get(KEY_BYTES..).unwrap_or_default();
            let stripes = usize::from(View(item).u16(44, Little)?);
            let length = CHUNK_BYTES + stripes * STRIPE_BYTES;
            chunks.add(address, View(item).bytes(0, length)?)?;
            rest = item.get(length..).unwrap_or_default();
        }
        Ok(chunks)
    }

    /// Adds the chunk of an item.
    pub(super) fn add(&mut self, address: u64, item: &[u8]) -> Result<(), Fault> {
        let view = View(item);
        let count = usize::from(view.u16(44, Little)?);
        let mut stripes = Vec::with_capacity(count);
        for index in 0..count {
            let at = CHUNK_BYTES + index * STRIPE_BYTES;
            let (device, place) = (view.u64(at, Little)?, view.u64(at + 8, Little)?);
            stripes.push(Stripe { device, place });
        }
        let chunk = Chunk {
            length: view.u64(0, Little)?,
            stripe_bytes: view.u64(16, Little)?,
            profile: view.u64(24, Little)?,
            copies: view.u16(46, Little)?.into(),
            stripes,
        };
        let fits = chunk.length > 0
            && address.checked_add(chunk.length).is_some()
            && chunk.stripe_bytes >= STRIPE_LENGTH
            && !chunk.stripes.is_empty();
        if !fits {
            return Err(Fault::new(address, "read a chunk", "its sizes are impossible"));
        }
        self.by_address.insert(address, chunk);
        Ok(())
    }

    fn find(&self, address: u64) -> Result<(u64, &Chunk), Fault> {
        let before = self.by_address.range(..=address).next_back();
        let found = before.filter(|(start, chunk)| address - **start < chunk.length);
        let (start, chunk) = found.ok_or_else(|| {
            Fault::new(0, "find a chunk", format!("none has the address {address:#x}"))
        })?;
        Ok((address - start, chunk))
    }

    /// The copies on this device of the bytes from an address on, each with the length up to
    /// where the next bytes are elsewhere.
    pub(super) fn copies(&self, address: u64) -> Result<Vec<(u64, u64)>, Fault> {
        let (offset, chunk) = self.find(address)?;
        let here = |stripes: &[Stripe], within: u64, length: u64| -> Vec<(u64, u64)> {
            let here = stripes.iter().filter(|stripe| stripe.device == self.device);
            here.map(|stripe| (stripe.place.saturating_add(within), length)).collect()
        };
        if chunk.profile & (RAID5 | RAID6) != 0 {
            return Err(Fault::new(0, "find a chunk", "RAID5 and RAID6 are not read"));
        }
        let striped = chunk.profile & (RAID0 | RAID10) != 0;
        let found = if striped {
            let copies = if chunk.profile & RAID10 != 0 { chunk.copies.max(1) } else { 1 };
            let count = u64::try_from(chunk.stripes.len()).unwrap_or(1);
            let columns = (count / copies).max(1);
            let (row, within) = (offset / chunk.stripe_bytes, offset % chunk.stripe_bytes);
            let first = usize::try_from(row % columns * copies).unwrap_or(usize::MAX);
            let stripes = chunk.stripes.iter().skip(first);
            let stripes: Vec<Stripe> =
                stripes.take(usize::try_from(copies).unwrap_or(1)).copied().collect();
            let place = (row / columns).saturating_mul(chunk.stripe_bytes).saturating_add(within);
            here(&stripes, place, chunk.stripe_bytes - within)
        } else {
            here(&chunk.stripes, offset, chunk.length - offset)
        };
        if found.is_empty() {
            let devices: Vec<String> =
                chunk.stripes.iter().map(|stripe| stripe.device.to_string()).collect();
            let why = format!("the bytes at {address:#x} are on device {}", devices.join(", "));
            return Err(Fault::new(0, "find a chunk", why));
        }
        Ok(found)
    }

    /// The bytes at an address as parts of the device; those that are elsewhere keep their place.
    pub(super) fn extent(
        &mut self,
        image: &Extent,
        address: u64,
        length: u64,
        faults: &mut Vec<Fault>,
    ) -> Extent {
        let vault = image.vault();
        let (mut parts, mut position) = (Vec::new(), 0);
        while position < length {
            let left = length - position;
            let part = self.copies(address.saturating_add(position)).and_then(|copies| {
                let (place, there) = copies.first().copied().unwrap_or_default();
                let there = there.min(left);
                image.slice(place, there).ok_or_else(|| {
                    Fault::new(place, "read an extent", format!("{there} bytes are not all there"))
                })
            });
            match part {
                Ok(part) if !part.is_empty() => {
                    position += part.len();
                    parts.push(part);
                }
                part => {
                    let nothing = || Fault::new(0, "read an extent", "an empty piece");
                    let fault = part.err().unwrap_or_else(nothing);
                    faults.push(fault.clone());
                    // What is elsewhere ends with its stripe; the rest may be here.
                    let step = self.step(address.saturating_add(position)).min(left).max(1);
                    parts.push(Extent::missing(vault, step, fault));
                    position += step;
                }
            }
            if position < length
                && let Err(fault) = self.pieces.take(1, 0, "read an extent")
            {
                parts.push(Extent::missing(vault, length - position, fault.clone()));
                faults.push(fault);
                break;
            }
        }
        Extent::joined(vault, parts)
    }

    /// Bytes from an address to where they may be on another device.
    fn step(&self, address: u64) -> u64 {
        match self.find(address) {
            Ok((offset, chunk)) if chunk.profile & (RAID0 | RAID10) != 0 => {
                chunk.stripe_bytes - offset % chunk.stripe_bytes
            }
            Ok((offset, chunk)) => chunk.length - offset,
            Err(_) => u64::MAX,
        }
    }
}
