//! The parent's side: starts the child, bounds its answer, and writes extracted files safely.

use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Write as _},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{OpenOptionsExt as _, PermissionsExt as _},
        process::ExitStatusExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};
use auscult_model::{ByteName, InputKind, Limits, Locator, Sha256};

use super::{
    Extracted, ExtractedKind, Inspection, InventoryTable, Listing, Request, SUBCOMMAND, Surveyed,
    Task,
};
use crate::{cache::Cache, failure::Hinted, target::Target};

/// Longest answer that is read into memory.
const ANSWER_BYTES_MAX: u64 = 2 << 30;
/// Bytes read at once, so that small files take no read of their own.
const READ_BYTES: usize = 128 << 10;
/// Room in the pipe between the two: what anyone may ask of Linux (`/proc/sys/fs/pipe-max-size`).
const PIPE_BYTES: usize = 1 << 20;
/// Longest header line of an extracted file.
const HEADER_BYTES_MAX: u64 = 1 << 20;
/// How much of the child's own messages is shown when it fails.
const MESSAGE_BYTES_MAX: u64 = 4096;

/// The outcome of an extraction.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Files written.
    pub(crate) files: u64,
    /// What was not written as it stands in the image, and why.
    pub(crate) notes: Vec<String>,
}

/// Takes the facts of an image, or what the cache has of it.
pub(crate) fn inspect(
    target: Target,
    limits: &Limits,
    cache: Option<&Cache>,
) -> anyhow::Result<Inspection> {
    let told = "read the facts that the worker sent";
    let Some(cache) = cache.filter(|_| target.kind != InputKind::Sbom) else {
        return serde_json::from_slice(&ask(target, Task::Inspect, limits)?).context(told);
    };
    let digest = super::digest(&target.file, target.file.metadata()?.len())?;
    if let Some(answer) = cache.answer(&digest)
        && let Ok(inspection) = serde_json::from_slice(&answer)
    {
        return Ok(inspection);
    }
    let request = Request {
        memo: Some(cache.files()),
        digest: Some(digest),
        ..Request::new(Task::Inspect, target.kind, limits)
    };
    let mut inspection: Inspection =
        serde_json::from_slice(&ask_for(target, &request, limits)?).context(told)?;
    if let Err(error) = keep(cache, &digest, &mut inspection) {
        // The scan itself is not worse for it.
        let _ = writeln!(io::stderr(), "warning: keep findings in the cache: {error:#}");
    }
    Ok(inspection)
}

/// The same for a server, which has other things to do: on so many threads, behind everything else.
pub(crate) fn inspect_in_background(
    target: Target,
    limits: &Limits,
    threads: usize,
) -> anyhow::Result<Inspection> {
    let background = Some(threads);
    let request = Request { background, ..Request::new(Task::Inspect, target.kind, limits) };
    let answer = ask_for(target, &request, limits)?;
    serde_json::from_slice(&answer).context("read the facts that the worker sent")
}

/// Puts what was found into the cache.
fn keep(cache: &Cache, digest: &Sha256, inspection: &mut Inspection) -> anyhow::Result<()> {
    let remembered = std::mem::take(&mut inspection.remembered);
    if !inspection.lasting {
        return Ok(());
    }
    let records: Vec<_> =
        remembered.into_iter().map(|(key, value)| (key, value.get().as_bytes().to_vec())).collect();
    cache.keep_files(&records)?;
    cache.keep_answer(digest, &serde_json::to_vec(inspection)?)
}

/// Lists the tree of an image.
pub(crate) fn list(target: Target, limits: &Limits) -> anyhow::Result<Listing> {
    let answer = ask(target, Task::List, limits)?;
    serde_json::from_slice(&answer).context("read the listing that the worker sent")
}

/// Takes the facts of an image and surveys its parts and files.
pub(crate) fn survey(target: Target, limits: &Limits) -> anyhow::Result<Surveyed> {
    let answer = ask(target, Task::Survey, limits)?;
    serde_json::from_slice(&answer).context("read the survey that the worker sent")
}

/// Reads an inventory of devices as a table.
pub(crate) fn table(target: Target, limits: &Limits) -> anyhow::Result<InventoryTable> {
    let answer = ask(target, Task::Table, limits)?;
    serde_json::from_slice(&answer).context("read the table that the worker sent")
}

