//! `cargo xtask bench identify`: what naming the components of a device costs, against the tools that
//! analysts use for it and against reading the bytes at all; and what the cache saves.
//!
//! Every timed run of ours is scored against the truth of the image; a run that names less has no
//! time.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};

use super::{
    RUNS,
    measure::{Samples, folder_in_memory, run},
    print, text,
    unpack::{prepare, python},
};
use xtask::shell::root;

/// Peers that name components.
const PEERS: &[&str] = &["unblob", "syft", "cve-bin-tool"];
/// Components of image B that must be named with their version, of 68.
const EXACT_MIN: usize = 61;
/// What the unpacked tree must be inspected at, in MB/s.
const SPEED_MIN: f64 = 300.0;
/// One file in so many is changed for the next build.
const CHANGED_ONE_IN: usize = 100;

/// Where everything is.
struct Bench<'a> {
    program: &'a Path,
    scripts: PathBuf,
    work: PathBuf,
}

pub(super) fn bench(program: &Path, shared: &Path) -> anyhow::Result<()> {
    let bench =
        Bench { program, scripts: shared.join("bench"), work: root().join("target").join("bench") };
    fs::create_dir_all(&bench.work).context("make target/bench")?;
    prepare(&bench.scripts, &bench.work, PEERS)?;
    println!("{:28} {:>8} {:>8} {:>8}   ratio  at most", "", "wall s", "CPU s", "MiB");
    let folder = folder_in_memory()?;
    let tree = folder.path().join("tree");
    let image = bench.work.join("B.squashfs");
    let plain = unsquashfs(&image, &tree, folder.path())?;
    bench.images(&plain, folder.path())?;
    bench.folder(&tree, folder.path())?;
    bench.next_build(&tree, folder.path())
}

