//! `cargo xtask ci`: what must pass before a change lands, fast checks first.

use crate::{
    corpus,
    shell::{self, answers},
    tidy,
};

/// Programs of Debian that some tests use, with the package that holds each.
const DEBIAN: &[(&str, &str)] = &[
    ("fsck.minix", "util-linux"),
    ("genromfs", "genromfs"),
    ("mkfs.cramfs", "util-linux"),
    ("mkfs.erofs", "erofs-utils"),
    ("mkfs.ext4", "e2fsprogs"),
    ("mkfs.jffs2", "mtd-utils"),
    ("mkfs.minix", "util-linux"),
    ("mkfs.ubifs", "mtd-utils"),
    ("sumtool", "mtd-utils"),
    ("ubinize", "mtd-utils"),
    ("unsquashfs", "squashfs-tools"),
];

fn install_tools() -> anyhow::Result<()> {
    let missing: Vec<&str> = DEBIAN
        .iter()
        .filter(|(program, _)| !is_installed(program))
        .map(|&(_, package)| package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    println!("installing what some tests use: {packages}");
    let installed = shell::run("apt-get update -q").and_then(|()| {
        shell::run(&format!("apt-get install -q -y --no-install-recommends {packages}"))
    });
    if let Err(error) = installed {
        anyhow::bail!("{error:#}\nmissing on this machine: {packages}; install them and run again");
    }
    Ok(())
}

fn check_dependencies() -> anyhow::Result<()> {
    if !answers("cargo-deny", "--version") {
        shell::run("cargo install cargo-deny --version 0.20.2 --locked")?;
    }
    // Advisories need a clone of their database, which CI cannot fetch.
    shell::run("cargo deny --locked check bans licenses sources")
}

pub(crate) fn run(_: &[String]) -> anyhow::Result<()> {
    install_tools()?;
    shell::run("cargo fmt --all --check")?;
    tidy::run(&[])?;
    shell::run("cargo clippy --workspace --all-targets --locked -- -D warnings")?;
    shell::run("cargo test --workspace --all-targets --locked")?;
    shell::run("cargo test --workspace --doc --locked")?;
    check_dependencies()?;
    corpus::run(&[])
}

/// Whether a program lies in one of the folders of PATH, or where Debian keeps those of root.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).any(|file| file.is_file())
}
