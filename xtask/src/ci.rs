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
    ("brotli", "brotli"),
    ("bsdtar", "libarchive-tools"),
    ("cabextract", "cabextract"),
    ("compress", "ncompress"),
    ("cpio", "cpio"),
    ("gcab", "gcab"),
    ("genromfs", "genromfs"),
    ("jlha", "jlha-utils"),
    ("lha", "lhasa"),
    ("lrzip", "lrzip"),
    ("mkfs.cramfs", "util-linux"),
    ("mkfs.erofs", "erofs-utils"),
    ("mkfs.ext4", "e2fsprogs"),
    ("mkfs.jffs2", "mtd-utils"),
    ("rpmbuild", "rpm"),
    ("rzip", "rzip"),
    ("shar", "sharutils"),
    ("unsquashfs", "squashfs-tools"),
    ("unzip", "unzip"),
    ("wimlib-imagex", "wimtools"),
    ("wixl", "wixl"),
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
