//! The bytes at a locator, found by opening only the containers that it names: what stands beside
//! them is not looked at.

use auscult_model::{ByteName, Locator};

use crate::{
    Extent, Reading,
    carve::seen,
    format::{Candidate, Format},
    formats::{HEAD_BYTES, REGISTRY},
    tree::absolute,
};

/// The bytes that a locator of this image means, and the offset in them. None where it takes the whole
/// [`Tree`](crate::Tree) to tell: formats without a magic, members of the same name, or no such place.
pub fn find(image: &Extent, locator: &Locator) -> Option<(Extent, u64)> {
    let (mut around, mut reading) = (image.clone(), Reading::Carve);
    for step in &locator.steps {
        if reading == Reading::Leaf {
            return None;
        }
        let extent = around.from(step.offset);
        let head = extent.read_up_to(0, HEAD_BYTES).ok()?;
        let candidate = Candidate { extent, offset: step.offset, reading };
        let formats = REGISTRY.iter().filter(|format| format.name == step.format);
        (around, reading) = formats
            .filter(|format| seen(format, &head))
            .find_map(|format| enter(format, &candidate, step.member.as_ref()))?;
    }
    let offset = locator.offset.unwrap_or(0);
    (offset <= around.len()).then_some((around, offset))
}

/// The content of a member of a container, or of the container where it has no payload.
fn enter(
    format: &Format,
    candidate: &Candidate,
    member: Option<&ByteName>,
) -> Option<(Extent, Reading)> {
    let opened = format.guarded(candidate).ok()?.ok()?;
    let wanted = member.cloned().unwrap_or_default();
    let mut named = opened.entries.iter().filter(|entry| absolute(&entry.path) == wanted);
    match (named.next(), named.next()) {
        (Some(entry), None) => Some((entry.content.clone()?, entry.reading)),
        (None, _) if member.is_none() => {
            Some((candidate.extent.clamp(0, opened.length), Reading::Leaf))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auscult_model::Limits;

    use super::find;
    use crate::{Extent, Tree, Vault};

    #[test]
    fn the_short_way_leads_where_the_tree_says() {
        let (mut short, mut long) = (0, 0);
        for (name, bytes) in auscult_testkit::seeds() {
            let limits = Limits::default();
            let tree = Tree::from_bytes(bytes.clone(), &limits);
            let image = Extent::from_memory(&Arc::new(Vault::new(limits)), bytes);
            for (id, _) in tree.nodes() {
                let locator = tree.locator(id);
                let (node, offset) = tree.resolve(&locator).unwrap();
                let Some(content) = tree.node(node).content.clone() else { continue };
                let Some((found, at)) = find(&image, &locator) else {
                    long += 1;
                    continue;
                };
                let same = (at, found.read_all().ok()) == (offset, content.read_all().ok());
                assert!(same, "{name}: {locator}");
                short += 1;
            }
        }
        assert!(short > 10 * long, "{short} places by the short way, {long} by the tree");
    }
}
