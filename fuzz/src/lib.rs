//! What the fuzz targets share.

use auscult_model::{Input, InputKind, Limits, Sha256};
use auscult_unpack::Tree;

/// Small limits, so that a run is short and a leak shows.
pub fn limits() -> Limits {
    Limits {
        depth: 4,
        entries: 10_000,
        derived_bytes: 32 << 20,
        stream_bytes: 4 << 20,
        cache_bytes: 8 << 20,
        ..Limits::default()
    }
}

/// Inspects an image twice: the facts are equal.
///
/// # Panics
/// Where they are not, which is what the fuzzer looks for.
pub fn inspect_twice(bytes: &[u8]) {
    let limits = limits();
    let input =
        Input { sha256: Sha256::of(bytes), size: bytes.len() as u64, kind: InputKind::Image };
    let facts = || {
        let tree = Tree::from_bytes(bytes.to_vec(), &limits);
        let facts = auscult_inspect::inspect(&tree, input.clone(), &limits);
        // Where everything together is too much, the worker starts again on one thread.
        (!tree.is_exhausted()).then_some(facts)
    };
    if let (Some(one), Some(other)) = (facts(), facts()) {
        assert_eq!(one.canonical_bytes().unwrap(), other.canonical_bytes().unwrap());
    }
}

/// Start of an input that tells only what of a large image is not zero: then the length (u32), and
/// runs of an offset (u32), a length (u16) and so many bytes, all little-endian. Other inputs are
/// images themselves. `cargo xtask fuzz` writes seeds of this form.
const SPARSE_MAGIC: &[u8] = b"zeros???";
/// Largest image that such an input may make.
const SPARSE_BYTES_MAX: u32 = 256 << 20;

/// An image: its length and its runs.
type Image<'data> = (u64, Vec<(u64, &'data [u8])>);

fn image(input: &[u8]) -> Image<'_> {
    input
        .strip_prefix(SPARSE_MAGIC)
        .and_then(sparse)
        .unwrap_or_else(|| (input.len() as u64, vec![(0, input)]))
}

fn sparse(input: &[u8]) -> Option<Image<'_>> {
    let (length, mut rest) = input.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length).min(SPARSE_BYTES_MAX);
    let mut runs = Vec::new();
    while let Some((offset, after)) = rest.split_first_chunk::<4>() {
        let (count, after) = after.split_first_chunk::<2>()?;
        let count = usize::from(u16::from_le_bytes(*count)).min(after.len());
        let (bytes, after) = after.split_at(count);
        runs.push((u64::from(u32::from_le_bytes(*offset).min(SPARSE_BYTES_MAX)), bytes));
        rest = after;
    }
    Some((length.into(), runs))
}

/// Opens an input as each of these formats whose magic it has, and reads what is inside. A name that is
/// not known is a mistake in the target.
pub fn formats(names: &[&str], input: &[u8]) {
    for name in names {
        assert!(auscult_unpack::format_names().any(|known| known == *name), "no format {name}");
    }
    let (length, runs) = image(input);
    auscult_unpack::open_formats(names, length, &runs, &limits());
}

/// The same for a whole family.
pub fn family(name: &str, input: &[u8]) {
    let names = auscult_unpack::family(name);
    assert!(!names.is_empty(), "no family {name}");
    formats(&names, input);
}
