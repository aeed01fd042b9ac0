//! Walks a folder and streams its documents, from plain files, compressed ones and archives.
//!
//! One thread reads and decompresses while the caller works on the batch before.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
};

use jiff::civil::Date;

use super::{archive, held::Held};
use crate::{
    Error, Result,
    csaf::{
        is_json,
        trust::{self, Companions, Mirror, Survey},
    },
};

/// A larger document is refused.
const DOCUMENT_BYTES_MAX: u64 = 1 << 30;
/// A batch ends when it holds so many bytes.
const BATCH_BYTES: usize = 16 << 20;
/// Deeper folders are not entered.
const DEPTH_MAX: u32 = 16;
/// Length of a header block of tar (POSIX.1-1988, ustar).
const TAR_BLOCK: usize = 512;

/// A text that may hold records.
pub(crate) struct Document {
    /// The file of the folder that it came from, relative to it.
    pub(crate) file: String,
    /// Its path, with that inside the archive.
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
    /// Date that the archive gives it.
    pub(crate) archived: Option<Date>,
    /// Digests and signature that lie beside it.
    pub(crate) companions: Companions,
    /// The provider's mirror that it belongs to.
    pub(crate) mirror: Option<Arc<Mirror>>,
}

impl Document {
    /// A member of an archive.
    pub(super) fn member(file: &str, path: String, bytes: Vec<u8>, archived: Option<Date>) -> Self {
        let (companions, mirror) = (Companions::default(), None);
        Self { file: file.to_owned(), path, bytes, archived, companions, mirror }
    }
}

/// What was walked.
#[derive(Default)]
pub(crate) struct Walked {
    pub(crate) files: Vec<String>,
    pub(crate) problems: Vec<String>,
}

/// Calls a function with every batch of documents below a folder, in a fixed order.
pub(crate) fn documents(from: &Path, mut work: impl FnMut(&[Document])) -> Result<Walked> {
    let mut paths = Vec::new();
    list(from, DEPTH_MAX, &mut paths)?;
    let (sender, receiver) = sync_channel::<Vec<Document>>(2);
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || read_all(from, &paths, sender));
        for batch in receiver {
            work(&batch);
        }
        reader.join().map_err(|_| Error::Io {
            path: from.to_owned(),
            source: io::Error::other("the reading thread ended early"),
        })
    })
}

fn list(folder: &Path, depth: u32, paths: &mut Vec<PathBuf>) -> Result<()> {
    let failed = |source| Error::Io { path: folder.to_owned(), source };
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        entries.push((entry.path(), entry.file_type().map_err(failed)?));
    }
    entries.sort_by(|(left, _), (right, _)| left.cmp(right));
    for (path, kind) in entries {
        if kind.is_dir() && depth > 0 {
            list(&path, depth - 1, paths)?;
        } else if kind.is_file() {
            paths.push(path);
        }
    }
    Ok(())
}

/// Sends what it reads in batches.
pub(super) struct Batches {
    sender: SyncSender<Vec<Document>>,
    batch: Vec<Document>,
    bytes: usize,
    held: Held,
}

impl Batches {
    pub(super) fn push(&mut self, document: Document) {
        self.bytes += document.bytes.len();
        self.batch.push(document);
        if self.bytes >= BATCH_BYTES {
            self.flush();
        }
    }

    /// Takes a member of an archive; what belongs together may stand anywhere in it.
    pub(super) fn member(&mut self, document: Document) {
        for document in self.held.take(document) {
            self.push(document);
        }
    }

    /// Lets go what waited for the rest of an archive.
    fn end_archive(&mut self, problems: &mut Vec<String>) {
        let (documents, found) = std::mem::take(&mut self.held).finish();
        problems.extend(found);
        for document in documents {
            self.push(document);
        }
    }

    fn flush(&mut self) {
        self.bytes = 0;
        // Nobody receives any more only when the caller is gone; then the rest does not matter.
        drop(self.sender.send(std::mem::take(&mut self.batch)));
    }
}

