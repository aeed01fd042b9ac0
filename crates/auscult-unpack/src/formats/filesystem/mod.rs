//! File systems, of block devices and of raw flash.

use crate::format::Format;

mod cramfs;
mod exfat;
mod ext;
mod fat;
mod hfs;
mod iso9660;
mod jffs2;
mod ntfs;
mod recognised;
mod romfs;
mod squashfs;
mod udf;

/// All of them; where two fit at the same place, the first wins.
pub(super) static FORMATS: &[&Format] = &[
    &ext::FORMAT,
    &exfat::FORMAT,
    &fat::FORMAT,
    &fat::UNNAMED,
    &ntfs::FORMAT,
    &udf::FORMAT,
    &iso9660::FORMAT,
    &hfs::PLUS,
    &hfs::CLASSIC,
    &squashfs::FORMAT,
    &jffs2::FORMAT,
    &jffs2::MARKER,
    &recognised::UBIFS,
    &recognised::EROFS,
    &recognised::F2FS,
    &cramfs::FORMAT,
    &romfs::FORMAT,
];
