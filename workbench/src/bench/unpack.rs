//! `cargo xtask bench unpack` and `unpack-pure`: the benchmark images against the unpackers that analysts use, and
//! payloads against the plain tool of their format.
//!
//! Images and peers come from the shared bench scripts, into `target/bench`. Every run writes to
//! a RAM disk, and what it wrote is compared with the truth: a run that is not right has no time.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, bail, ensure};

use super::{
    RUNS,
    measure::{Sample, Samples, folder_in_memory, run},
    plain, print, text,
};
use xtask::shell::root;

/// The unpackers, with the share of their time that ours may take.
const PEERS: &[(&str, f64)] = &[("unblob", 1.0 / 8.0), ("binwalk", 1.0 / 3.0)];

pub(super) fn bench(program: &Path, shared: &Path) -> anyhow::Result<()> {
    let bench = shared.join("bench");
    let work = root().join("target").join("bench");
    fs::create_dir_all(&work).context("make target/bench")?;
    let names: Vec<&str> = PEERS.iter().map(|peer| peer.0).collect();
    prepare(&bench, &work, &names)?;
    println!("{:28} {:>8} {:>8} {:>8}   ratio  at most", "", "wall s", "CPU s", "MiB");
    for image in ["A", "B"] {
        against_peers(program, &bench, &work, image)?;
    }
    plain::all(program, &work)
}

/// Builds the images and installs the peers, where they are not there yet.
pub(super) fn prepare(bench: &Path, work: &Path, names: &[&str]) -> anyhow::Result<()> {
    if !work.join("groundtruth-files-B.json").is_file() {
        python(&bench.join("build.py"), &[text(work), "--image", "all", "--install"])?;
    }
    let peers = work.join("peers");
    let there = |peer: &str| peers.join(peer).join("bin").join(peer).is_file();
    if !names.iter().all(|peer| there(peer)) {
        let script = bench.join("peers.py");
        python(&script, &["install", text(&peers), "--only", &names.join(","), "--apt"])?;
    }
    Ok(())
}

pub(super) fn python(script: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("python3").arg(script).args(arguments).output();
    let output = output.context("start python3")?;
    if !output.status.success() {
        bail!("{} failed: {}", script.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Ours and each peer in turn, so that drift of the machine hits all alike.
fn against_peers(program: &Path, bench: &Path, work: &Path, image: &str) -> anyhow::Result<()> {
    let input = work.join(format!("{image}.img"));
    let mut ours = Samples::default();
    let mut peers: Vec<Samples> = PEERS.iter().map(|_| Samples::default()).collect();
    for _ in 0..RUNS {
        let folder = folder_in_memory()?;
        let tree = folder.path().join("tree");
        let arguments = ["unpack", text(&input), "--to", text(&tree)];
        ours.0.push(run(text(program), &arguments, folder.path(), &[])?);
        ensure_whole(bench, work, image, &tree)?;
        drop(folder);
        for ((peer, _), samples) in PEERS.iter().zip(&mut peers) {
            let folder = folder_in_memory()?;
            samples.0.push(run_peer(bench, work, peer, &input, folder.path())?);
            ensure_whole(bench, work, image, &folder.path().join("tree"))
                .with_context(|| format!("check what {peer} wrote"))?;
        }
    }
    print(&format!("{image}.img auscult"), &ours, None);
    for ((peer, most), samples) in PEERS.iter().zip(&peers) {
        print(&format!("{image}.img {peer}"), samples, Some((&ours, *most)));
    }
    Ok(())
}

/// One run by the script that knows how; it prints what the run took.
fn run_peer(
    bench: &Path,
    work: &Path,
    peer: &str,
    image: &Path,
    out: &Path,
) -> anyhow::Result<Sample> {
    let peers = work.join("peers");
    let script = bench.join("peers.py");
    let output = Command::new("python3")
        .arg(&script)
        .args(["run", peer, text(image), "--dir", text(&peers), "--out", text(out)])
        // unblob leaves a log where it is started.
        .current_dir(work)
        .output()
        .context("start python3")?;
    let told = String::from_utf8_lossy(&output.stdout);
    // "unblob: 13.50 s wall, 17.60 s CPU, 298 MiB, exit 0, …"; some exit with 1 and are right.
    let words: Vec<&str> = told.split_whitespace().collect();
    let before = |unit: &str, skip: usize| {
        let place = words.iter().position(|word| word.trim_end_matches(',') == unit)?;
        words.get(place.checked_sub(skip)?)?.parse::<f64>().ok()
    };
    match (before("wall", 2), before("CPU", 2), before("MiB", 1)) {
        (Some(wall), Some(processor), Some(peak_mib)) => Ok(Sample { wall, processor, peak_mib }),
        _ => bail!("{peer}: {told}{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// Fails unless every file of the truth lies in the folder, byte for byte.
fn ensure_whole(bench: &Path, work: &Path, image: &str, tree: &Path) -> anyhow::Result<()> {
    let truth = work.join(format!("groundtruth-files-{image}.json"));
    let told = python(&bench.join("score.py"), &["files", text(&truth), text(tree)])?;
    ensure!(told.contains("(100.0 %)"), "not all files of {image} are there: {told}");
    Ok(())
}