impl Bench<'_> {
    /// One scan, whose result is scored.
    fn scan(
        &self,
        input: &Path,
        more: &[&str],
        folder: &Path,
    ) -> anyhow::Result<super::measure::Sample> {
        let bom = folder.join("bom.json");
        let output = format!("cyclonedx={}", bom.display());
        let arguments = [&["scan", text(input), "--facts-only", "-o", &output][..], more].concat();
        let sample = run(text(self.program), &arguments, folder, &[])?;
        if input.file_name().is_some_and(|name| name != "A.img") {
            let truth = self.work.join("groundtruth-B.json");
            let script = self.scripts.join("score.py");
            let told = python(&script, &["components", text(&truth), text(&bom)])?;
            let exact = told
                .split_once("components: ")
                .and_then(|(_, rest)| rest.split_whitespace().next()?.parse::<usize>().ok());
            ensure!(
                exact.is_some_and(|exact| exact + 8 >= EXACT_MIN),
                "the scan found less: {told}"
            );
        }
        Ok(sample)
    }

    /// The images against the pipeline of unblob and cve-bin-tool, which takes minutes and runs once.
    fn images(&self, unsquashfs: &Samples, folder: &Path) -> anyhow::Result<()> {
        for name in ["A", "B"] {
            let image = self.work.join(format!("{name}.img"));
            let mut ours = Samples::default();
            for _ in 0..RUNS {
                ours.0.push(self.scan(&image, &[], folder)?);
            }
            print(&format!("{name}.img auscult scan"), &ours, None);
            let tree = folder.join("peer");
            let mut pipeline = self.peer("unblob", &image, &tree, folder)?;
            let named = self.peer("cve-bin-tool", &tree, &folder.join("cve.json"), folder)?;
            pipeline.wall += named.wall;
            pipeline.processor += named.processor;
            fs::remove_dir_all(&tree)?;
            let title = format!("{name}.img unblob, cve-bin-tool");
            print(&title, &Samples(vec![pipeline]), Some((&ours, 1.0 / 40.0)));
            if name == "B" {
                print("B.squashfs unsquashfs", unsquashfs, Some((&ours, 1.6)));
            }
        }
        Ok(())
    }

    fn peer(
        &self,
        peer: &str,
        input: &Path,
        out: &Path,
        folder: &Path,
    ) -> anyhow::Result<super::measure::Sample> {
        let script = self.scripts.join("peers.py");
        let peers = self.work.join("peers");
        let arguments =
            [text(&script), "run", peer, text(input), "--dir", text(&peers), "--out", text(out)];
        run("python3", &arguments, folder, &[1])
    }

    /// The unpacked tree: speed, and syft on the same.
    fn folder(&self, tree: &Path, folder: &Path) -> anyhow::Result<()> {
        let (mut ours, mut peers) = (Samples::default(), Samples::default());
        for _ in 0..RUNS {
            ours.0.push(self.scan(tree, &[], folder)?);
            peers.0.push(self.peer("syft", tree, &folder.join("syft.json"), folder)?);
        }
        print("tree auscult scan", &ours, None);
        print("tree syft", &peers, Some((&ours, 1.0)));
        #[expect(clippy::cast_precision_loss, reason = "a size far below 2^52")]
        let speed = bytes_of(tree)? as f64 / 1e6 / ours.wall();
        let verdict = if speed < SPEED_MIN { "  TOO SLOW" } else { "" };
        println!("tree: {speed:.0} MB/s, at least {SPEED_MIN:.0}{verdict}");
        Ok(())
    }

    /// A build in which one file of a hundred changed, with what the cache has of the one before.
    fn next_build(&self, tree: &Path, folder: &Path) -> anyhow::Result<()> {
        let (first, next) = (folder.join("first.squashfs"), folder.join("next.squashfs"));
        let pack = |to: &Path| {
            let options = ["-comp", "xz", "-b", "256K", "-noappend", "-no-progress", "-quiet"];
            run("mksquashfs", &[&[text(tree), text(to)][..], &options].concat(), folder, &[])
        };
        pack(&first)?;
        let changed = change(tree)?;
        pack(&next)?;
        let (mut plain, mut cached, mut same) =
            (Samples::default(), Samples::default(), Samples::default());
        let (mut tree_plain, mut tree_cached) = (Samples::default(), Samples::default());
        for _ in 0..RUNS {
            let cache = folder.join("cache");
            if cache.try_exists()? {
                fs::remove_dir_all(&cache)?;
            }
            let with = ["--cache", text(&cache)];
            self.scan(&first, &with, folder)?;
            plain.0.push(self.scan(&next, &[], folder)?);
            let bom = fs::read(folder.join("bom.json"))?;
            cached.0.push(self.scan(&next, &with, folder)?);
            ensure!(fs::read(folder.join("bom.json"))? == bom, "the cache changed the result");
            same.0.push(self.scan(&next, &with, folder)?);
            tree_plain.0.push(self.scan(tree, &[], folder)?);
            self.scan(tree, &with, folder)?;
            forget_images(&cache)?;
            tree_cached.0.push(self.scan(tree, &with, folder)?);
        }
        let mut digest = Samples::default();
        for _ in 0..RUNS {
            digest.0.push(run("sha256sum", &[text(&next)], folder, &[])?);
        }
        println!("next build: {changed} files changed");
        print("next build with the cache", &cached, None);
        print("next build without", &plain, Some((&cached, 0.35)));
        print("tree again with the cache", &tree_cached, None);
        print("tree without", &tree_plain, Some((&tree_cached, 0.35)));
        print("same image with the cache", &same, None);
        print("sha256sum", &digest, None);
        Ok(())
    }
}

/// Unpacks with nothing else, several times; the last tree stays.
fn unsquashfs(image: &Path, tree: &Path, folder: &Path) -> anyhow::Result<Samples> {
    let mut samples = Samples::default();
    for _ in 0..RUNS {
        if tree.try_exists()? {
            fs::remove_dir_all(tree)?;
        }
        let arguments = ["-q", "-n", "-no-xattrs", "-d", text(tree), text(image)];
        samples.0.push(run("unsquashfs", &arguments, folder, &[])?);
    }
    Ok(samples)
}

/// Appends a line to one file of a hundred, and tells how many these are.
fn change(tree: &Path) -> anyhow::Result<usize> {
    let mut files = Vec::new();
    walk(tree, &mut |path, _| files.push(path.to_owned()))?;
    files.sort();
    let changed: Vec<_> = files.iter().skip(7).step_by(CHANGED_ONE_IN).collect();
    for path in &changed {
        let mut bytes = fs::read(path)?;
        bytes.extend_from_slice(b"\nchanged\n");
        fs::write(path, bytes)?;
    }
    Ok(changed.len())
}

fn forget_images(cache: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(cache)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with("image-") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn bytes_of(tree: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    walk(tree, &mut |_, length| bytes += length)?;
    Ok(bytes)
}

/// Calls for every regular file with its length.
fn walk(folder: &Path, each: &mut impl FnMut(&Path, u64)) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            walk(&entry.path(), each)?;
        } else if metadata.is_file() {
            each(&entry.path(), metadata.len());
        }
    }
    Ok(())
}
