//! Extended attributes, in a tree of their own (TN1150, "Attributes File").

use std::collections::HashMap;

use super::{
    btree::{Spot, Tree},
    fork::{Fork, Overflow, Which},
    volume::Volume,
};
use crate::{Endian::Big, Extent, Fault, View, formats::support::utf16};

/// Kinds of records: the value itself; a fork with it. Further extents are not followed.
const INLINE: u32 = 0x10;
const FORK: u32 = 0x20;
/// Longest value (`XATTR_SIZE_MAX` of Linux).
const VALUE_BYTES_MAX: u64 = 64 << 10;

/// The attributes of all files, by number.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    tree: Option<Tree>,
    known: HashMap<u32, Vec<(Vec<u8>, Spot)>>,
}

impl Attributes {
    /// Reads the names of all attributes.
    pub(super) fn read(file: Extent, faults: &mut Vec<Fault>) -> Self {
        let mut known: HashMap<u32, Vec<(Vec<u8>, Spot)>> = HashMap::new();
        if file.is_empty() {
            return Self::default();
        }
        let mut tree = match Tree::open(file, true) {
            Ok(tree) => tree,
            Err(fault) => {
                faults.push(fault);
                return Self::default();
            }
        };
        tree.leaves(faults, |record| {
            if let Ok((number, name)) = key(&record.key) {
                known.entry(number).or_default().push((name, record.spot));
            }
        });
        Self { tree: Some(tree), known }
    }

    /// Names and values of one file.
    pub(super) fn of(
        &mut self,
        number: u32,
        image: &Extent,
        volume: &Volume,
        faults: &mut Vec<Fault>,
    ) -> Vec<(Vec<u8>, Vec<u8>)> {
        let Some(tree) = &mut self.tree else { return Vec::new() };
        let mut found = Vec::new();
        for (name, spot) in self.known.get(&number).into_iter().flatten() {
            let data = tree.at(*spot).map(|record| record.data);
            match data.and_then(|data| value(View(&data), image, volume)) {
                Ok(Some(value)) => found.push((name.clone(), value)),
                Ok(None) => {}
                Err(fault) => faults.push(fault),
            }
        }
        found
    }
}

fn key(bytes: &[u8]) -> Result<(u32, Vec<u8>), Fault> {
    let view = View(bytes);
    let units = usize::from(view.u16(10, Big)?);
    Ok((view.u32(2, Big)?, utf16::big_endian(view.bytes(12, units * 2)?)))
}

fn value(view: View<'_>, image: &Extent, volume: &Volume) -> Result<Option<Vec<u8>>, Fault> {
    match view.u32(0, Big)? {
        INLINE => {
            let length = usize::try_from(view.u32(12, Big)?).unwrap_or(usize::MAX);
            Ok(Some(view.bytes(16, length)?.to_vec()))
        }
        FORK => {
            let fork = Fork::read(view, 8)?;
            if fork.size > VALUE_BYTES_MAX {
                let why = format!("a value of {} bytes", fork.size);
                return Err(Fault::new(0, "read extended attributes", why));
            }
            let overflow = Overflow::new();
            let which = (0, Which::Data);
            let mut faults = Vec::new();
            let extent = fork.content(image, volume, &overflow, which, 0, &mut faults);
            Ok(Some(extent.read_all()?.to_vec()))
        }
        _ => Ok(None),
    }
}
