//! What earlier scans found, kept in a folder that the user names (`--cache`).
//!
//! Two things are kept: the facts of whole images, by their digest, and what was found in single
//! files, by the fingerprint of their packed bytes ([`auscult_unpack::Memo`]). Both hold only for the
//! same program, rules and limits, which are part of every file's name. The cache may be deleted at any
//! time; what is damaged in it is found again. Who can write to the folder can make a scan lie, as who
//! can write to the program can (`docs/adr/0009-facts-cache.md`).

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::Context as _;
use auscult_model::{Limits, Sha256};
use bytes::Bytes;

/// Images whose facts are kept; the least recently kept ones go.
const IMAGES_MAX: usize = 64;
/// Bytes of findings in files; over them the file is begun anew.
const FILES_BYTES_MAX: u64 = 512 << 20;
/// A record of findings: key, digest of the value, length of the value, value.
const RECORD_HEAD_BYTES: usize = 32 + 32 + 4;

/// The opened cache.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    /// Digest over all that findings depend on besides the image.
    settings: String,
}

impl Cache {
    /// Opens the folder, which is made where it is missing.
    pub(crate) fn open(folder: &Path, limits: &Limits) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("create the cache {}", folder.display()))?;
        // Findings of another build of the program may differ, whatever its version says.
        let program = std::env::current_exe().and_then(fs::metadata);
        let program = program.context("look at the program's own file")?;
        let built = program.modified().ok().and_then(|time| {
            time.duration_since(SystemTime::UNIX_EPOCH).ok().map(|since| since.as_nanos())
        });
        let text = format!(
            "{}\n{}\n{:?}\n{}",
            serde_json::to_string(&auscult_inspect::tool())?,
            serde_json::to_string(limits)?,
            built,
            program.len(),
        );
        let settings = Sha256::of(text.as_bytes()).to_string();
        let settings = settings.get(..16).unwrap_or_default().to_owned();
        Ok(Self { folder: folder.to_owned(), settings })
    }

    fn image(&self, digest: &Sha256) -> PathBuf {
        self.folder.join(format!("image-{}-{digest}.json", self.settings))
    }

    /// The file with the findings in files; it may not be there yet.
    pub(crate) fn files(&self) -> PathBuf {
        self.folder.join(format!("files-{}.bin", self.settings))
    }

    /// The kept answer for an image.
    pub(crate) fn answer(&self, digest: &Sha256) -> Option<Vec<u8>> {
        let bytes = fs::read(self.image(digest)).ok()?;
        let (sum, answer) = bytes.split_at_checked(32)?;
        (Sha256::of(answer).0 == sum).then(|| answer.to_vec())
    }

    /// Keeps the answer for an image, and forgets the oldest of too many.
    pub(crate) fn keep_answer(&self, digest: &Sha256, answer: &[u8]) -> anyhow::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(&Sha256::of(answer).0)?;
        file.write_all(answer)?;
        file.persist(self.image(digest))?;
        let mut images: Vec<(SystemTime, PathBuf)> = fs::read_dir(&self.folder)?
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("image-"))
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        images.sort();
        let surplus = images.len().saturating_sub(IMAGES_MAX);
        for (_, path) in images.into_iter().take(surplus) {
            fs::remove_file(path)?;
        }
        Ok(())
    }

    /// Appends findings in files; two scans at a time wait for each other.
    pub(crate) fn keep_files(&self, found: &[(Sha256, Vec<u8>)]) -> anyhow::Result<()> {
        if found.is_empty() {
            return Ok(());
        }
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).read(true).open(self.files())?;
        file.lock()?;
        if file.metadata()?.len() > FILES_BYTES_MAX {
            file.set_len(0)?;
        }
        let mut records = Vec::new();
        for (key, value) in found {
            records.extend_from_slice(&key.0);
            records.extend_from_slice(&Sha256::of(value).0);
            records.extend_from_slice(&u32::try_from(value.len())?.to_le_bytes());
            records.extend_from_slice(value);
        }
        file.write_all(&records)?;
        Ok(())
    }
}

/// Reads findings in files; what follows a damaged record is left out.
pub(crate) fn read_files(mut file: File) -> HashMap<Sha256, Bytes> {
    let mut bytes = Vec::new();
    // Locking keeps out a writer; where it is refused a half-written record fails its digest.
    let _ = file.lock_shared();
    if file.read_to_end(&mut bytes).is_err() {
        return HashMap::new();
    }
    let (bytes, mut known, mut at) = (Bytes::from(bytes), HashMap::new(), 0_usize);
    while let Some((key, value, next)) = record(&bytes, at) {
        known.insert(key, value);
        at = next;
    }
    known
}

/// The record at this place, and where the next one begins.
fn record(bytes: &Bytes, at: usize) -> Option<(Sha256, Bytes, usize)> {
    let head = bytes.get(at..at.checked_add(RECORD_HEAD_BYTES)?)?;
    let (key, rest) = head.split_first_chunk::<32>()?;
    let (sum, length) = rest.split_first_chunk::<32>()?;
    let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
    let start = at + RECORD_HEAD_BYTES;
    let end = start.checked_add(length).filter(|&end| end <= bytes.len())?;
    let value = bytes.slice(start..end);
    (Sha256::of(&value).0 == *sum).then_some((Sha256(*key), value, end))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use auscult_model::{Limits, Sha256};

    use super::{Cache, read_files};

    #[test]
    fn findings_come_back_and_damaged_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path(), &Limits::default()).unwrap();
        let (one, two) = (Sha256::of(b"one"), Sha256::of(b"two"));
        cache.keep_files(&[(one, b"first".to_vec())]).unwrap();
        cache.keep_files(&[(two, b"second".to_vec())]).unwrap();
        let known = read_files(File::open(cache.files()).unwrap());
        assert_eq!((known.len(), &known[&two][..]), (2, &b"second"[..]));
        let mut bytes = fs::read(cache.files()).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(cache.files(), &bytes).unwrap();
        assert_eq!(read_files(File::open(cache.files()).unwrap()).len(), 1);
        fs::write(cache.files(), &bytes[..bytes.len() - 3]).unwrap();
        assert_eq!(read_files(File::open(cache.files()).unwrap()).len(), 1);

        cache.keep_answer(&one, b"facts").unwrap();
        assert_eq!(cache.answer(&one).as_deref(), Some(&b"facts"[..]));
        assert_eq!(cache.answer(&two), None);
        let other = Cache::open(folder.path(), &Limits { depth: 3, ..Limits::default() }).unwrap();
        assert_eq!(other.answer(&one), None);
    }
}
