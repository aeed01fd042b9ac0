//! Bytes that are one short pattern over and over, as sparse images tell them.

use std::sync::Arc;

use crate::{Extent, Vault};

/// The pattern is written out so far; longer runs are the same piece several times.
const PIECE_BYTES: usize = 64 << 10;

/// `length` bytes of a pattern of four, which cost nothing until they are read.
pub(crate) fn repeated(vault: &Arc<Vault>, pattern: [u8; 4], length: u64) -> Extent {
    if pattern == [0; 4] {
        return Extent::zeros(vault, length);
    }
    // Each piece is the one before it twice: a handful of them make up any length.
    let mut pieces = vec![Extent::from_memory(vault, pattern.repeat(PIECE_BYTES / pattern.len()))];
    while let Some(largest) = pieces.last().filter(|largest| largest.len() <= length / 2) {
        let twice = vec![largest.clone(), largest.clone()];
        pieces.push(Extent::joined(vault, twice));
    }
    let (mut parts, mut left) = (Vec::new(), length);
    for piece in pieces.iter().rev() {
        while left >= piece.len() {
            parts.push(piece.clone());
            left -= piece.len();
        }
    }
    parts.extend(pieces.first().filter(|_| left > 0).map(|piece| piece.clamp(0, left)));
    Extent::joined(vault, parts)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auscult_model::Limits;

    use super::repeated;
    use crate::Vault;

    #[test]
    fn any_length_has_the_pattern_everywhere() {
        let vault = Arc::new(Vault::new(Limits::default()));
        for length in [0, 4, 12, 65_536, 65_540, 1_000_000, 1 << 50] {
            let run = repeated(&vault, [1, 2, 3, 4], length);
            assert_eq!(run.len(), length);
            for at in [0, 65_528, 131_068, 999_992, (1 << 49) - 4] {
                let bytes = run.read_up_to(at, 12).unwrap();
                assert!(bytes.chunks(4).all(|chunk| chunk == [1, 2, 3, 4]), "{length} {at}");
            }
        }
    }
}
