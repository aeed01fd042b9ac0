//! The child's side: builds the walls, reads the image, writes the answer.

use std::{
    fs::File,
    io::{self, BufWriter, Seek as _, SeekFrom, Write},
    os::{fd::AsFd as _, unix::fs::FileExt as _},
};

use anyhow::{Context as _, bail};
use auscult_model::{ByteName, Facts, Input, InputKind, Limits, Sha256};
use auscult_report::TreeRow;
use auscult_unpack::{EntryKind, Node, NodeId, NodeKind, Tree};
use sha2::Digest as _;

use super::{Extracted, ExtractedKind, Inspection, Listing, Probe, Request, Task, walls};

/// Runs the child: `request` is the JSON of a [`Request`], the image is on standard input.
pub(crate) fn run(request: &str) -> anyhow::Result<()> {
    let request: Request = serde_json::from_str(request).context("read the request")?;
    // A parent that is killed cannot end its child, and nobody else would.
    let signal = rustix::process::Signal::KILL;
    rustix::process::set_parent_process_death_signal(Some(signal))
        .context("bind the worker to its parent")?;
    let image = File::from(io::stdin().as_fd().try_clone_to_owned().context("take the image")?);
    // Seeking measures block devices too, whose metadata tells no length.
    let size = (&image).seek(SeekFrom::End(0)).context("measure the image")?;
    // Starts the thread pool, which asks the file system for the number of processors, before the
    // walls take the file system away.
    let _: usize = rayon::current_num_threads();
    let again = image.try_clone().context("take the image")?;
    let isolation = walls::build();
    let mut out = BufWriter::new(io::stdout().lock());
    match request.task {
        Task::Inspect => {
            let sha256 = digest(&image, size)?;
            if request.kind == InputKind::Sbom {
                let facts = read_sbom(&image, size, &request.limits)?;
                serde_json::to_writer(&mut out, &Inspection { isolation, facts })?;
                return out.flush().context("write the answer");
            }
            let input = Input { sha256, size, kind: request.kind };
            let facts = inspect([image, again], &input, &request.limits)?;
            serde_json::to_writer(&mut out, &Inspection { isolation, facts })?;
        }
        Task::List => {
            let tree = auscult_unpack::unpack(image, size, &request.limits);
            serde_json::to_writer(&mut out, &listing(&tree, isolation))?;
        }
        Task::Print(locator) => {
            let tree = auscult_unpack::unpack(image, size, &request.limits);
            let Some((node, offset)) = tree.resolve(&locator) else {
                bail!("find {locator} in this image");
            };
            let content = tree.node(node).content.as_ref();
            let bytes = content.map(|content| content.from(offset).read_all()).transpose();
            out.write_all(&bytes.with_context(|| format!("read {locator}"))?.unwrap_or_default())?;
        }
        Task::Probe => serde_json::to_writer(&mut out, &probe(isolation))?,
        Task::Extract => {
            let tree = auscult_unpack::unpack(image, size, &request.limits);
            extract(&tree, tree.root(), &mut Vec::new(), &mut out)?;
            for problem in tree.problems() {
                let told = format!("{}: {}: {}", problem.locator, problem.what, problem.why);
                send(&mut out, Vec::new(), ExtractedKind::Problem(told), None, &[])?;
            }
            send(&mut out, Vec::new(), ExtractedKind::End, None, &[])?;
        }
    }
    out.flush().context("write the answer")
}

/// Tries what hostile code would try first, and tells what the walls let through.
fn probe(isolation: Vec<String>) -> Probe {
    let attempts: [(&str, bool); 5] = [
        ("read a file", File::open("/etc/passwd").is_ok()),
        ("write a file", File::create("/tmp/auscult-probe").is_ok()),
        ("list a folder", std::fs::read_dir("/").is_ok()),
        ("open a socket", std::net::TcpListener::bind("127.0.0.1:0").is_ok()),
        ("run a program", std::process::Command::new("/bin/true").status().is_ok()),
    ];
    let succeeded = attempts.iter().filter(|(_, done)| *done).map(|&(name, _)| name.to_owned());
    Probe { isolation, succeeded: succeeded.collect() }
}

/// Takes the facts; once more on a single thread where a limit on everything together was
/// reached, so that the same image gives the same facts.
fn inspect(images: [File; 2], input: &Input, limits: &Limits) -> anyhow::Result<Facts> {
    let [image, again] = images;
    let take = |image: File| {
        let tree = auscult_unpack::unpack(image, input.size, limits);
        let facts = auscult_inspect::inspect(&tree, input.clone(), limits);
        (facts, tree.is_exhausted())
    };
    let (facts, exhausted) = take(image);
    if !exhausted {
        return Ok(facts);
    }
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().context("start a thread")?;
    Ok(one.install(|| take(again)).0)
}

fn read_sbom(image: &File, size: u64, limits: &Limits) -> anyhow::Result<Facts> {
    let mut document = vec![0; usize::try_from(size)?];
    image.read_exact_at(&mut document, 0).context("read the SBOM")?;
    Ok(auscult_sbom::read_cyclonedx(&document, auscult_inspect::tool(), limits)?)
}

