//! File systems, of block devices and of raw flash.

use crate::format::Format;

mod coding;
mod cramfs;
mod ext;
mod jffs2;
mod littlefs;
mod minix;
mod recognised;
mod romfs;
pub(super) mod spiffs;
mod squashfs;
mod ubifs;
mod yaffs;

/// All of them; where two fit at the same place, the first wins.
pub(super) static FORMATS: &[&Format] = &[
    &ext::FORMAT,
    &squashfs::FORMAT,
    &jffs2::FORMAT,
    &jffs2::MARKER,
    &ubifs::FORMAT,
    &recognised::EROFS,
    &recognised::F2FS,
    &cramfs::FORMAT,
    &romfs::FORMAT,
    &littlefs::FORMAT,
    &minix::FORMAT,
    &yaffs::FORMAT,
];