/// Copies the bytes at a place of the image to `out`.
pub(crate) fn print(
    target: Target,
    locator: Locator,
    limits: &Limits,
    mut out: File,
) -> anyhow::Result<()> {
    let request = Request::new(Task::Print(locator), target.kind, limits);
    with_child(target, &request, limits, move |mut stdout| {
        match io::copy(&mut stdout, &mut out) {
            // Whoever reads has seen enough; the worker need not die of it.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                io::copy(&mut stdout, &mut io::sink()).context("read the bytes").map(drop)
            }
            result => result.context("write the bytes").map(drop),
        }
    })
}

/// Writes everything in the image below the new or empty folder `to`.
pub(crate) fn extract(target: Target, to: &Path, limits: &Limits) -> anyhow::Result<Answer> {
    prepare_folder(to)?;
    let request = Request::new(Task::Extract, target.kind, limits);
    with_child(target, &request, limits, {
        let to = to.to_owned();
        move |stdout| write_all(BufReader::with_capacity(READ_BYTES, stdout), &to)
    })
}

fn ask(target: Target, task: Task, limits: &Limits) -> anyhow::Result<Vec<u8>> {
    let request = Request::new(task, target.kind, limits);
    ask_for(target, &request, limits)
}

fn ask_for(target: Target, request: &Request, limits: &Limits) -> anyhow::Result<Vec<u8>> {
    with_child(target, request, limits, |stdout| {
        let mut answer = Vec::new();
        stdout.take(ANSWER_BYTES_MAX + 1).read_to_end(&mut answer).context("read the answer")?;
        if u64::try_from(answer.len())? > ANSWER_BYTES_MAX {
            bail!("read the answer: it is longer than {ANSWER_BYTES_MAX} bytes");
        }
        Ok(answer)
    })
}

/// Starts the child, lets `read` consume its answer in a thread, and ends the child when the time
/// is over.
fn with_child<T: Send + 'static>(
    target: Target,
    request: &Request,
    limits: &Limits,
    read: impl FnOnce(ChildStdout) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let mut child = start(target.file, request)?;
    let stdout = child.stdout.take().context("take the worker's output")?;
    // A roomy pipe saves changes between the two processes; where it is refused, a small one does.
    let _ = rustix::pipe::fcntl_setpipe_size(&stdout, PIPE_BYTES);
    let messages = child.stderr.take().map(collect_messages);
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(read(stdout)));
    let answer = receiver.recv_timeout(Duration::from_millis(limits.time_ms));
    if answer.is_err() {
        child.kill().context("stop the worker")?;
    }
    let status = child.wait().context("wait for the worker")?;
    let Ok(answer) = answer else {
        let message = format!("inspect the image: no answer within {} ms", limits.time_ms);
        return Err(Hinted::error(message, "raise the limit with --time-limit SECONDS"));
    };
    if status.success() {
        return answer;
    }
    let messages = messages.and_then(|handle| handle.join().ok()).unwrap_or_default();
    match status.signal() {
        Some(signal) => Err(death_by(signal, &messages)),
        None => bail!("{}", messages.trim().trim_start_matches("error: ")),
    }
}

/// The error for a worker that a signal ended.
fn death_by(signal: i32, messages: &str) -> anyhow::Error {
    let hint = "the image was not read to the end; please report it with the image's digest";
    if signal == libc::SIGSYS {
        let what = "inspect the image: the worker was killed by its walls: it tried to reach the \
                    network, a program, another process or a file (SIGSYS)";
        return Hinted::error(what, format!("treat the image as an attack; {hint}"));
    }
    let what = format!("inspect the image: the worker died of signal {signal}: {messages}");
    Hinted::error(what, hint)
}

fn start(image: File, request: &Request) -> anyhow::Result<Child> {
    let program = std::env::current_exe().context("find the program's own file")?;
    Command::new(program)
        .arg(SUBCOMMAND)
        .arg(serde_json::to_string(request)?)
        .stdin(image)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env_clear()
        .spawn()
        .context("start the worker")
}

