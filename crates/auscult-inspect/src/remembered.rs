//! What an earlier scan found in the same file, so that it need not be read again.
//!
//! Kept is only what is plain: headers and symbols of a program, signature hits, the version it
//! tells of itself. A kernel, a configuration, a boot loader, a list of modules or a problem is
//! read again each time.

use auscult_model::{BinaryFacts, EvidenceClass, FeatureInventory, Locator, Sha256, VersionClaim};
use auscult_unpack::{Memo, Node, Reading, Tree};
use serde::{Deserialize, Serialize};

use crate::{
    elf::{Binary, ModuleInfo},
    examine::Examined,
    own_version::OwnVersion,
    signatures::{Hit, RuleSet},
};

#[derive(Serialize, Deserialize)]
struct Findings {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    binary: Option<(BinaryFacts, Option<ModuleInfo>)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hits: Vec<KeptHit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    own_version: Option<OwnVersion>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    features: Vec<(u64, FeatureInventory)>,
}

#[derive(Serialize, Deserialize)]
struct KeptHit {
    offset: u64,
    rule: String,
    version: VersionClaim,
    class: EvidenceClass,
    confidence: u8,
    matched: String,
    of_file: bool,
}

/// The key of a file, if findings are remembered and this is one that they may be kept of.
pub(crate) fn key(node: &Node) -> Option<Sha256> {
    let content = node.content.as_ref()?;
    let file = node.is_file() && node.reading == Reading::Whole;
    content.vault().memo().filter(|_| file)?;
    Memo::key(content, node.name.as_bytes())
}

/// Fills in what an earlier scan found; false if none did.
pub(crate) fn recall(tree: &Tree, key: &Sha256, examined: &mut Examined) -> bool {
    let node = tree.node(examined.node);
    let memo = node.content.as_ref().and_then(|content| content.vault().memo());
    let Some(findings) = memo.and_then(|memo| memo.inspected::<Findings>(key)) else {
        return false;
    };
    let Some(hits) = findings.hits.into_iter().map(KeptHit::restored).collect() else {
        return false;
    };
    examined.hits = hits;
    examined.own_version = findings.own_version;
    examined.features = findings.features;
    examined.binary = findings.binary.map(|(facts, module)| Binary {
        facts: BinaryFacts { locator: tree.locator(examined.node), ..facts },
        module,
        faults: Vec::new(),
    });
    true
}

/// Keeps what was found, if it is plain.
pub(crate) fn keep(tree: &Tree, key: Sha256, examined: &Examined) {
    let node = tree.node(examined.node);
    let memo = node.content.as_ref().and_then(|content| content.vault().memo());
    let Some(memo) = memo.filter(|_| examined.is_plain()) else { return };
    let binary = examined.binary.as_ref().map(|binary| {
        let facts = BinaryFacts { locator: Locator::image(), ..binary.facts.clone() };
        (facts, binary.module.clone())
    });
    let hits = examined.hits.iter().map(|(offset, hit)| KeptHit {
        offset: *offset,
        rule: hit.rule.id.clone(),
        version: hit.version.clone(),
        class: hit.class,
        confidence: hit.confidence,
        matched: hit.matched.clone(),
        of_file: hit.of_file,
    });
    let own_version = examined.own_version.clone();
    let features = examined.features.clone();
    memo.keep_inspected(key, &Findings { binary, hits: hits.collect(), own_version, features });
}

impl KeptHit {
    fn restored(self) -> Option<(u64, Hit<'static>)> {
        let hit = Hit {
            rule: RuleSet::builtin().for_name(&self.rule).filter(|rule| rule.id == self.rule)?,
            version: self.version,
            class: self.class,
            confidence: self.confidence,
            offset: self.offset,
            matched: self.matched,
            of_file: self.of_file,
        };
        Some((self.offset, hit))
    }
}
