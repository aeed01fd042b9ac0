//! Artefacts that are made from sources and committed: the sample image, the starter snapshot.

use anyhow::Context as _;

use crate::shell::root;

/// Largest sample, in bytes.
const SAMPLE_BYTES_MAX: usize = 2 << 20;

/// Builds the sample image with the project's own testkit.
pub(crate) fn sample(_: &[String]) -> anyhow::Result<()> {
    let image = auscult_testkit::sample::infusion_pump();
    anyhow::ensure!(image.len() <= SAMPLE_BYTES_MAX, "the sample has {} bytes", image.len());
    let path = root().join("samples").join("infusion-pump.img");
    std::fs::write(&path, &image).with_context(|| format!("write {}", path.display()))?;
    println!("{}: {} bytes", path.display(), image.len());
    Ok(())
}
