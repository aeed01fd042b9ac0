//! `cargo xtask reference`: every container in every file of the shared corpus is opened once more
//! by the tool that people trust with its format, and the contents are compared by digest.
//!
//! The containers are found by our own listing, cut out by their locator and given to the tool; no
//! file of the corpus is named here. The tools come from Debian and from PyPI.

mod tools;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail, ensure};
use auscult_model::Sha256;
use serde_json::Value;

use self::tools::Tool;
use xtask::shell::{program, shared};

/// Containers that are compared; fewer must not go unnoticed.
const COMPARED_MIN: usize = 134;
/// Larger containers are left to the benchmarks.
const BYTES_MAX: u64 = 256 << 20;
/// Folders of the corpus that hold images.
const FOLDERS: &[&str] = &["whole", "rootfs", "boot", "mcu", "radio", "fixtures"];

/// How one container came out.
enum Outcome {
    /// Every file of the tool's is ours too; so many.
    Same(usize),
    /// The tool could not open all of it: no judge.
    NoJudge(String),
    /// Files of the tool's that we do not have.
    Different(String),
}

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let program = &program(arguments)?;
    let filters: Vec<&String> = arguments.iter().filter(|word| !word.starts_with("--")).collect();
    let Some(shared) = shared() else {
        println!("SKIPPED: the comparison with reference tools needs the shared folder");
        ensure!(std::env::var_os("CI").is_none(), "the shared folder is missing in CI");
        return Ok(());
    };
    tools::install()?;
    let (mut compared, mut failures) = (0, Vec::new());
    let mut by_format: BTreeMap<String, (usize, usize, usize)> = BTreeMap::new();
    for image in images(&shared)? {
        let name = image.strip_prefix(&shared).unwrap_or(&image).display().to_string();
        if filters.iter().any(|filter| !name.contains(filter.as_str())) {
            continue;
        }
        for (locator, tool, outcome) in compare_image(program, &image)? {
            let counts = by_format.entry(tool.format.to_owned()).or_default();
            match outcome {
                Outcome::Same(files) => {
                    compared += 1;
                    counts.0 += 1;
                    counts.1 += files;
                }
                Outcome::NoJudge(why) => {
                    counts.2 += 1;
                    println!("no judge: {name} {locator}: {} {why}", tool.name);
                }
                Outcome::Different(what) => {
                    failures.push(format!("{name} {locator}: {}: {what}", tool.name));
                }
            }
        }
    }
    println!("{:20} {:>10} {:>8} {:>9}", "format", "containers", "files", "no judge");
    for (format, (containers, files, unjudged)) in by_format {
        println!("{format:20} {containers:>10} {files:>8} {unjudged:>9}");
    }
    println!("{compared} containers compared");
    if !failures.is_empty() {
        bail!("contents differ from the reference tools:\n{}", failures.join("\n"));
    }
    if arguments.is_empty() && compared < COMPARED_MIN {
        bail!("only {compared} containers were compared, {COMPARED_MIN} are kept");
    }
    Ok(())
}

/// All files in the folders of the corpus, in order.
pub(crate) fn images(shared: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut images = Vec::new();
    let mut pending: Vec<PathBuf> =
        FOLDERS.iter().map(|folder| shared.join("corpus").join(folder)).collect();
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() { pending.push(path) } else { images.push(path) }
        }
    }
    images.sort();
    Ok(images)
}

