//! Update bundles: archives whose members have roles, checksums and signatures of their own.
//!
//! The archive is opened by its own module, which then shows what it lists to [`annotate`]; what needs
//! members of archives inside waits for the second look at the whole tree.

use crate::{Entry, EntryKind, Extent, Fault, format::Opened};

mod android;
mod block_image;
mod libconfig;
mod mender;
mod nordic;
mod rauc;
mod swupdate;
mod verity;

pub(in crate::formats) use mender::second_look;
pub(in crate::formats) use rauc::FORMAT as RAUC;

/// A kind of bundle.
struct Bundle {
    /// The member by which it is known.
    key: &'static [u8],
    /// Adds what it tells.
    annotate: fn(&mut Opened, &Extent),
}

/// All of them.
static BUNDLES: &[&Bundle] = &[&swupdate::BUNDLE, &nordic::BUNDLE, &android::BUNDLE];

/// Files that say what the others are for are not larger.
const DESCRIPTION_BYTES_MAX: u64 = 4 << 20;
/// Members whose roles and checksums are told.
const ROLES_MAX: usize = 1000;

/// Adds what an archive's own description says of its members: attributes, faults for checksums that
/// do not hold, and what is encrypted.
pub(in crate::formats) fn annotate(opened: &mut Opened) {
    for bundle in BUNDLES {
        let key = member(opened, bundle.key).and_then(|entry| entry.content.clone());
        if let Some(key) = key {
            (bundle.annotate)(opened, &key);
        }
    }
    block_image::annotate(opened);
}

/// The path of a member without the slash or dot that some archives begin it with.
fn bare(path: &[u8]) -> &[u8] {
    let path = path.strip_prefix(b"./").unwrap_or(path);
    path.strip_prefix(b"/").unwrap_or(path)
}

/// The file of this path; the last one where there are several.
fn member<'opened>(opened: &'opened Opened, path: &[u8]) -> Option<&'opened Entry> {
    let named =
        |entry: &&Entry| entry.kind == EntryKind::File && bare(entry.path.as_bytes()) == bare(path);
    opened.entries.iter().rev().find(named)
}

/// Compares the SHA-256 of a member with what the description says, in words for an attribute.
fn compare(name: &str, content: Option<&Extent>, stored: &[u8], faults: &mut Vec<Fault>) -> String {
    let fault = |why: String| Fault::new(0, format!("check the sha256 of {name}"), why);
    let Some(content) = content else { return "not there".to_owned() };
    match crate::digest::sha256_of(content) {
        Ok(computed) if computed == stored => "sha256 verified".to_owned(),
        Ok(_) => {
            faults.push(fault(format!("it is not {}", crate::digest::hex(stored))));
            "sha256 wrong".to_owned()
        }
        Err(error) => {
            faults.push(fault(error.to_string()));
            "sha256 not verified".to_owned()
        }
    }
}

/// Bytes from hexadecimal digits.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let (pairs, odd) = text.trim().as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    bytes.collect::<Option<Vec<u8>>>().filter(|_| odd.is_empty())
}
