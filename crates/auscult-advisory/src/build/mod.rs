//! Builds a snapshot from a folder of feeds.

mod advisories;
mod archive;
mod collect;
mod held;
mod support;
mod walk;

use std::{io::Write as _, path::Path};

use auscult_model::SourceInfo;
use jiff::civil::Date;
use rayon::prelude::*;

use crate::{
    Error, Result,
    feeds::recognise,
    snapshot::{
        Replacement, Snapshot, open_present, regression, table::Compression, write::to_bytes,
        write_file,
    },
};

/// Which products go into a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    #[default]
    Full,
    /// Those most found in devices: the table of names, the kernel, RTOSes, medical makers.
    Starter,
}

/// What to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildOptions {
    /// Whether titles and descriptions are kept.
    pub prose: bool,
    /// Which products.
    pub selection: Selection,
    /// The last day that a source can be of: what says that it is of a later one does not make its
    /// source fresh. Without it, every date counts.
    pub newest: Option<Date>,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self { prose: true, selection: Selection::Full, newest: None }
    }
}

/// A snapshot that was built, and what it was made of.
#[derive(Debug)]
pub struct Build {
    /// The bytes of the snapshot file.
    pub bytes: Vec<u8>,
    /// Every source with its records and failures.
    pub sources: Vec<SourceInfo>,
    /// Files of the folder that hold no known feed, relative to it.
    pub unrecognised: Vec<String>,
    /// Files that could be read in part only, with the reason.
    pub problems: Vec<String>,
    /// Sources of which documents are of a day that is still to come; their dates do not count.
    pub ahead: Vec<String>,
}

impl Build {
    /// Writes the snapshot; nobody ever sees half a file.
    pub fn write(&self, path: &Path) -> Result<()> {
        write_file(path, &self.bytes)
    }

    /// Writes the snapshot where there may be one: what it lost against that one is given where
    /// `force` is set and is an error otherwise, as is a present file that cannot be compared with.
    pub fn replace(&self, path: &Path, force: bool) -> Result<Vec<String>> {
        let old = open_present(path, force)?;
        let mut replacement = Replacement::begin(path)?;
        let written = replacement.file().write_all(&self.bytes);
        written.map_err(|source| Error::Io { path: path.to_owned(), source })?;
        let new = Snapshot::open(replacement.partial())?;
        let reasons = old.map_or_else(Vec::new, |old| regression(&old, &new));
        if !force && !reasons.is_empty() {
            return Err(Error::Regression { reasons });
        }
        replacement.commit().map(|()| reasons)
    }
}

/// Builds a snapshot from all feeds in a folder, recognised by their content. A feed that cannot
/// be read is counted and told; it does not lose the others.
pub fn build(from: &Path, options: &BuildOptions) -> Result<Build> {
    let mut collector = collect::Collector::new(*options);
    let walked = walk::documents(from, |batch| {
        let recognised: Vec<_> = batch
            .par_iter()
            .map(|document| {
                let recognised = recognise(&document.path, &document.bytes, document.archived);
                let mirror = document.mirror.as_deref();
                recognised.checked(&document.bytes, &document.companions, mirror)
            })
            .collect();
        for (document, recognised) in batch.iter().zip(recognised) {
            collector.take(&document.file, &document.path, recognised);
        }
    })?;
    let unrecognised: Vec<String> =
        walked.files.iter().filter(|file| !collector.knows(file)).cloned().collect();
    if unrecognised.len() == walked.files.len() {
        let files = u64::try_from(walked.files.len()).unwrap_or(u64::MAX);
        return Err(Error::NoFeeds { path: from.to_owned(), files });
    }
    let mut problems = walked.problems;
    problems.extend(collector.problems());
    let compression = match options.selection {
        Selection::Full => Compression::Deflate,
        Selection::Starter => Compression::Xz,
    };
    let (contents, ahead) = collector.finish(compression);
    let sources = contents.sources.clone();
    let bytes = to_bytes(contents)?;
    Ok(Build { bytes, sources, unrecognised, problems, ahead })
}
