//! `cargo xtask bench`: whole-process timings as ratios to a peer or a physical limit of the same
//! run, or against limits. A time counts only if the output of the timed run is right, so each is
//! checked.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, bail, ensure};

use xtask::shell::{output_bytes, release_program, release_program_with, shared};

/// Runs of each command; the median counts.
const RUNS: usize = 5;

mod advisories;
mod backtest;
mod identify;
mod measure;
mod plain;
mod server;
mod unpack;

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    // It makes its own data, and takes words of its own.
    if let Some((name, rest)) = arguments.split_first()
        && name == "server"
    {
        return server::run(rest);
    }
    let shared = shared().context("find the shared folder: set AUSCULT_SHARED")?;
    let wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|word| word == name);
    if wanted("unpack") {
        println!("with the decoders in C (feature c-codecs):");
        unpack::bench(&release_program_with("c-codecs")?, &shared)?;
    }
    let program = release_program()?;
    if wanted("unpack-pure") {
        println!("with the decoders in Rust:");
        unpack::bench(&program, &shared)?;
    }
    if wanted("identify") {
        identify::bench(&program, &shared)?;
    }
    if wanted("backtest") {
        backtest::bench(&shared)?;
    }
    if wanted("scan") {
        scan(&program, &shared)?;
    }
    if wanted("advisories") {
        advisories::bench(&program, &shared)?;
    }
    Ok(())
}

/// A whole scan of each image: ratio to reading its bytes once (SHA-256).
fn scan(program: &Path, shared: &Path) -> anyhow::Result<()> {
    for image in images(shared, "whole", "")? {
        let (mut ours, mut peers) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            let folder = tempfile::tempdir()?;
            let json = folder.path().join("result.json");
            let output = format!("json={}", json.display());
            ours.push(timed(Command::new(program).arg("scan").arg(&image).args(["-o", &output]))?);
            peers.push(timed(Command::new("sha256sum").arg(&image))?);
            let result: serde_json::Value = serde_json::from_slice(&std::fs::read(&json)?)?;
            let components = result.get("components").and_then(serde_json::Value::as_array);
            ensure!(components.is_some_and(|list| !list.is_empty()), "no component was found");
        }
        report("scan / sha256sum", &image, &mut ours, &mut peers);
    }
    Ok(())
}

/// The content of a file that zstd packed.
fn unpacked(path: &Path) -> anyhow::Result<Vec<u8>> {
    output_bytes(Command::new("zstd").arg("-dqc").arg(path))
}

fn images(shared: &Path, folder: &str, ending: &str) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let mut images: Vec<_> = std::fs::read_dir(shared.join("corpus").join(folder))?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && path.to_string_lossy().ends_with(ending))
        .collect();
    images.sort();
    Ok(images)
}

fn timed(command: &mut Command) -> anyhow::Result<f64> {
    let started = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = status.with_context(|| format!("start {}", command.get_program().display()))?;
    if !matches!(status.code(), Some(0 | 4)) {
        bail!("{} failed: {status}", command.get_program().display());
    }
    Ok(started.elapsed().as_secs_f64())
}

fn report(what: &str, input: &Path, ours: &mut [f64], peers: &mut [f64]) {
    let (ours, peers) = (median(ours), median(peers));
    let name = input.file_name().unwrap_or_default().to_string_lossy();
    println!("{what:24} {name:50} {ours:7.3} s / {peers:7.3} s = {:6.2}", ours / peers);
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A row; against ours, the ratio of ours to it.
fn print(name: &str, samples: &measure::Samples, ours: Option<(&measure::Samples, f64)>) {
    let row = format!(
        "{name:28} {:8.2} {:8.2} {:8.0}",
        samples.wall(),
        samples.processor(),
        samples.peak_mib()
    );
    match ours {
        None => println!("{row}"),
        Some((ours, most)) => {
            let ratio = ours.wall() / samples.wall();
            let verdict = if ratio <= most { "" } else { "  TOO SLOW" };
            println!("{row}  {ratio:6.3}  {most:6.3}{verdict}");
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}