/// Reads the child's messages to the end, so that it never blocks on them, and keeps the first.
fn collect_messages(stderr: ChildStderr) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut stderr = BufReader::new(stderr);
        let mut kept = Vec::new();
        let _ = stderr.by_ref().take(MESSAGE_BYTES_MAX).read_to_end(&mut kept);
        let _ = io::copy(&mut stderr, &mut io::sink());
        String::from_utf8_lossy(&kept).replace(|c: char| c.is_control() && c != '\n', "\u{fffd}")
    })
}

fn prepare_folder(to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| format!("create {}", to.display()))?;
    let mut entries = fs::read_dir(to).with_context(|| format!("list {}", to.display()))?;
    if entries.next().is_some() {
        let message = format!("extract to {}: the folder is not empty", to.display());
        return Err(Hinted::error(message, "name a new or an empty folder"));
    }
    Ok(())
}

/// Writes the stream of extracted objects. Links come last and only where they stay inside, so
/// that nothing is ever written through one.
fn write_all(mut stream: impl BufRead, to: &Path) -> anyhow::Result<Answer> {
    let mut answer = Answer::default();
    let mut links: Vec<(PathBuf, ByteName)> = Vec::new();
    let mut made = Made::default();
    loop {
        let mut line = Vec::new();
        stream.by_ref().take(HEADER_BYTES_MAX).read_until(b'\n', &mut line)?;
        let header: Extracted =
            serde_json::from_slice(&line).context("read the answer: it ends too early")?;
        match header.kind {
            ExtractedKind::End => break,
            ExtractedKind::Problem(told) => {
                answer.notes.push(told);
                continue;
            }
            _ => {}
        }
        let mut content = stream.by_ref().take(header.bytes);
        let Some(relative) = safe_path(&header.path) else {
            let path: Vec<String> = header.path.iter().map(ToString::to_string).collect();
            answer.notes.push(format!("{}: the path leads out, not written", path.join("/")));
            io::copy(&mut content, &mut io::sink())?;
            continue;
        };
        let path = to.join(&relative);
        match header.kind {
            ExtractedKind::Directory => {
                if let Err(error) = made.folder(&path) {
                    answer.notes.push(format!("{error:#}"));
                }
            }
            ExtractedKind::File => match made.file(&path) {
                Ok(file) => {
                    fill_file(file, &relative, header.mode, &mut content, header.bytes)?;
                    answer.files += 1;
                }
                Err(error) => {
                    answer.notes.push(format!("{error:#}"));
                    io::copy(&mut content, &mut io::sink())?;
                }
            },
            ExtractedKind::Symlink(target) => links.push((relative, target)),
            ExtractedKind::Told(note) => {
                answer.notes.push(format!("{}: {note}, not written", relative.display()));
            }
            ExtractedKind::Problem(_) | ExtractedKind::End => {}
        }
    }
    for (relative, target) in links {
        if let Err(why) = make_link(to, &relative, &target) {
            answer.notes.push(format!("{} -> {target}: {why}, not written", relative.display()));
        }
    }
    Ok(answer)
}

/// The relative path of these components; none where one of them could leave the folder.
fn safe_path(parts: &[ByteName]) -> Option<PathBuf> {
    let safe = |part: &ByteName| {
        !matches!(part.as_bytes(), b"" | b"." | b"..")
            && part.as_bytes().len() <= 255
            && !part.as_bytes().iter().any(|&byte| byte == b'/' || byte == 0)
    };
    (!parts.is_empty() && parts.iter().all(safe))
        .then(|| parts.iter().map(|part| OsStr::from_bytes(part.as_bytes())).collect())
}

/// What was written so far.
#[derive(Default)]
struct Made {
    files: HashSet<OsString>,
    folders: HashSet<OsString>,
}

impl Made {
    fn folder(&mut self, path: &Path) -> anyhow::Result<()> {
        if !self.folders.contains(path.as_os_str()) {
            fs::create_dir_all(path).with_context(|| format!("create {}", path.display()))?;
            self.folders.insert(path.into());
        }
        Ok(())
    }

