//! File systems, of block devices and of raw flash.

use crate::format::Format;

mod btrfs;
mod coding;
mod cramfs;
mod erofs;
mod exfat;
mod ext;
mod f2fs;
mod fat;
mod hfs;
mod iso9660;
mod jffs2;
mod jfs;
mod littlefs;
mod minix;
mod ntfs;
mod qnx4;
mod qnx6;
mod reiserfs;
mod romfs;
pub(super) mod spiffs;
mod squashfs;
mod ubifs;
mod udf;
mod xfs;
mod yaffs;

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
    &ubifs::FORMAT,
    &erofs::FORMAT,
    &f2fs::FORMAT,
    &btrfs::FORMAT,
    &xfs::FORMAT,
    &reiserfs::FORMAT,
    &jfs::FORMAT,
    &qnx6::FORMAT,
    &cramfs::FORMAT,
    &romfs::FORMAT,
    &littlefs::FORMAT,
    &minix::FORMAT,
    &qnx4::FORMAT,
    &yaffs::FORMAT,
];
