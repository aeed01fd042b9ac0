//! Verification of a device with many files: the bench hands its evidence in, and the station says
//! whether it may be released.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, ensure};
use auscult_testkit::{
    Tree,
    squashfs::{SquashfsOptions, squashfs},
};
use serde_json::json;
use xtask::shell::output_bytes;

use super::{super::median, Loaded, data, row};
use crate::serving::text;

/// Files of the device.
const FILES: usize = 20_000;
/// Files of a folder.
const FILES_OF_FOLDER: usize = 200;
/// Times that it is verified.
const RUNS: usize = 3;
/// Numbers of builds that others upload begin elsewhere.
const BUILD: usize = 4_000_000;

/// What lies on the bench.
struct Bench<'a> {
    program: &'a Path,
    folder: tempfile::TempDir,
}

impl Bench<'_> {
    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the program in the bench's folder.
    fn run(&self, words: &str) -> anyhow::Result<()> {
        let mut command = Command::new(self.program);
        command.args(words.split(' ')).current_dir(self.folder.path());
        output_bytes(&mut command).map(drop)
    }

    /// A unit whose files are scripts of a few hundred bytes, and the image that was put on it.
    fn unit(&self) -> anyhow::Result<()> {
        fs::create_dir(self.at("unit"))?;
        let mut tree = Tree::new();
        for number in 0..FILES {
            let path = format!("usr/share/{}/file-{number}.sh", number / FILES_OF_FOLDER);
            let content = format!("# {number}\n{}", "echo of a device with many files\n".repeat(8));
            let file = self.at("unit").join(&path);
            fs::create_dir_all(file.parent().context("a file without a folder")?)?;
            fs::write(&file, &content)?;
            tree = tree.file(format!("/{path}"), 0o644, content);
        }
        // Whoever runs this owns what it wrote.
        let owner = fs::metadata(self.at("unit"))?;
        let mut tree = tree.with_parents();
        for entry in &mut tree.entries {
            (entry.uid, entry.gid) = (owner.uid(), owner.gid());
        }
        fs::write(self.at("image"), squashfs(&tree, SquashfsOptions::default()))?;
        Ok(())
    }
}

/// From the evidence to the verdict.
pub(super) fn verification(loaded: &Loaded) -> anyhow::Result<()> {
    let (client, program) = (&loaded.client, loaded.program);
    let bench = Bench { program, folder: tempfile::tempdir()? };
    bench.unit()?;
    for key in ["maker", "bench"] {
        bench.run(&format!("advisories keygen {key}"))?;
        let pem = fs::read_to_string(bench.at(&format!("{key}.pub")))?;
        client.post("/api/v1/trust", &json!({ "name": key, "purpose": key, "pem": pem }))?;
    }
    bench.run("manifest create image -o reference --vendor Acme --model Pump --build-id many")?;
    bench.run("manifest sign reference --key maker")?;
    let sbom = data::sbom(BUILD, &data::parts(BUILD, 1));
    let path = format!("/api/v1/products/{}/builds?label=many&kind=sbom&wait=60", loaded.product);
    let build = text(&client.upload(&path, &sbom)?, "id")?;
    let reference = fs::read(bench.at("reference"))?;
    client.upload(&format!("/api/v1/builds/{build}/references"), &reference)?;
    let device =
        client.post("/api/v1/devices", &json!({ "asset_tag": "BM-MANY", "serial": "1" }))?;
    let device = format!("/api/v1/devices/{}", text(&device, "id")?);
    let said = json!({ "basis": "exact", "build": build, "why": "installed" });
    client.put(&format!("{device}/build"), &said)?;
    let mut times = Vec::new();
    client.post(&format!("{device}/custody"), &json!({ "step": "return" }))?;
    for run in 0..RUNS {
        let challenge = client.post(&format!("{device}/challenge"), &json!({}))?;
        fs::write(bench.at("challenge"), challenge.to_string())?;
        let evidence = format!("evidence-{run}");
        bench.run(&format!("measure unit --challenge challenge --key bench -o {evidence}"))?;
        let evidence = fs::read(bench.at(&evidence))?;
        let begun = Instant::now();
        let verdict = client.upload(&format!("{device}/verifications"), &evidence)?;
        times.push(begun.elapsed().as_secs_f64());
        ensure!(text(&verdict, "outcome")? == "pass", "a clean unit did not pass: {verdict}");
    }
    row("verification of 20,000 files", median(&mut times), 2.0, "s");
    Ok(())
}
