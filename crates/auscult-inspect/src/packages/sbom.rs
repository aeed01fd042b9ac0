//! SBOM documents that lie in the image: CycloneDX and SPDX, told by their content.
//!
//! What such a document lists is one more trace beside what was found in the image itself: its maker
//! knew what was built, and may have built something else since.

use auscult_model::{Component, EvidenceClass, Locator, Problem, Technique};
use auscult_sbom::{detect, read_components};
use auscult_unpack::{Fault, NodeId, Tree};
use rayon::prelude::*;

use super::Packages;
use crate::roots::{self, problem};

/// Larger documents are refused by their reader.
const BYTES_MAX: u64 = 32 << 20;
/// The mark of a document stands near its start.
const HEAD_BYTES: u64 = 1024;
const MARKS: &[&[u8]] = &[
    b"\"bomFormat\"",
    b"\"spdxVersion\"",
    b"\"SPDXID\"",
    b"https://spdx.org/rdf/3.",
    b"http://cyclonedx.org/schema/bom/",
    b"SPDXVersion:",
];
const ENDS: &[&str] = &[".json", ".xml", ".spdx", ".cdx", ".bom", ".jsonld", ".tag"];
/// A document is the word of its maker, percent.
const CONFIDENCE_MAX: u8 = 80;

/// A component that a document lists, with the file system in which the document lies.
pub(crate) struct Listed {
    pub(crate) component: Component,
    pub(crate) container: NodeId,
}

/// Reads all documents of the image.
pub(crate) fn read(tree: &Tree, packages: &mut Packages) -> Vec<Listed> {
    let mut listed = Vec::new();
    for container in tree.file_systems() {
        let children = tree.node(container).children.par_iter();
        let documents: Vec<NodeId> =
            children.copied().filter(|&id| is_document(tree, id)).collect();
        for id in documents {
            read_document(tree, container, id, packages, &mut listed);
        }
    }
    listed
}

/// Whether the name fits and the mark of a document stands at the start of the file, or the name
/// says that it is one.
fn is_document(tree: &Tree, id: NodeId) -> bool {
    let node = tree.node(id);
    let name = String::from_utf8_lossy(node.name.file_name()).to_lowercase();
    if !node.is_file() || !ENDS.iter().any(|end| name.ends_with(end)) {
        return false;
    }
    let named = ["sbom", "bom.", ".cdx.", ".spdx"].iter().any(|word| name.contains(word));
    let marked = || {
        let head = node.content.as_ref().and_then(|content| content.read_up_to(0, HEAD_BYTES).ok());
        head.is_some_and(|head| {
            MARKS.iter().any(|mark| memchr::memmem::find(&head, mark).is_some())
        })
    };
    named || node.len() <= BYTES_MAX && marked()
}

fn read_document(
    tree: &Tree,
    container: NodeId,
    id: NodeId,
    packages: &mut Packages,
    listed: &mut Vec<Listed>,
) {
    if tree.node(id).len() > BYTES_MAX {
        let why = format!("{} bytes are more than the limit of {BYTES_MAX}", tree.node(id).len());
        let fault = Fault::new(0, "read an SBOM", why);
        packages.problems.push(problem(&tree.locator(id), fault));
        return;
    }
    let bytes = roots::read_text(tree, id, &mut packages.problems);
    let Some(kind) = detect(&bytes) else { return };
    let locator = tree.locator(id);
    let document = match read_components(&bytes) {
        Ok(document) => document,
        Err(error) => {
            let fault = Fault::new(0, "read an SBOM", error.to_string());
            packages.problems.push(problem(&locator, fault));
            return;
        }
    };
    for found in document.problems {
        let why = place(&found.locator)
            .map_or_else(|| found.why.clone(), |place| format!("{place}: {}", found.why));
        packages.problems.push(Problem { locator: locator.clone(), why, ..found });
    }
    for mut component in document.components {
        for evidence in &mut component.evidence {
            let place = place(&evidence.locator).unwrap_or_default();
            evidence.detail = format!("{}, {} {place}", evidence.detail, kind.name());
            evidence.locator = locator.clone();
            evidence.technique = Technique::ManifestAnalysis;
            evidence.class = EvidenceClass::ContainsCode;
            evidence.confidence = evidence.confidence.min(CONFIDENCE_MAX);
        }
        listed.push(Listed { component, container });
    }
}

/// Where in the document something stands.
fn place(locator: &Locator) -> Option<String> {
    locator.path().map(|path| String::from_utf8_lossy(&path.0).into_owned())
}