    /// Creates a file: never through a link, never over another one. A second file of the same path
    /// takes a numbered name.
    fn file(&mut self, path: &Path) -> anyhow::Result<File> {
        let mut free = path.as_os_str().to_owned();
        let mut number = 2_u64;
        while !self.files.insert(free.clone()) {
            path.as_os_str().clone_into(&mut free);
            free.push(format!("#{number}"));
            number += 1;
        }
        if let Some(parent) = path.parent() {
            self.folder(parent)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        options.open(&free).with_context(|| format!("create {}", Path::new(&free).display()))
    }
}

/// Writes the content. Setuid, setgid and sticky bits are not carried over.
fn fill_file(
    mut file: File,
    name: &Path,
    mode: Option<u32>,
    content: &mut impl Read,
    bytes: u64,
) -> anyhow::Result<()> {
    let written = io::copy(content, &mut file);
    let written = written.with_context(|| format!("write {}", name.display()))?;
    if written != bytes {
        bail!("read the answer: it ends inside {}", name.display());
    }
    let permissions = fs::Permissions::from_mode(mode.unwrap_or(0o644) & 0o777 | 0o600);
    file.set_permissions(permissions).with_context(|| format!("set the mode of {}", name.display()))
}

/// Makes a relative link if its target stays inside the folder: no absolute target, `..` only at
/// its start and never above the folder, and no other link among the folders that lead to it.
fn make_link(to: &Path, relative: &Path, target: &ByteName) -> Result<(), String> {
    if target.as_bytes().starts_with(b"/") {
        return Err("the target is absolute".to_owned());
    }
    let mut depth = relative.components().count().saturating_sub(1);
    let mut descended = false;
    for part in target.as_bytes().split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if descended => return Err("the target goes up behind a name".to_owned()),
            b".." => depth = depth.checked_sub(1).ok_or("the target leads out")?,
            _ => descended = true,
        }
    }
    let path = to.join(relative);
    let parent = path.parent().ok_or("it has no folder")?;
    fs::create_dir_all(parent).map_err(|error| error.to_string())?;
    for folder in relative.ancestors().skip(1) {
        let kind = fs::symlink_metadata(to.join(folder)).map_err(|error| error.to_string())?;
        if !kind.is_dir() {
            return Err("it lies behind another link".to_owned());
        }
    }
    std::os::unix::fs::symlink(OsStr::from_bytes(target.as_bytes()), &path)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use auscult_model::ByteName;

    use super::{Extracted, ExtractedKind, safe_path, write_all};

    fn stream(objects: &[(&[&str], ExtractedKind, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (path, kind, content) in objects {
            let kind = serde_json::from_value(serde_json::to_value(kind).unwrap()).unwrap();
            let path = path.iter().map(|part| ByteName::from(part.as_bytes())).collect();
            let header = Extracted { path, kind, mode: None, bytes: content.len() as u64 };
            serde_json::to_writer(&mut bytes, &header).unwrap();
            bytes.push(b'\n');
            bytes.extend_from_slice(content);
        }
        bytes
    }

    #[test]
    fn a_lying_worker_cannot_write_outside() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("out");
        std::fs::create_dir(&to).unwrap();
        let bytes = stream(&[
            (&["file"], ExtractedKind::File, b"content"),
            (&["file"], ExtractedKind::File, b"again"),
            (&["..", "escape"], ExtractedKind::File, b"1"),
            (&["a/../../escape"], ExtractedKind::File, b"2"),
            (&["up"], ExtractedKind::Symlink("..".into()), b""),
            (&["root"], ExtractedKind::Symlink("/etc".into()), b""),
            (&["in", "link"], ExtractedKind::Symlink("../file".into()), b""),
            (&["p", "q", "top"], ExtractedKind::Symlink("../..".into()), b""),
            (&["p", "q", "top", "x"], ExtractedKind::Symlink("../../..".into()), b""),
            (&["p", "q", "y"], ExtractedKind::Symlink("top/../..".into()), b""),
            (&["file", "below"], ExtractedKind::File, b"no folder"),
            (&[], ExtractedKind::End, b""),
        ]);
        let answer = write_all(&bytes[..], &to).unwrap();
        assert_eq!((answer.files, answer.notes.len()), (2, 7), "{:?}", answer.notes);
        assert_eq!(std::fs::read(to.join("in/link")).unwrap(), b"content");
        assert_eq!(std::fs::read(to.join("file#2")).unwrap(), b"again");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_stream_without_its_end_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = stream(&[(&["file"], ExtractedKind::File, b"content")]);
        assert!(write_all(&bytes[..], folder.path()).is_err());
        assert!(write_all(&bytes[..bytes.len() - 3], folder.path()).is_err());
        assert_eq!(safe_path(&[]), None);
    }
}
