//! Nothing of the shared corpus is shipped: no digest of its files, no path, no name.
//!
//! A rule that knows a file of the corpus would be tuned to it. Without the shared folder this
//! check says loudly that it did not run.

use std::collections::BTreeSet;

use anyhow::Context as _;

use super::Complaint;
use xtask::shell::{root, shared, tracked};

pub(crate) fn check() -> anyhow::Result<Vec<Complaint>> {
    let Some(shared) = shared() else {
        println!("SKIPPED: the check for corpus names needs the shared folder");
        return Ok(Vec::new());
    };
    let words = corpus_words(&shared)?;
    let mut complaints = Vec::new();
    for path in tracked()? {
        let bytes = std::fs::read(root().join(&path));
        let bytes = bytes.with_context(|| format!("read {}", path.display()))?;
        let text = String::from_utf8_lossy(&bytes);
        let found = words.iter().filter(|word| text.contains(word.as_str()));
        complaints
            .extend(found.map(|word| format!("{}: names the corpus: {word}", path.display())));
    }
    Ok(complaints)
}

/// Digests, paths and file names of the corpus, without those too short to mean anything.
fn corpus_words(shared: &std::path::Path) -> anyhow::Result<BTreeSet<String>> {
    let text = std::fs::read_to_string(shared.join("corpus").join("GROUND_TRUTH.json"));
    let truth: Vec<serde_json::Value> = serde_json::from_str(&text.context("read the truth")?)?;
    let mut words = BTreeSet::new();
    for case in &truth {
        let field = |name: &str| case.get(name).and_then(serde_json::Value::as_str);
        words.extend(field("sha256").map(str::to_owned));
        if let Some(file) = field("file") {
            words.insert(file.to_owned());
            words.extend(file.rsplit('/').next().map(str::to_owned));
        }
    }
    Ok(words.into_iter().filter(|word| word.len() > 8).collect())
}
