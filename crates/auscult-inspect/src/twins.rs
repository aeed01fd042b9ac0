//! Files with the same bytes at the same path: the two systems of a device that updates itself, a
//! recovery image beside the image proper. They are searched once.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use auscult_model::Sha256;
use auscult_unpack::{NodeId, Tree};

use crate::{
    signatures::{FileKind, Hit},
    traces,
};

/// Searching fewer bytes costs no more than hashing them.
const BYTES_MIN: u64 = 4096;

/// What a search depends on.
#[derive(PartialEq, Eq, Hash)]
struct Question {
    bytes: Sha256,
    path: Vec<u8>,
    soname: Option<String>,
    kind: FileKind,
}

/// An answer that one thread computes and the others wait for.
type Answer = Arc<OnceLock<Vec<Hit<'static>>>>;

/// The answers to questions that may come again.
pub(crate) struct Twins {
    /// Lengths that several files have: only these are worth a digest.
    lengths: HashSet<u64>,
    answers: Mutex<HashMap<Question, Answer>>,
}

impl Twins {
    /// Prepares for these files and regions.
    pub(crate) fn among(tree: &Tree, subjects: &[NodeId]) -> Self {
        let mut counts: HashMap<u64, u32> = HashMap::new();
        for &id in subjects {
            *counts.entry(tree.node(id).len()).or_default() += 1;
        }
        let repeated = |&(length, count): &(u64, u32)| count > 1 && length >= BYTES_MIN;
        let lengths = counts.into_iter().filter(repeated).map(|(length, _)| length).collect();
        Self { lengths, answers: Mutex::default() }
    }

    /// The traces of components in these bytes, as [`traces::scan`] finds them.
    pub(crate) fn scan(
        &self,
        path: &[u8],
        soname: Option<&str>,
        kind: FileKind,
        bytes: &[u8],
    ) -> Vec<Hit<'static>> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if !self.lengths.contains(&length) {
            return traces::scan(path, soname, kind, bytes);
        }
        let question = Question {
            bytes: Sha256::of(bytes),
            path: path.to_vec(),
            soname: soname.map(str::to_owned),
            kind,
        };
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = Arc::clone(answers.entry(question).or_default());
        drop(answers);
        answer.get_or_init(|| traces::scan(path, soname, kind, bytes)).clone()
    }
}
