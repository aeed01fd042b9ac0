//! `cargo xtask shots FOLDER`: photographs every page, in light and dark, on a desktop and on a
//! phone.

use anyhow::Context as _;

use xtask::shell;

/// The test that walks through the pages.
const WALK: &str = "cargo test --package auscult --test it --locked -- browser";

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let folder = arguments.first().context("usage: cargo xtask shots FOLDER")?;
    // The test runs elsewhere, so what was typed here is made to hold there.
    let folder = std::path::absolute(folder).context("find the folder")?;
    shell::run_with(WALK, &[("AUSCULT_SHOTS", folder.as_os_str())])
}
