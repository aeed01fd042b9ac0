//! `cargo xtask ci`: what must pass before a change lands, fast checks first.

use xtask::shell::{self, answers};

use crate::tidy;

/// Programs of Debian that some tests use, with the package that holds each.
const DEBIAN: &[(&str, &str)] = &[
    ("7z", "p7zip-full"),
    ("aiosmtpd", "python3-aiosmtpd"),
    ("ar", "binutils"),
    ("arc", "arc"),
    ("arj", "arj"),
    ("bootgen", "xilinx-bootgen"),
    ("brotli", "brotli"),
    ("bsdtar", "libarchive-tools"),
    ("cabextract", "cabextract"),
    ("cbfstool", "coreboot-utils"),
    ("chromedriver", "chromium-driver"),
    ("chromium", "chromium"),
    ("compress", "ncompress"),
    ("cpio", "cpio"),
    ("cryptsetup", "cryptsetup-bin"),
    ("db_load", "db-util"),
    ("dtc", "device-tree-compiler"),
    ("fiptool", "arm-trusted-firmware-tools"),
    ("fsck.minix", "util-linux"),
    ("gcab", "gcab"),
    ("genisoimage", "genisoimage"),
    ("genromfs", "genromfs"),
    ("hformat", "hfsutils"),
    ("img2simg", "android-sdk-libsparse-utils"),
    ("jlha", "jlha-utils"),
    ("lha", "lhasa"),
    ("lrzip", "lrzip"),
    ("lzop", "lzop"),
    ("mcopy", "mtools"),
    ("mender-artifact", "mender-artifact"),
    ("mkbootimg", "mkbootimg"),
    ("mkfs.btrfs", "btrfs-progs"),
    ("mkfs.cramfs", "util-linux"),
    ("mkfs.erofs", "erofs-utils"),
    ("mkfs.exfat", "exfatprogs"),
    ("mkfs.ext4", "e2fsprogs"),
    ("mkfs.f2fs", "f2fs-tools"),
    ("mkfs.fat", "dosfstools"),
    ("mkfs.jffs2", "mtd-utils"),
    ("mkfs.jfs", "jfsutils"),
    ("mkfs.minix", "util-linux"),
    ("mkfs.ubifs", "mtd-utils"),
    ("mkfs.xfs", "xfsprogs"),
    ("mkimage", "u-boot-tools"),
    ("mkntfs", "ntfs-3g"),
    ("mkreiserfs", "reiserfsprogs"),
    ("mkudffs", "udftools"),
    ("mkzftree", "genisoimage"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("objcopy", "binutils"),
    ("openssl", "openssl"),
    ("osslsigncode", "osslsigncode"),
    ("partclone.fat", "partclone"),
    ("pg_ctlcluster", "postgresql"),
    ("qemu-img", "qemu-utils"),
    ("rauc", "rauc"),
    ("rpmbuild", "rpm"),
    ("rzip", "rzip"),
    ("sbsign", "sbsigntool"),
    ("setfattr", "attr"),
    ("shar", "sharutils"),
    ("/usr/sbin/slapd", "slapd"),
    ("srec_cat", "srecord"),
    ("sumtool", "mtd-utils"),
    ("ubinize", "mtd-utils"),
    ("unar", "unar"),
    ("unsquashfs", "squashfs-tools"),
    ("unzip", "unzip"),
    ("veritysetup", "cryptsetup-bin"),
    ("wimlib-imagex", "wimtools"),
    ("wixl", "wixl"),
    ("xorriso", "xorriso"),
    ("xz", "xz-utils"),
    ("zip", "zip"),
    ("zpaq", "zpaq"),
];

/// The decoders in C, and the file system that has most of them; not optimised, as few tests run.
const C_CODECS: &str = "cargo test --package auscult-unpack --lib --locked --features c-codecs \
                        --config profile.dev.package.auscult-unpack.opt-level=0 -- codec squashfs";

fn check_dependencies() -> anyhow::Result<()> {
    if !answers("cargo-deny", "--version") {
        // Unoptimised, it is built in a third of the time and reads our tree in seconds.
        shell::run("cargo install cargo-deny --version 0.20.2 --locked --debug")?;
    }
    // Advisories need a clone of their database, which CI cannot fetch.
    shell::run("cargo deny --locked check bans licenses sources")
}

pub(crate) fn run(_: &[String]) -> anyhow::Result<()> {
    shell::install_debian(DEBIAN)?;
    shell::run("cargo fmt --all --check")?;
    tidy::run(&[])?;
    shell::run("cargo clippy --workspace --all-targets --locked -- -D warnings")?;
    // Tests of servers wait more than they work: some of them at once use both cores.
    let threads = std::ffi::OsStr::new("4");
    shell::run_with("cargo test --workspace --locked", &[("RUST_TEST_THREADS", threads)])?;
    shell::run(C_CODECS)?;
    check_dependencies()?;
    // With what the tests have built, so that nothing is built again.
    let workbench = shell::tested_program("workbench")?;
    shell::run(&format!("{} corpus --tested", workbench.display()))?;
    shell::run(&format!("{} reference --tested", workbench.display()))
}
