//! Records of the catalog: folders and files by the folder that they are in and their name.

use super::fork::Fork;
use crate::{
    Endian::Big,
    Fault, Metadata, View,
    formats::support::{epoch::apple_time, mac_roman, utf16},
};

/// Kinds of records. Threads lead from a number to the name; they are not needed here.
const FOLDER: u16 = 1;
const FILE: u16 = 2;
/// Type and creator of a file that only links to another one, and of one to a folder.
const LINK: &[u8] = b"hlnkhfs+";
const FOLDER_LINK: &[u8] = b"fdrpMACS";
/// `UF_COMPRESSED`: the content is in an attribute.
const COMPRESSED: u8 = 0x20;

/// The key of a record.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) parent: u32,
    pub(super) name: Vec<u8>,
}

/// A folder or file.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) number: u32,
    pub(super) is_folder: bool,
    pub(super) metadata: Metadata,
    /// `st_mode` with its type; 0 where nobody set it.
    pub(super) mode: u32,
    /// The number of what it links to, the number of links to it, or of the device.
    pub(super) special: u32,
    pub(super) links_to: Option<LinksTo>,
    pub(super) is_compressed: bool,
    pub(super) data: Fork,
    pub(super) resource: Fork,
}

/// What a link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinksTo {
    File,
    Folder,
}

/// Reads the key of a record.
pub(super) fn key(bytes: &[u8], is_plus: bool) -> Result<Key, Fault> {
    let view = View(bytes);
    if is_plus {
        let units = usize::from(view.u16(4, Big)?);
        let name = plus_name(view.bytes(6, units * 2)?);
        return Ok(Key { parent: view.u32(0, Big)?, name });
    }
    let length = usize::from(view.u8(5)?);
    let name = mac_roman::text(view.bytes(6, length)?).into_bytes();
    Ok(Key { parent: view.u32(1, Big)?, name: unix_name(name) })
}

/// A name of HFS Plus. Names of folders that the system hides begin with NULs, which are left out.
fn plus_name(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len());
    let hidden = bytes.get(start / 2 * 2..).unwrap_or_default();
    let name = unix_name(utf16::big_endian(hidden));
    if start < 2 { name } else { [b"[", name.as_slice(), b"]"].concat() }
}

/// The separator of paths was the colon, and a slash is a letter.
fn unix_name(mut name: Vec<u8>) -> Vec<u8> {
    name.iter_mut().filter(|byte| **byte == b'/').for_each(|byte| *byte = b':');
    name
}

/// Whether a record is of a folder, with its number; nothing for threads.
pub(super) fn number(data: &[u8], is_plus: bool) -> Option<(bool, u32)> {
    let view = View(data);
    let kind = kind(view, is_plus).ok()?;
    let at = match (kind, is_plus) {
        (FOLDER | FILE, true) => 8,
        (FOLDER, false) => 6,
        (FILE, false) => 20,
        _ => return None,
    };
    Some((kind == FOLDER, view.u32(at, Big).ok()?))
}

fn kind(view: View<'_>, is_plus: bool) -> Result<u16, Fault> {
    if is_plus { view.u16(0, Big) } else { view.u8(0).map(u16::from) }
}

/// Reads the record of a folder or file.
pub(super) fn item(data: &[u8], is_plus: bool) -> Result<Item, Fault> {
    let none = || Fault::new(0, "read the catalog", "no folder and no file");
    let (is_folder, number) = number(data, is_plus).ok_or_else(none)?;
    let view = View(data);
    if !is_plus {
        return classic(view, is_folder, number);
    }
    let (owner_flags, mode) = (view.u8(41)?, u32::from(view.u16(42, Big)?));
    // Systems before Mac OS X left owner and mode empty.
    let is_set = mode != 0;
    let links_to = match view.bytes(48, 8)? {
        LINK if !is_folder => Some(LinksTo::File),
        FOLDER_LINK if !is_folder => Some(LinksTo::Folder),
        _ => None,
    };
    Ok(Item {
        number,
        is_folder,
        metadata: Metadata {
            mode: is_set.then_some(mode & 0o7777),
            user: is_set.then_some(view.u32(32, Big)?),
            group: is_set.then_some(view.u32(36, Big)?),
            modified: apple_time(view.u32(16, Big)?),
            xattrs: Vec::new(),
        },
        mode,
        special: view.u32(44, Big)?,
        links_to,
        is_compressed: owner_flags & COMPRESSED != 0 && !is_folder,
        data: if is_folder { Fork::default() } else { Fork::read(view, 88)? },
        resource: if is_folder { Fork::default() } else { Fork::read(view, 168)? },
    })
}

fn classic(view: View<'_>, is_folder: bool, number: u32) -> Result<Item, Fault> {
    let time = view.u32(if is_folder { 14 } else { 48 }, Big)?;
    let fork = |extents_at: usize, size_at: usize| {
        if is_folder {
            return Ok(Fork::default());
        }
        Fork::read_classic(view, extents_at, view.u32(size_at, Big)?)
    };
    Ok(Item {
        number,
        is_folder,
        metadata: Metadata { modified: apple_time(time), ..Metadata::default() },
        mode: 0,
        special: 0,
        links_to: None,
        is_compressed: false,
        data: fork(74, 26)?,
        resource: fork(86, 36)?,
    })
}
