//! How pages are coded and how large they are: as large as those of the machine that the image is
//! for, and neither is written anywhere. Both are tried on some pages of the first files.

use bytes::Bytes;

use super::{
    Inode, children,
    pages::{Page, Pages},
};
use crate::{Endian, Extent, formats::filesystem::coding::Coding};

/// Sizes of pages, the usual one first.
const PAGE_BYTES: [u64; 7] = [4096, 8192, 16_384, 65_536, 32_768, 2048, 1024];
/// Directories and files that are looked into for pages, and pages that must decode.
const INODES_MAX: usize = 200;
const PAGES_CHECKED: usize = 4;

/// How pages are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) page_bytes: u64,
    pub(super) coding: Coding,
}

impl Choice {
    /// What nearly all images have.
    pub(super) const USUAL: Self = Self { page_bytes: 4096, coding: Coding::Zlib };
}

/// Finds size and coding of the pages; nothing where none fits. An image without pages has the
/// usual ones. `bytes_told` is the size that the superblock tells: long guesses are made only once
/// for so many bytes.
pub(super) fn choose(
    image: &Extent,
    endian: Endian,
    is_extended: bool,
    bytes_told: u64,
    root: Inode,
) -> Option<Choice> {
    let files = some_files(image, endian, root);
    let (mut has_pages, mut damaged) = (false, None);
    for page_bytes in PAGE_BYTES {
        let pages = coded_pages(image, endian, is_extended, page_bytes, &files);
        has_pages |= !pages.is_empty();
        let decoded = |coding: Coding| {
            let decodes = |(stored, length): &&(Bytes, usize)| {
                let decoded = coding.decode(stored, *length);
                !coding.is_other(stored) && decoded.is_ok_and(|decoded| decoded.len() == *length)
            };
            pages.iter().filter(decodes).count()
        };
        let mut codings = std::iter::once(Coding::Zlib).chain(Coding::candidates(bytes_told));
        let whole = |coding: &Coding| !pages.is_empty() && decoded(*coding) == pages.len();
        if let Some(coding) = codings.find(whole) {
            return Some(Choice { page_bytes, coding });
        }
        // The checksum of zlib proves it; others may yield anything from a wrong guess.
        let proven = decoded(Coding::Zlib);
        if proven > damaged.map_or(0, |(count, _)| count) {
            damaged = Some((proven, Choice { page_bytes, coding: Coding::Zlib }));
        }
    }
    let usual = (!has_pages).then_some(Choice::USUAL);
    damaged.map(|(_, choice)| choice).or(usual)
}

/// The first files with bytes, from the root down.
fn some_files(image: &Extent, endian: Endian, root: Inode) -> Vec<Inode> {
    let (mut files, mut pending, mut seen) = (Vec::new(), vec![root], 0);
    while let Some(directory) = pending.pop().filter(|_| seen < INODES_MAX) {
        seen += 1;
        let mut found = Vec::new();
        drop(children(image, endian, &directory, &mut found));
        for (_, inode) in found.into_iter().take(INODES_MAX) {
            match inode.mode >> 12 {
                0o4 => pending.push(inode),
                0o10 if inode.size > 0 => files.push(inode),
                _ => {}
            }
        }
        if files.len() >= PAGES_CHECKED {
            break;
        }
    }
    // The largest tell the most.
    files.sort_by_key(|file| std::cmp::Reverse(file.size));
    files.truncate(PAGES_CHECKED);
    files
}

/// One coded page of each file with the bytes that it must decode to, if pages have this size.
fn coded_pages(
    image: &Extent,
    endian: Endian,
    is_extended: bool,
    page_bytes: u64,
    files: &[Inode],
) -> Vec<(Bytes, usize)> {
    let choice = Choice { page_bytes, ..Choice::USUAL };
    let pages = Pages::new(image, endian, is_extended, Some(choice));
    let first = |file: &Inode| {
        let length = file.size.min(page_bytes);
        let mut start = file.offset + file.size.div_ceil(page_bytes) * 4;
        let page = pages.page(file.offset, &mut start, length).ok()?;
        let Page::Coded(stored) = page else { return None };
        // What does not compress grows a little.
        let stored = Some(stored).filter(|stored| stored.len() <= page_bytes * 2)?;
        Some((stored.read_all().ok()?, usize::try_from(length).ok()?))
    };
    files.iter().filter_map(first).collect()
}