/// Compares the containers of one image that have a reference tool.
fn compare_image(
    program: &Path,
    image: &Path,
) -> anyhow::Result<Vec<(String, &'static Tool, Outcome)>> {
    let output = Command::new(program).arg("unpack").arg(image).args(["-o", "json"]).output()?;
    ensure!(
        matches!(output.status.code(), Some(0 | 4)),
        "list {}: {}",
        image.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let listing: Value = serde_json::from_slice(&output.stdout).context("read the listing")?;
    let rows = listing.get("entries").and_then(Value::as_array).context("find the entries")?;
    let mut outcomes = Vec::new();
    for row in rows {
        let field = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        let (locator, format) = (field("locator"), field("format"));
        let size = row.get("size").and_then(Value::as_u64).unwrap_or(0);
        let damaged = !field("unread").is_empty();
        let Some(tool) = tools::for_format(format).filter(|_| size <= BYTES_MAX && !damaged) else {
            continue;
        };
        let outcome = if is_truncated(&listing, locator) {
            Outcome::NoJudge("takes what was cut off for zeros, or for nothing".to_owned())
        } else {
            compare(program, image, locator, tool, &files_under(rows, locator))?
        };
        outcomes.push((locator.to_owned(), tool, outcome));
    }
    Ok(outcomes)
}

/// Whether the listing says that a container goes on behind the bytes that are there.
fn is_truncated(listing: &Value, container: &str) -> bool {
    let problems = listing.get("problems").and_then(Value::as_array);
    problems.into_iter().flatten().any(|problem| {
        let field = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
        let offset = field("locator").strip_prefix(container);
        offset.is_some_and(|rest| rest.starts_with('@') && !rest.contains(['/', ':']))
            && field("why").ends_with("truncated")
    })
}

/// Sizes of files by their digest.
type Files = BTreeMap<String, usize>;

/// Our files in a container, those in containers inside it included.
fn files_under(rows: &[Value], container: &str) -> Files {
    let inside = |row: &&Value| {
        let locator = row.get("locator").and_then(Value::as_str).unwrap_or_default();
        locator
            .strip_prefix(container)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '@']))
    };
    let file = |row: &Value| {
        let size = row.get("size").and_then(Value::as_u64)?;
        let digest = row.get("sha256").and_then(Value::as_str)?;
        Some((digest.to_owned(), usize::try_from(size).ok()?))
    };
    rows.iter().filter(inside).filter_map(file).collect()
}

/// Whether a file of the tool's is one of ours, or one of ours with more behind it where the tool
/// is known for that.
fn is_ours(ours: &Files, tool: &Tool, digest: &str, path: &str) -> anyhow::Result<bool> {
    if ours.contains_key(digest) || !tool.overlong {
        return Ok(ours.contains_key(digest));
    }
    let theirs = fs::read(path)?;
    let mut shortened =
        ours.iter().filter_map(|(digest, size)| Some((digest, theirs.get(..*size)?)));
    Ok(shortened.any(|(digest, bytes)| Sha256::of(bytes).to_string() == *digest))
}

fn compare(
    program: &Path,
    image: &Path,
    locator: &str,
    tool: &Tool,
    ours: &Files,
) -> anyhow::Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let (input, out) =
        (folder.path().join(format!("input{}", tool.ending)), folder.path().join("out"));
    cut(program, image, locator, &input)?;
    fs::create_dir(&out)?;
    let script = tool
        .script
        .replace("{in}", &input.display().to_string())
        .replace("{out}", &out.display().to_string());
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(&out)
        .env("PATH", tools::path())
        .stdin(Stdio::null())
        .output()
        .context("start sh")?;
    let theirs = digests(&out)?;
    let told = String::from_utf8_lossy(&output.stderr);
    let no_judge = || {
        let last = told.lines().last().unwrap_or("it wrote nothing");
        Outcome::NoJudge(last.to_owned())
    };
    let mut missing = Vec::new();
    for (digest, path) in &theirs {
        if !is_ours(ours, tool, digest, path)? {
            missing.push(path);
        }
    }
    Ok(match missing.first() {
        _ if theirs.is_empty() => no_judge(),
        None => Outcome::Same(theirs.len()),
        Some(_) if !output.status.success() => no_judge(),
        Some(first) => Outcome::Different(format!(
            "{} of {} files are not ours, such as {first}",
            missing.len(),
            theirs.len()
        )),
    })
}

/// Writes the bytes of a container to a file.
pub(crate) fn cut(program: &Path, image: &Path, locator: &str, to: &Path) -> anyhow::Result<()> {
    let (around, place) = locator.rsplit_once('@').context("split the locator")?;
    let (offset, _) = place.split_once('/').context("split the locator")?;
    let from = if around.is_empty() { "image" } else { around };
    let status = Command::new(program)
        .arg("unpack")
        .arg(image)
        .args(["--cat", &format!("{from}@{offset}")])
        .stdout(fs::File::create(to)?)
        .stderr(Stdio::null())
        .status()?;
    ensure!(status.success(), "cut {locator} out of {}", image.display());
    Ok(())
}

/// Digests and names of all non-empty files below a folder.
fn digests(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![folder.to_path_buf()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                pending.push(path);
            } else if kind.is_file() && entry.metadata()?.len() > 0 {
                let digest = Sha256::of(&fs::read(&path)?).to_string();
                found.insert(digest, path.display().to_string());
            }
        }
    }
    Ok(found)
}
