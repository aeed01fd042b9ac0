//! Artefacts that are made from sources and committed: the sample image, the starter snapshot.

use anyhow::Context as _;

use auscult_advisory::{BuildOptions, Selection};

use xtask::shell::{root, shared};

/// Largest sample, in bytes.
const SAMPLE_BYTES_MAX: usize = 2 << 20;
/// Largest starter snapshot, in bytes.
const STARTER_BYTES_MAX: usize = 3 << 20;

/// Builds the sample image with the project's own testkit.
pub(crate) fn sample(_: &[String]) -> anyhow::Result<()> {
    let image = auscult_testkit::sample::infusion_pump();
    anyhow::ensure!(image.len() <= SAMPLE_BYTES_MAX, "the sample has {} bytes", image.len());
    let path = root().join("samples").join("infusion-pump.img");
    std::fs::write(&path, &image).with_context(|| format!("write {}", path.display()))?;
    println!("{}: {} bytes", path.display(), image.len());
    Ok(())
}

/// Builds the starter snapshot that the program carries.
pub(crate) fn starter(_: &[String]) -> anyhow::Result<()> {
    let feeds = shared().context("find the shared folder: set AUSCULT_SHARED")?.join("feeds");
    let options = BuildOptions { prose: false, selection: Selection::Starter, newest: None };
    let built = auscult_advisory::build(&feeds, &options)?;
    anyhow::ensure!(
        built.bytes.len() <= STARTER_BYTES_MAX,
        "the starter snapshot has {} bytes",
        built.bytes.len()
    );
    let path = root().join("crates").join("auscult-advisory").join("data").join("starter.snapshot");
    built.write(&path)?;
    println!("{}: {} bytes", path.display(), built.bytes.len());
    Ok(())
}
