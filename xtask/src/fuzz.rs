//! `cargo xtask fuzz [SECONDS] [TARGET]`: runs each fuzz target for a while, from seeds that the
//! testkit builds. A crash stops it; its input belongs into a test before it is mended.

use std::{fs, path::Path};

use anyhow::Context as _;

use crate::shell::{answers, root, run as run_program};

/// The targets, with how many times the base time each gets: the riskiest parsers get most.
const TARGETS: &[(&str, u64)] =
    &[("unpack", 3), ("inspect", 3), ("sbom", 1), ("feeds", 1), ("snapshot", 1), ("texts", 1)];
/// Base time in seconds: 3 minutes, so that the riskiest get about 10.
const SECONDS: u64 = 200;
/// Memory of a target, in MiB.
const MEMORY_MIB: u64 = 2048;

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    if !answers("cargo-fuzz", "--version") {
        run_program("cargo install cargo-fuzz --version 0.13.2 --locked")?;
    }
    let seconds = arguments.iter().find_map(|word| word.parse().ok()).unwrap_or(SECONDS);
    let only = arguments.iter().find(|word| word.parse::<u64>().is_err());
    for (target, times) in TARGETS {
        if only.is_some_and(|only| only != target) {
            continue;
        }
        let corpus = root().join("fuzz").join("corpus").join(target);
        seed(&corpus, target)?;
        run_program(&format!(
            "cargo +nightly fuzz run {target} fuzz/corpus/{target} -- -max_total_time={} \
             -rss_limit_mb={MEMORY_MIB} -timeout=20 -max_len=262144 -print_final_stats=1",
            seconds * times
        ))?;
    }
    Ok(())
}

/// Writes small real inputs, so that the fuzzer need not guess checksums first.
fn seed(folder: &Path, target: &str) -> anyhow::Result<()> {
    fs::create_dir_all(folder).context("create the seed folder")?;
    let seeds: Vec<(String, Vec<u8>)> = match target {
        "unpack" | "inspect" => auscult_testkit::seeds(),
        "snapshot" => vec![("small".to_owned(), small_snapshot()?)],
        "sbom" => vec![(
            "minimal".to_owned(),
            br#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"a"}]}"#
                .to_vec(),
        )],
        _ => vec![("text".to_owned(), b"model = \"pump\"\n1.2.3-r1".to_vec())],
    };
    for (name, bytes) in seeds {
        fs::write(folder.join(name), bytes).context("write a seed")?;
    }
    Ok(())
}

/// A snapshot of a single record: small enough that every byte of it is tried.
fn small_snapshot() -> anyhow::Result<Vec<u8>> {
    let mirror = tempfile::tempdir()?;
    let record = r#"{"dataType":"CVE_RECORD","dataVersion":"5.1",
        "cveMetadata":{"cveId":"CVE-2099-0001","state":"PUBLISHED"},
        "containers":{"cna":{"title":"made up","affected":[{"vendor":"busybox",
        "product":"busybox","versions":[{"version":"1.0","status":"affected",
        "lessThan":"2.0","versionType":"semver"}]}]}}}"#;
    fs::write(mirror.path().join("CVE-2099-0001.json"), record)?;
    Ok(auscult_advisory::build(mirror.path(), &auscult_advisory::BuildOptions::default())?.bytes)
}