fn digest(image: &File, size: u64) -> anyhow::Result<Sha256> {
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut position = 0;
    while position < size {
        let count = image.read_at(&mut buffer, position).context("read the image")?;
        if count == 0 {
            bail!("read the image: it ends at {position} of {size} bytes");
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
        position += u64::try_from(count)?;
    }
    Ok(Sha256(hasher.finalize().into()))
}

fn listing(tree: &Tree, isolation: Vec<String>) -> Listing {
    Listing {
        schema: "auscult-tree/1".to_owned(),
        isolation,
        entries: tree.nodes().skip(1).map(|(id, node)| row(tree, id, node)).collect(),
        coverage: tree.coverage().clone(),
        problems: tree.problems().to_vec(),
    }
}

fn row(tree: &Tree, id: NodeId, node: &Node) -> TreeRow {
    let (kind, note) = match &node.kind {
        NodeKind::Image => ("image", String::new()),
        NodeKind::Raw { entropy_centibits } => {
            let (bits, hundredths) = (entropy_centibits / 100, entropy_centibits % 100);
            ("raw", format!("entropy {bits}.{hundredths:02} bits per byte"))
        }
        NodeKind::Padding => ("padding", String::new()),
        NodeKind::Container { attributes, unread, .. } => {
            let mut note: Vec<String> =
                attributes.iter().map(|(key, value)| format!("{key} {value}")).collect();
            note.extend(unread.iter().map(|reason| format!("unread: {reason}")));
            ("container", note.join(", "))
        }
        NodeKind::Member(kind) => member_kind(kind),
    };
    let metadata = &node.metadata;
    TreeRow {
        locator: tree.locator(id),
        kind: kind.to_owned(),
        size: node.content.as_ref().map(auscult_unpack::Extent::len),
        mode: metadata.mode,
        owner: metadata.user.zip(metadata.group).map(|(user, group)| format!("{user}:{group}")),
        modified: metadata.modified,
        note: Some(note).filter(|note| !note.is_empty()),
    }
}

fn member_kind(kind: &EntryKind) -> (&'static str, String) {
    match kind {
        EntryKind::File => ("file", String::new()),
        EntryKind::Directory => ("directory", String::new()),
        EntryKind::Symlink(target) => ("symlink", target.to_string()),
        EntryKind::Hardlink(target) => ("hardlink", target.to_string()),
        EntryKind::CharacterDevice { major, minor } => {
            ("character-device", format!("{major},{minor}"))
        }
        EntryKind::BlockDevice { major, minor } => ("block-device", format!("{major},{minor}")),
        EntryKind::Fifo => ("fifo", String::new()),
        EntryKind::Socket => ("socket", String::new()),
    }
}

/// Sends everything below a node; `path` is where it goes, relative to the target folder.
fn extract(
    tree: &Tree,
    id: NodeId,
    path: &mut Vec<ByteName>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    for &child in &tree.node(id).children {
        let node = tree.node(child);
        let depth = path.len();
        match &node.kind {
            NodeKind::Image => {}
            NodeKind::Raw { .. } | NodeKind::Padding => {
                path.push(format!("{:#x}.{}", node.offset, region_word(&node.kind)).into());
                if !matches!(node.kind, NodeKind::Padding) {
                    send_file(tree, child, path, out)?;
                }
            }
            NodeKind::Container { format, .. } => {
                path.push(format!("{:#x}-{format}", node.offset).into());
                send(out, path.clone(), ExtractedKind::Directory, None, &[])?;
                extract(tree, child, path, out)?;
            }
            NodeKind::Member(kind) => extract_member(tree, child, kind, path, out)?,
        }
        path.truncate(depth);
    }
    Ok(())
}

fn region_word(kind: &NodeKind) -> &'static str {
    if matches!(kind, NodeKind::Padding) { "padding" } else { "raw" }
}

fn extract_member(
    tree: &Tree,
    id: NodeId,
    kind: &EntryKind,
    path: &mut Vec<ByteName>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let node = tree.node(id);
    let parts = node.name.0.split(|&byte| byte == b'/').filter(|part| !part.is_empty());
    path.extend(parts.map(ByteName::from));
    if node.name.0.is_empty() {
        path.push("payload".into());
    }
    let mode = node.metadata.mode;
    match kind {
        EntryKind::Directory => send(out, path.clone(), ExtractedKind::Directory, mode, &[])?,
        EntryKind::File => send_file(tree, id, path, out)?,
        EntryKind::Symlink(target) => {
            send(out, path.clone(), ExtractedKind::Symlink(target.clone()), mode, &[])?;
        }
        other => {
            let (kind, note) = member_kind(other);
            let told = ExtractedKind::Told(format!("{kind} {note}"));
            send(out, path.clone(), told, mode, &[])?;
        }
    }
    if !node.children.is_empty() {
        if let Some(last) = path.last_mut() {
            last.0.extend_from_slice(b".unpacked");
        }
        extract(tree, id, path, out)?;
    }
    Ok(())
}

fn send_file(
    tree: &Tree,
    id: NodeId,
    path: &[ByteName],
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mode = tree.node(id).metadata.mode;
    match tree.bytes(id) {
        Ok(bytes) => send(out, path.to_vec(), ExtractedKind::File, mode, &bytes),
        Err(fault) => {
            send(out, path.to_vec(), ExtractedKind::Told(format!("unreadable: {fault}")), mode, &[])
        }
    }
}

fn send(
    out: &mut impl Write,
    path: Vec<ByteName>,
    kind: ExtractedKind,
    mode: Option<u32>,
    content: &[u8],
) -> anyhow::Result<()> {
    let header = Extracted { path, kind, mode, bytes: u64::try_from(content.len())? };
    serde_json::to_writer(&mut *out, &header)?;
    out.write_all(b"\n")?;
    out.write_all(content).context("write the answer")
}
