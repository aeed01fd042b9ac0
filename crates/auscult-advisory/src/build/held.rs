//! Documents of an archive that wait for what belongs to them: digests, signatures, the keys of
//! their provider. These may stand before them or after.

use std::collections::BTreeMap;

use super::walk::Document;
use crate::csaf::trust::{self, COMPANION_BYTES_MAX, Companions, FILE_BYTES_MAX, Survey};

/// So many bytes wait at most; more documents are let go with what is known
/// of them, and those of which nothing is known are told.
const HELD_BYTES_MAX: usize = 256 << 20;
/// More companions are not kept.
const COMPANIONS_MAX: usize = 2_000_000;

/// What waits.
#[derive(Default)]
pub(crate) struct Held {
    documents: Vec<Document>,
    bytes: usize,
    companions: BTreeMap<String, Companions>,
    companion_bytes: usize,
    /// Files that may belong to a mirror and are no documents: metadata, keys, lists.
    others: BTreeMap<String, Document>,
    let_go: usize,
}

impl Held {
    /// Takes a member; gives back those that need not wait.
    pub(crate) fn take(&mut self, document: Document) -> Vec<Document> {
        let size = document.bytes.len();
        let within = |max: u64| u64::try_from(size).is_ok_and(|size| size <= max);
        if let Some((name, ending)) = document.path.rsplit_once('.')
            && trust::ENDINGS.contains(&ending)
            && within(COMPANION_BYTES_MAX)
        {
            if self.companions.len() < COMPANIONS_MAX && self.companion_bytes < HELD_BYTES_MAX {
                self.companion_bytes = self.companion_bytes.saturating_add(size);
                let entry = self.companions.entry(name.to_owned()).or_default();
                entry.put(ending, document.bytes.clone());
                // A public key has the ending of a signature.
                if ending == "asc" {
                    self.others.insert(document.path.clone(), document);
                }
            }
            return Vec::new();
        }
        if trust::looks_like_csaf(&document.bytes) {
            self.bytes = self.bytes.saturating_add(size);
            self.documents.push(document);
            if self.bytes <= HELD_BYTES_MAX {
                return Vec::new();
            }
            self.bytes = 0;
            let mut documents = std::mem::take(&mut self.documents);
            for document in &mut documents {
                if !self.join(document) {
                    self.let_go = self.let_go.saturating_add(1);
                }
            }
            return documents;
        }
        let room = HELD_BYTES_MAX.saturating_sub(self.companion_bytes);
        if trust::may_describe_mirror(&document.path) && within(FILE_BYTES_MAX) && size <= room {
            self.companion_bytes = self.companion_bytes.saturating_add(size);
            self.others.insert(document.path.clone(), document);
            return Vec::new();
        }
        vec![document]
    }

    /// Gives a document what belongs to it; tells whether there was anything.
    fn join(&mut self, document: &mut Document) -> bool {
        let found = self.companions.remove(&document.path);
        let known = found.is_some();
        document.companions = found.unwrap_or_default();
        known
    }

    /// Puts together what is left, at the end of the archive; with what is to be told.
    pub(crate) fn finish(mut self) -> (Vec<Document>, Vec<String>) {
        if self.documents.is_empty() && self.let_go == 0 {
            return (self.not_of_a_mirror(&Survey::default()), Vec::new());
        }
        let known = self.documents.iter().map(|document| document.path.as_str());
        let paths: Vec<&str> = known.chain(self.others.keys().map(String::as_str)).collect();
        let survey =
            Survey::of(paths, |path| self.others.get(path).map(|document| document.bytes.clone()));
        let mut problems: Vec<String> = survey.problems().collect();
        if self.let_go > 0 {
            problems.push(format!(
                "{} advisories of an archive were not checked against digests and signatures: they \
                 are more than 256 MiB; unpack the archive into a folder",
                self.let_go
            ));
        }
        let mut documents = std::mem::take(&mut self.documents);
        for document in &mut documents {
            self.join(document);
            document.mirror = survey.mirror_of(&document.path).cloned();
        }
        documents.extend(self.not_of_a_mirror(&survey));
        (documents, problems)
    }

    /// What has a name that files of a mirror have, and is not of one: any feed may use it.
    fn not_of_a_mirror(&mut self, survey: &Survey) -> Vec<Document> {
        let others = std::mem::take(&mut self.others).into_iter();
        let foreign = others
            .filter(|(path, _)| trust::may_describe_mirror(path) && !survey.files.contains(path));
        foreign.map(|(_, document)| document).collect()
    }
}
