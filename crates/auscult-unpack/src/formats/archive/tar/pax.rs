//! Extended headers of the pax format: records `LENGTH KEY=VALUE` that override a member's header.

use auscult_model::ByteName;

use super::sparse;
use crate::{Extent, Fault};

/// What extended headers say of a member.
#[derive(Clone, Debug, Default)]
pub(super) struct Overrides {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) user: Option<u32>,
    pub(super) group: Option<u32>,
    pub(super) modified: Option<i64>,
    pub(super) xattrs: Vec<(ByteName, Vec<u8>)>,
    /// GNU sparse files: the map itself (0.1), or where the version says that it leads the data.
    map: Vec<u64>,
    map_in_data: bool,
    real_size: Option<u64>,
}

/// Prefix of the keys of extended attributes.
const XATTR_PREFIX: &[u8] = b"SCHILY.xattr.";

impl Overrides {
    /// Takes in the records of one extended header. What is malformed ends it.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while let Some((record, rest)) = next_record(bytes) {
            bytes = rest;
            let mut halves = record.splitn(2, |&byte| byte == b'=');
            if let (Some(key), Some(value)) = (halves.next(), halves.next()) {
                self.set(key, value);
            }
        }
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        let number = || std::str::from_utf8(value).ok()?.parse::<u64>().ok();
        let number32 = || u32::try_from(number()?).ok();
        match key {
            b"path" | b"GNU.sparse.name" => self.path = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = number(),
            b"uid" => self.user = number32(),
            b"gid" => self.group = number32(),
            b"mtime" => {
                // Seconds with a fraction, which is dropped.
                let whole = value.split(|&byte| byte == b'.').next().unwrap_or_default();
                self.modified = std::str::from_utf8(whole).ok().and_then(|text| text.parse().ok());
            }
            b"GNU.sparse.map" => {
                let text = std::str::from_utf8(value).unwrap_or_default();
                self.map = text.split(',').map_while(|number| number.parse().ok()).collect();
            }
            // Version 0.0 repeats these two for each run.
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => self.map.extend(number()),
            b"GNU.sparse.major" => self.map_in_data = value == b"1",
            b"GNU.sparse.realsize" | b"GNU.sparse.size" => self.real_size = number(),
            _ => {
                if let Some(name) = key.strip_prefix(XATTR_PREFIX) {
                    self.xattrs.push((name.into(), value.to_vec()));
                }
            }
        }
    }

    /// These values where they are set, otherwise the global ones.
    pub(super) fn over(mut self, global: &Self) -> Self {
        self.path = self.path.or_else(|| global.path.clone());
        self.link = self.link.or_else(|| global.link.clone());
        self.user = self.user.or(global.user);
        self.group = self.group.or(global.group);
        self.modified = self.modified.or(global.modified);
        if self.xattrs.is_empty() {
            self.xattrs.clone_from(&global.xattrs);
        }
        self
    }

    /// The member's stored data, and the map of a sparse file.
    pub(super) fn sparse_map(&self, data: Extent) -> Result<(Extent, Option<sparse::Map>), Fault> {
        let Some(size) = self.real_size else { return Ok((data, None)) };
        if self.map_in_data {
            let (runs, start) = sparse::leading_map(&data)?;
            return Ok((data.from(start), Some(sparse::Map { runs, size })));
        }
        let (pairs, _) = self.map.as_chunks::<2>();
        let runs = pairs.iter().map(|&[offset, length]| (offset, length)).collect();
        Ok((data, Some(sparse::Map { runs, size })))
    }
}

/// Splits off one record: `KEY=VALUE` without its length and its newline.
fn next_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|&byte| byte == b' ')?;
    let length: usize = std::str::from_utf8(bytes.get(..space)?).ok()?.parse().ok()?;
    let record = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
    Some((record, bytes.get(length..)?))
}