fn read_all(from: &Path, paths: &[PathBuf], sender: SyncSender<Vec<Document>>) -> Walked {
    let mut batches = Batches { sender, batch: Vec::new(), bytes: 0, held: Held::default() };
    let mut walked = Walked::default();
    let name = |path: &Path| path.strip_prefix(from).unwrap_or(path).to_string_lossy().into_owned();
    let names: BTreeSet<String> = paths.iter().map(|path| name(path)).collect();
    let survey = Survey::of(names.iter().map(String::as_str), |name| {
        read_small(&from.join(name), trust::FILE_BYTES_MAX)
    });
    walked.problems.extend(survey.problems());
    for path in paths {
        let file = name(path);
        if survey.files.contains(&file) || is_companion(&file, &names) {
            continue;
        }
        if let Err(error) = read_file(path, &file, &survey, &mut batches, &mut walked.problems) {
            walked.problems.push(format!("{file}: {error}"));
        }
        walked.files.push(file);
    }
    batches.flush();
    walked
}

/// Tells whether a file is the digest or the signature of another one.
fn is_companion(file: &str, names: &BTreeSet<String>) -> bool {
    let document = file.rsplit_once('.').filter(|(_, ending)| trust::ENDINGS.contains(ending));
    document.is_some_and(|(document, _)| names.contains(document))
}

/// A file that is not larger than a limit; `None` where it cannot be read.
fn read_small(path: &Path, bytes_max: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).ok()?;
    (u64::try_from(bytes.len()).ok()? <= bytes_max).then_some(bytes)
}

/// Reads the digests and the signature beside a document.
fn companions(path: &Path) -> Companions {
    let mut companions = Companions::default();
    for ending in trust::ENDINGS {
        let mut name = path.as_os_str().to_owned();
        name.push(".");
        name.push(ending);
        if let Some(bytes) = read_small(Path::new(&name), trust::COMPANION_BYTES_MAX) {
            companions.put(ending, bytes);
        }
    }
    companions
}

fn read_file(
    path: &Path,
    file: &str,
    survey: &Survey,
    batches: &mut Batches,
    problems: &mut Vec<String>,
) -> io::Result<()> {
    let (head, reader) = decompressed(path)?;
    if archive::is_zip(&head) {
        let read = archive::zip(File::open(path)?, file, batches, problems);
        batches.end_archive(problems);
        return read;
    }
    let is_tar = head.get(257..262) == Some(b"ustar");
    let mut reader = head.as_slice().chain(reader);
    if is_tar {
        let read = archive::tar(reader, file, batches, problems);
        batches.end_archive(problems);
        return read;
    }
    let mut bytes = Vec::new();
    reader.by_ref().take(DOCUMENT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() > usize::try_from(DOCUMENT_BYTES_MAX).unwrap_or(usize::MAX) {
        return Err(io::Error::other("the document is larger than 1 GiB"));
    }
    // What lies beside a packed document is about the packed bytes.
    let checked = is_json(file) && trust::looks_like_csaf(&bytes);
    let companions = if checked { companions(path) } else { Companions::default() };
    let mirror = survey.mirror_of(file).cloned();
    let path = file.to_owned();
    batches.push(Document { file: path.clone(), path, bytes, archived: None, companions, mirror });
    Ok(())
}

type Stream = (Vec<u8>, Box<dyn Read>);

/// Opens a file through its compression, if any; gives its first block and the rest.
fn decompressed(path: &Path) -> io::Result<Stream> {
    let mut reader = BufReader::with_capacity(1 << 18, File::open(path)?);
    let mut mark = [0; 4];
    let read = fill(&mut reader, &mut mark)?;
    let mark = mark.get(..read).unwrap_or_default().to_vec();
    let whole = io::Cursor::new(mark.clone()).chain(reader);
    // Magic numbers: RFC 8878 section 3.1.1, RFC 1952 section 2.3.1.
    let mut plain: Box<dyn Read> = if mark.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Box::new(ruzstd::decoding::StreamingDecoder::new(whole).map_err(io::Error::other)?)
    } else if mark.starts_with(&[0x1f, 0x8b]) {
        Box::new(flate2::read::MultiGzDecoder::new(whole))
    } else {
        Box::new(whole)
    };
    let mut head = vec![0; TAR_BLOCK];
    let read = fill(&mut plain, &mut head)?;
    head.truncate(read);
    Ok((head, plain))
}

/// Reads until the buffer is full or the stream ends.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}
