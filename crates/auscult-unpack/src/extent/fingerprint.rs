//! Digests of what bytes are made of, without making them.
//!
//! Two extents with the same fingerprint hold the same bytes: it covers the packed bytes, how they
//! are packed, and which part of the output is meant. The same bytes packed differently have
//! another one; whoever remembers results by it only loses time then.

use auscult_model::Sha256;
use sha2::Digest as _;

use super::{Extent, Origin};
use crate::checksum::each_piece;

/// What decides the output of a transform.
pub struct Recipe {
    /// Names the transform with all its parameters.
    pub method: String,
    /// Everything that it reads.
    pub inputs: Vec<Extent>,
}

/// What kind of extent a fingerprint is of.
const LABEL_BYTES: &[u8] = b"bytes";
const LABEL_ZEROS: &[u8] = b"zeros";
const LABEL_DERIVED: &[u8] = b"derived";
const LABEL_JOINED: &[u8] = b"joined";

impl Extent {
    /// The fingerprint; none where a transform cannot tell its recipe, or bytes are missing.
    pub fn fingerprint(&self) -> Option<Sha256> {
        match &self.source.origin {
            Origin::File(_) | Origin::Memory(_) | Origin::Strided(_) => self.of_bytes(),
            Origin::Zeros => Some(labelled(LABEL_ZEROS, |digest| add(digest, self.length))),
            Origin::Missing(_) => None,
            Origin::Derived(transform) => {
                let whole = self.vault().fingerprint(self.source.id, || {
                    let recipe = transform.recipe()?;
                    let inputs: Option<Vec<Sha256>> =
                        recipe.inputs.iter().map(Self::fingerprint).collect();
                    let inputs = inputs?;
                    Some(labelled(LABEL_DERIVED, |digest| {
                        add(digest, u64::try_from(recipe.method.len()).unwrap_or(u64::MAX));
                        digest.update(recipe.method.as_bytes());
                        for input in inputs {
                            digest.update(input.0);
                        }
                        add(digest, self.source.length);
                    }))
                })?;
                Some(labelled(&whole.0, |digest| {
                    add(digest, self.start);
                    add(digest, self.length);
                }))
            }
            Origin::Joined(joined) => {
                let end = self.start.checked_add(self.length)?;
                let pieces = joined.pieces(self.start, end);
                if let [(0, single)] = pieces.as_slice() {
                    return single.fingerprint();
                }
                let parts: Option<Vec<(u64, Sha256)>> = pieces
                    .iter()
                    .map(|(_, piece)| Some((piece.len(), piece.fingerprint()?)))
                    .collect();
                let parts = parts?;
                Some(labelled(LABEL_JOINED, |digest| {
                    for (length, part) in parts {
                        add(digest, length);
                        digest.update(part.0);
                    }
                }))
            }
        }
    }

    fn of_bytes(&self) -> Option<Sha256> {
        let mut digest = sha2::Sha256::new();
        digest.update(LABEL_BYTES);
        add(&mut digest, self.length);
        each_piece(self, |bytes| digest.update(bytes)).ok()?;
        Some(Sha256(digest.finalize().into()))
    }
}

fn labelled(label: &[u8], fill: impl FnOnce(&mut sha2::Sha256)) -> Sha256 {
    let mut digest = sha2::Sha256::new();
    digest.update(label);
    fill(&mut digest);
    Sha256(digest.finalize().into())
}

fn add(digest: &mut sha2::Sha256, number: u64) {
    digest.update(number.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auscult_model::Limits;

    use crate::{Derive, Extent, Fault, Recipe, Sink, Vault};

    struct Copy(Extent, &'static str);

    impl Derive for Copy {
        fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
            sink.push(&self.0.read_all()?)
        }

        fn input_bytes(&self) -> u64 {
            self.0.weight()
        }

        fn recipe(&self) -> Option<Recipe> {
            Some(Recipe { method: self.1.to_owned(), inputs: vec![self.0.clone()] })
        }
    }

    #[test]
    fn only_the_same_bytes_made_the_same_way_have_one_fingerprint() {
        let vault = Arc::new(Vault::new(Limits::default()));
        let bytes = |text: &[u8]| Extent::from_memory(&vault, text.to_vec());
        let copy = |text: &[u8], method| Extent::derived(&vault, 4, Copy(bytes(text), method));
        let first = copy(b"abcd", "copy").fingerprint().unwrap();
        assert_eq!(copy(b"abcd", "copy").fingerprint(), Some(first));
        assert_ne!(copy(b"abcd", "other").fingerprint(), Some(first));
        assert_ne!(copy(b"abce", "copy").fingerprint(), Some(first));
        let tail = copy(b"abcd", "copy").from(1).fingerprint();
        assert!(tail.is_some() && tail != Some(first));
        let joined = Extent::joined(&vault, vec![copy(b"abcd", "copy"), bytes(b"x")]);
        assert_eq!(joined.clamp(0, 4).fingerprint(), Some(first));
        assert!(joined.fingerprint().is_some());
        let missing = Extent::missing(&vault, 4, Fault::new(0, "read", "cut"));
        assert_eq!(Extent::joined(&vault, vec![bytes(b"x"), missing]).fingerprint(), None);
    }
}
