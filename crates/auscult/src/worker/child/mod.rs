//! The child's side: builds the walls, reads the image, writes the answer.

use std::{
    fs::File,
    io::{self, BufWriter, Seek as _, SeekFrom, Write},
    os::{fd::AsFd as _, unix::fs::FileExt as _},
    path::Path,
    sync::Arc,
};

use anyhow::Context as _;
use auscult_model::{Facts, Input, InputKind, Limits, Locator, Sha256};
use auscult_unpack::{Extent, Memo, Tree};
use serde_json::value::RawValue;

use super::{Inspection, InventoryTable, Probe, Request, Surveyed, Task, digest, walls};
use crate::cache;

mod extract;
mod listing;
mod probe;

/// Containers nest, and a thread that waits for others takes up their work on top of its own.
const STACK_BYTES: usize = 64 << 20;
/// Bytes that are printed at once.
const PIECE_BYTES: u64 = 8 << 20;
/// In the place of a digest that is taken at the same time.
const NOT_YET: Sha256 = Sha256([0; 32]);
/// Bytes gathered before they are written.
const OUTPUT_BYTES: usize = 64 << 10;

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
    start_threads(request.background)?;
    let again = image.try_clone().context("take the image")?;
    let whole = image.try_clone().context("take the image")?;
    // Not by way of `Stdout`, which looks for the ends of lines.
    let out = File::from(io::stdout().as_fd().try_clone_to_owned().context("take the output")?);
    // Files can only be opened now. Without a temporary folder everything stays in memory.
    let [spill, spill_again] = [tempfile::tempfile().ok(), tempfile::tempfile().ok()];
    let memo = request.memo.as_deref().map(memo);
    let isolation = walls::build(request.limits.spill_bytes);
    let limits = &request.limits;
    let mut out = BufWriter::with_capacity(OUTPUT_BYTES, out);
    match request.task {
        Task::Inspect if request.kind == InputKind::Sbom => {
            let facts = read_sbom(&image, size, limits)?;
            let (remembered, lasting) = (Vec::new(), false);
            let inspection = Inspection { isolation, facts, remembered, lasting };
            serde_json::to_writer(&mut out, &inspection)?;
        }
        Task::Inspect => {
            let sources = Sources { passes: [(image, spill), (again, spill_again)], whole, size };
            let (facts, (), lasting) = inspect(sources, &request, memo.as_ref(), |_| ())?;
            let remembered = memo.map_or(Ok(Vec::new()), |memo| remembered(&memo))?;
            let inspection = Inspection { isolation, facts, remembered, lasting };
            serde_json::to_writer(&mut out, &inspection)?;
        }
        Task::List => {
            let tree = auscult_unpack::unpack(image, size, limits, spill);
            serde_json::to_writer(&mut out, &listing::of(&tree, isolation))?;
        }
        Task::Survey => {
            let sources = Sources { passes: [(image, spill), (again, spill_again)], whole, size };
            let image = auscult_attest::ImageSeen { sha256: NOT_YET, size };
            let take = |tree: &Tree| auscult_attest::survey(tree, image);
            let (facts, mut survey, _) = inspect(sources, &request, None, take)?;
            survey.image.sha256 = facts.input.sha256;
            serde_json::to_writer(&mut out, &Surveyed { isolation, facts, survey })?;
        }
        Task::Table => serde_json::to_writer(&mut out, &read_table(&image, size)?)?,
        Task::Print(locator) => {
            let image = auscult_unpack::image(image, size, limits, spill);
            print(&image, &locator, &mut out)?;
        }
        Task::Probe(attempt) => {
            let succeeded = probe::attempt(&attempt)?;
            serde_json::to_writer(&mut out, &Probe { isolation, succeeded })?;
        }
        Task::Extract => {
            let tree = auscult_unpack::unpack(image, size, limits, spill);
            extract::send_all(&tree, &mut out)?;
        }
    }
    out.flush().context("write the answer")
}

/// The image for each pass, with a file for what memory does not hold, and for its digest.
struct Sources {
    passes: [(File, Option<File>); 2],
    whole: File,
    size: u64,
}

