//! Payloads against the plain tool of their format: the same bytes, the same processors, and the
//! output of both compared.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};

use super::{
    RUNS,
    measure::{Sample, Samples, folder_in_memory, run},
    print, text,
};

/// Times that ours may take of the plain tool's.
const PLAIN_MAX: f64 = 1.1;

/// A payload, the plain tool's command (`{in}`, `{out}`), and how ours is asked for the same.
struct Payload {
    name: &'static str,
    input: PathBuf,
    plain: &'static str,
    ours: &'static str,
    /// Processors that both may use.
    processors: &'static str,
}

pub(super) fn all(program: &Path, work: &Path) -> anyhow::Result<()> {
    for payload in payloads(work)? {
        compare(program, &payload)?;
    }
    Ok(())
}

/// Cuts the payloads out of the images and packs them anew in other formats.
fn payloads(work: &Path) -> anyhow::Result<Vec<Payload>> {
    let tar = work.join("B.tar");
    if !tar.is_file() {
        cut_squashfs(work)?;
        cut_initrd(work)?;
        shell(work, "rm -rf B.tree && unsquashfs -n -q -d B.tree B.squashfs")?;
        shell(work, "tar --sort=name --owner=0 --group=0 --mtime=@0 -C B.tree -cf B.tar.new .")?;
        shell(work, "xz -T2 -k -c B.tar.new > B.tar.xz && zstd -q -f -19 B.tar.new -o B.tar.zst")?;
        shell(work, "mksquashfs B.tree B.zstd.squashfs -comp zstd -noappend -quiet -no-progress")?;
        shell(work, "rm -rf B.tree && mv B.tar.new B.tar")?;
    }
    let payload = |name, file: &str, plain, ours, processors| Payload {
        name,
        input: work.join(file),
        plain,
        ours,
        processors,
    };
    let extract = "unpack {in} --to {out}";
    Ok(vec![
        payload("squashfs-xz", "B.squashfs", "unsquashfs -n -q -d {out} {in}", extract, "0,1"),
        payload("squashfs-xz, 1 CPU", "B.squashfs", "unsquashfs -n -q -d {out} {in}", extract, "0"),
        payload(
            "squashfs-zstd",
            "B.zstd.squashfs",
            "unsquashfs -n -q -d {out} {in}",
            extract,
            "0,1",
        ),
        payload(
            "cpio.gz",
            "A-initrd.gz",
            "mkdir {out} && cd {out} && gzip -dc {in} | cpio -i --quiet --no-absolute-filenames",
            extract,
            "0,1",
        ),
        payload(
            "xz, 1 CPU",
            "B.tar.xz",
            "xz -T1 -dc {in} > {out}",
            "unpack {in} --cat image@0x0/xz",
            "0",
        ),
        payload(
            "zstd, 1 CPU",
            "B.tar.zst",
            "zstd -q -dc {in} > {out}",
            "unpack {in} --cat image@0x0/zstd",
            "0",
        ),
    ])
}

fn shell(work: &Path, script: &str) -> anyhow::Result<()> {
    let status = Command::new("sh").args(["-ec", script]).current_dir(work).status();
    ensure!(status.context("start sh")?.success(), "{script} failed");
    Ok(())
}

/// The first SquashFS of image B, by the length in its superblock.
fn cut_squashfs(work: &Path) -> anyhow::Result<()> {
    let image = fs::read(work.join("B.img"))?;
    let start = (0..image.len())
        .step_by(4096)
        .find(|&at| image.get(at..).is_some_and(|rest| rest.starts_with(b"hsqs")));
    let rest = start.and_then(|start| image.get(start..)).context("find the SquashFS in B")?;
    let used = rest.get(40..48).and_then(|bytes| bytes.try_into().ok());
    let used = usize::try_from(used.map_or(0, u64::from_le_bytes))?;
    let whole = rest.get(..used.next_multiple_of(4096)).context("the SquashFS is cut off")?;
    fs::write(work.join("B.squashfs"), whole).context("write B.squashfs")
}

/// The second part of image A's multi-file uImage.
fn cut_initrd(work: &Path) -> anyhow::Result<()> {
    let image = fs::read(work.join("A.img"))?;
    let word = |at: usize| -> Option<usize> {
        let bytes = image.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(bytes)).ok()
    };
    // Behind the header of 64 bytes: two sizes and a zero.
    let (first, second) = word(64).zip(word(68)).context("read A's table of parts")?;
    let start = 64 + 12 + first.next_multiple_of(4);
    let initrd = image.get(start..start + second).context("A is cut off")?;
    fs::write(work.join("A-initrd.gz"), initrd).context("write A-initrd.gz")
}

fn compare(program: &Path, payload: &Payload) -> anyhow::Result<()> {
    let (mut ours, mut peers) = (Samples::default(), Samples::default());
    for _ in 0..RUNS {
        let folder = folder_in_memory()?;
        let (one, other) = (folder.path().join("ours"), folder.path().join("plain"));
        let fill = |command: &str, out: &Path| {
            command.replace("{in}", text(&payload.input)).replace("{out}", text(out))
        };
        let command = fill(payload.ours, &one);
        let sent = if command.contains("--cat") {
            format!("{} {command} > {}", text(program), text(&one))
        } else {
            format!("{} {command}", text(program))
        };
        let plain = fill(payload.plain, &other);
        let pinned = |script: &str| -> anyhow::Result<Sample> {
            let arguments = ["-c", payload.processors, "sh", "-c", script];
            run("taskset", &arguments, folder.path(), &[])
        };
        ours.0.push(pinned(&sent)?);
        peers.0.push(pinned(&plain)?);
        ensure_same(&one, &other)
            .with_context(|| format!("compare the output for {}", payload.name))?;
    }
    print(&format!("{}: auscult", payload.name), &ours, None);
    let tool =
        payload.plain.split(' ').find(|word| ["unsquashfs", "gzip", "xz", "zstd"].contains(word));
    let name = format!("{}: {}", payload.name, tool.unwrap_or("plain"));
    print(&name, &peers, Some((&ours, PLAIN_MAX)));
    Ok(())
}

/// Fails unless every file of the plain tool's output is in ours with the same bytes.
fn ensure_same(ours: &Path, plain: &Path) -> anyhow::Result<()> {
    if plain.is_file() {
        ensure!(fs::read(ours)? == fs::read(plain)?, "the bytes differ");
        return Ok(());
    }
    let (found, wanted) = (digests(ours)?, digests(plain)?);
    let missing = wanted.difference(&found).count();
    ensure!(missing == 0 && !wanted.is_empty(), "{missing} of {} files missing", wanted.len());
    Ok(())
}

/// The contents of all files below a folder, as digests.
fn digests(folder: &Path) -> anyhow::Result<std::collections::BTreeSet<[u8; 32]>> {
    let mut found = std::collections::BTreeSet::new();
    for file in xtask::shell::files(folder)? {
        found.insert(auscult_model::Sha256::of(&fs::read(file)?).0);
    }
    Ok(found)
}
