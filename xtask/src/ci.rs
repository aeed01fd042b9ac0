//! `cargo xtask ci`: what must pass before a change lands, fast checks first.

use crate::{
    corpus, reference,
    shell::{self, answers},
    tidy,
};

/// Programs of Debian that some tests use, with the package that holds each.
const DEBIAN: &[(&str, &str)] = &[
    ("7z", "p7zip-full"),
    ("ar", "binutils"),
    ("arc", "arc"),
    ("arj", "arj"),
    ("bootgen", "xilinx-bootgen"),
    ("bsdtar", "libarchive-tools"),
    ("compress", "ncompress"),
    ("cpio", "cpio"),
    ("fiptool", "arm-trusted-firmware-tools"),
    ("gcab", "gcab"),
    ("genisoimage", "genisoimage"),
    ("genromfs", "genromfs"),
    ("jlha", "jlha-utils"),
    ("lrzip", "lrzip"),
    ("lzop", "lzop"),
    ("mcopy", "mtools"),
    ("mkfs.btrfs", "btrfs-progs"),
    ("mkfs.cramfs", "util-linux"),
    ("mkfs.erofs", "erofs-utils"),
    ("mkfs.exfat", "exfatprogs"),
    ("mkfs.ext4", "e2fsprogs"),
    ("mkfs.f2fs", "f2fs-tools"),
    ("mkfs.fat", "dosfstools"),
    ("mkfs.jffs2", "mtd-utils"),
    ("mkfs.jfs", "jfsutils"),
    ("mkfs.xfs", "xfsprogs"),
    ("mkimage", "u-boot-tools"),
    ("mkntfs", "ntfs-3g"),
    ("mkreiserfs", "reiserfsprogs"),
    ("mkzftree", "genisoimage"),
    ("objcopy", "binutils"),
    ("openssl", "openssl"),
    ("rpmbuild", "rpm"),
    ("rzip", "rzip"),
    ("setfattr", "attr"),
    ("shar", "sharutils"),
    ("unsquashfs", "squashfs-tools"),
    ("wimlib-imagex", "wimtools"),
    ("wixl", "wixl"),
    ("xorriso", "xorriso"),
    ("xz", "xz-utils"),
    ("zip", "zip"),
    ("zpaq", "zpaq"),
];

fn check_dependencies() -> anyhow::Result<()> {
    if !answers("cargo-deny", "--version") {
        shell::run("cargo install cargo-deny --version 0.20.2 --locked")?;
    }
    // Advisories need a clone of their database, which CI cannot fetch.
    shell::run("cargo deny --locked check bans licenses sources")
}

pub(crate) fn run(_: &[String]) -> anyhow::Result<()> {
    shell::install_debian(DEBIAN)?;
    shell::run("cargo fmt --all --check")?;
    tidy::run(&[])?;
    shell::run("cargo clippy --workspace --all-targets --locked -- -D warnings")?;
    shell::run("cargo test --workspace --all-targets --locked")?;
    shell::run("cargo test --workspace --doc --locked")?;
    check_dependencies()?;
    corpus::run(&[])?;
    reference::run(&[])
}