/// Takes the facts, and `more` of the same tree, and tells whether they are lasting. The digest of the
/// whole takes as long as much of the rest, and nothing waits for it.
fn inspect<T: Send>(
    sources: Sources,
    request: &Request,
    memo: Option<&Arc<Memo>>,
    more: impl Fn(&Tree) -> T + Sync + Send,
) -> anyhow::Result<(Facts, T, bool)> {
    let Sources { passes, whole, size } = sources;
    let input = Input { sha256: NOT_YET, size, kind: request.kind };
    let (sha256, inspected) = rayon::join(
        || request.digest.map_or_else(|| digest(&whole, size), Ok),
        || in_passes(passes, &input, &request.limits, memo, more),
    );
    let (mut facts, more, lasting) = inspected?;
    facts.input.sha256 = sha256?;
    Ok((facts, more, lasting))
}

/// Takes them once more on a single thread where a limit on everything together was reached, so that
/// the same image gives the same facts.
fn in_passes<T: Send>(
    passes: [(File, Option<File>); 2],
    input: &Input,
    limits: &Limits,
    memo: Option<&Arc<Memo>>,
    more: impl Fn(&Tree) -> T + Sync + Send,
) -> anyhow::Result<(Facts, T, bool)> {
    let [first, again] = passes;
    let take = |(image, spill): (File, Option<File>)| {
        let memo = memo.cloned();
        let image = auscult_unpack::image_with(image, input.size, limits, spill, memo);
        let tree = Tree::of(image);
        let facts = auscult_inspect::inspect(&tree, input.clone(), limits);
        (facts, more(&tree), tree.is_exhausted())
    };
    let (facts, taken, exhausted) = take(first);
    if !exhausted {
        return Ok((facts, taken, true));
    }
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).stack_size(STACK_BYTES);
    let (facts, taken, _) = one.build().context("start a thread")?.install(|| take(again));
    Ok((facts, taken, false))
}

/// The findings that earlier scans kept in this file, which may be missing.
fn memo(file: &Path) -> Arc<Memo> {
    let known = File::open(file).map(cache::read_files).unwrap_or_default();
    Arc::new(Memo::new(known))
}

/// The new findings, as they are kept.
fn remembered(memo: &Memo) -> anyhow::Result<Vec<(Sha256, Box<RawValue>)>> {
    let kept = memo.fresh().into_iter().map(|(key, value)| {
        let text = String::from_utf8(value).context("findings that are no text")?;
        Ok((key, RawValue::from_string(text)?))
    });
    kept.collect()
}

/// Starts the thread pool, which asks the file system for the number of processors, before the
/// walls take the file system away.
fn start_threads(background: Option<usize>) -> anyhow::Result<()> {
    let mut pool = rayon::ThreadPoolBuilder::new().stack_size(STACK_BYTES);
    if let Some(threads) = background {
        const LEAST: i32 = 19;
        rustix::process::nice(LEAST).context("step behind other processes")?;
        pool = pool.num_threads(threads);
    }
    pool.build_global().context("start the threads")
}

/// Prints the bytes at a place, in pieces: they may be more than memory holds.
fn print(image: &Extent, locator: &Locator, out: &mut impl Write) -> anyhow::Result<()> {
    let found = auscult_unpack::find(image, locator).or_else(|| {
        let tree = Tree::of(image.clone());
        let (node, offset) = tree.resolve(locator)?;
        Some((tree.node(node).content.clone().unwrap_or_else(|| image.clamp(0, 0)), offset))
    });
    let (content, offset) = found.with_context(|| format!("find {locator} in this image"))?;
    let mut position = offset;
    while position < content.len() {
        let bytes = content.read_up_to(position, PIECE_BYTES);
        out.write_all(&bytes.with_context(|| format!("read {locator}"))?)?;
        position += PIECE_BYTES;
    }
    Ok(())
}

/// Reads an inventory; a file that is none is an answer, too.
fn read_table(image: &File, size: u64) -> anyhow::Result<InventoryTable> {
    // One byte more than is taken, so that the reader says that it is too large.
    let size = size.min(auscult_fleet::Table::BYTES_MAX as u64 + 1);
    let mut bytes = vec![0; usize::try_from(size)?];
    image.read_exact_at(&mut bytes, 0).context("read the inventory")?;
    Ok(auscult_fleet::Table::read(&bytes).map_err(|error| error.to_string()))
}

fn read_sbom(image: &File, size: u64, limits: &Limits) -> anyhow::Result<Facts> {
    let mut document = vec![0; usize::try_from(size)?];
    image.read_exact_at(&mut document, 0).context("read the SBOM")?;
    Ok(auscult_sbom::read_cyclonedx(&document, auscult_inspect::tool(), limits)?)
}
