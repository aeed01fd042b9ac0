//! Every codec against its encoder: exact consumption, truncation, damage, limits.

use std::sync::Arc;

use auscult_model::Limits;
use auscult_testkit::stream;

use super::{BlockCodec, Codec, LzmaProperties, decode, decode_block};
use crate::{Extent, Vault};

fn text() -> Vec<u8> {
    (0..40_000_u32).flat_map(|number| format!("line {}\n", number % 977).into_bytes()).collect()
}

type Encoder = fn(&[u8]) -> Vec<u8>;

const STREAMS: [(Codec, Encoder); 10] = [
    (Codec::Gzip, stream::gzip),
    (Codec::Gzip, |bytes| stream::gzip_named("name", 7, bytes)),
    (Codec::Deflate, stream::deflate),
    (Codec::Xz, stream::xz),
    (Codec::LzmaAlone, stream::lzma_alone),
    (Codec::LzmaAlone, stream::lzma_alone_with_end_marker),
    (Codec::Lzip, stream::lzip),
    (Codec::Zstd, stream::zstd),
    (Codec::Lz4Frame, stream::lz4_frame),
    (Codec::Bzip2, stream::bzip2),
];

fn run(codec: Codec, packed: &[u8], limits: Limits) -> (Vec<u8>, u64, Option<String>) {
    let vault = Arc::new(Vault::new(limits));
    let extent = Extent::from_memory(&vault, packed.to_vec());
    let mut sink = vault.sink(extent.weight());
    let (consumed, fault) = decode(codec, &extent, &mut sink);
    (sink.into_output(), consumed, fault.map(|fault| fault.why))
}

#[test]
fn streams_end_exactly_whatever_follows() {
    for bytes in [text(), b"x".to_vec(), vec![0; 300_000]] {
        for (codec, encode) in STREAMS {
            let packed = encode(&bytes);
            let length = packed.len() as u64;
            for tail in [&b""[..], &[0; 40], &[0xff; 40], b"\x1f\x8b\x08more"] {
                let (output, consumed, fault) =
                    run(codec, &[&packed, tail].concat(), Limits::default());
                assert_eq!((consumed, fault), (length, None), "{codec:?}");
                assert!(output == bytes, "{codec:?}");
            }
        }
    }
}

#[test]
fn legacy_lz4_ends_at_a_short_block_or_at_the_end() {
    let bytes = vec![b'a'; (8 << 20) + 5];
    let packed = stream::lz4_legacy(&bytes);
    for tail in [&b""[..], &[0; 7], &[0xff; 7]] {
        let (output, consumed, fault) =
            run(Codec::Lz4Legacy, &[&packed, tail].concat(), Limits::default());
        assert_eq!((consumed, fault), (packed.len() as u64, None));
        assert!(output == bytes);
    }
    let full = stream::lz4_legacy(&bytes[..8 << 20]);
    let (output, consumed, fault) =
        run(Codec::Lz4Legacy, &[&full, &[0xff; 9][..]].concat(), Limits::default());
    assert_eq!((output.len(), consumed, fault), (8 << 20, full.len() as u64, None));
}

#[test]
fn a_cut_stream_is_a_fault_and_keeps_its_start() {
    for (codec, encode) in STREAMS {
        let bytes = b"some text, some more text, and some more".repeat(3);
        let packed = encode(&bytes);
        for length in 0..packed.len() {
            let (output, consumed, fault) = run(codec, &packed[..length], Limits::default());
            assert!(fault.is_some(), "{codec:?} cut at {length} of {}", packed.len());
            assert!(bytes.starts_with(&output) && consumed <= length as u64, "{codec:?}");
        }
    }
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    })
    .take(600_000)
    .collect();
    for codec in [Codec::Gzip, Codec::Deflate, Codec::LzmaAlone, Codec::Lz4Frame] {
        let (_, encode) = STREAMS.into_iter().find(|(other, _)| *other == codec).unwrap();
        let packed = encode(&noise);
        let (output, _, fault) = run(codec, &packed[..packed.len() / 2], Limits::default());
        assert!(fault.is_some() && output.len() > 200_000, "{codec:?}: {}", output.len());
        assert!(noise.starts_with(&output), "{codec:?}");
    }
}

#[test]
fn damaged_streams_never_panic() {
    for (codec, encode) in STREAMS {
        let packed = encode(b"some text, some more text, and some more");
        for at in 0..packed.len() {
            for flip in [1, 0x80, 0xff] {
                let mut damaged = packed.clone();
                damaged[at] ^= flip;
                let limits = Limits { stream_bytes: 1 << 20, ..Limits::default() };
                assert!(run(codec, &damaged, limits).0.len() <= 1 << 20);
            }
        }
    }
}

#[test]
fn a_bomb_stops_at_the_limit_and_says_which() {
    let limits = Limits { ratio: 50, ratio_floor_bytes: 1 << 20, ..Limits::default() };
    for (codec, encode) in STREAMS {
        let packed = encode(&vec![0; 8 << 20]);
        if packed.len() > 50_000 {
            continue; // The encoder does not pack zeros tightly enough to be a bomb.
        }
        let (output, _, fault) = run(codec, &packed, limits.clone());
        assert!(fault.unwrap().contains("limit ratio"), "{codec:?}");
        assert!(output.len() <= 3 << 20, "{codec:?}");
    }
}

#[test]
fn blocks_stay_within_their_bound() {
    let bytes = text();
    let cases: [(BlockCodec, Encoder); 6] = [
        (BlockCodec::Zlib, stream::zlib),
        (BlockCodec::Xz, stream::xz),
        (BlockCodec::LzmaAlone, stream::lzma_alone),
        (BlockCodec::LzmaAlone, stream::lzma_alone_with_end_marker),
        (BlockCodec::Zstd, stream::zstd),
        (BlockCodec::Lz4, lz4_flex::block::compress),
    ];
    for (codec, encode) in cases {
        let packed = encode(&bytes);
        for bound in [bytes.len(), bytes.len() + 999] {
            assert!(decode_block(codec, &packed, bound).unwrap() == bytes, "{codec:?}");
        }
        let short = decode_block(codec, &packed, bytes.len() - 1);
        // LZMA blocks end where they are full, by convention of the file systems that use them.
        assert!(short.is_err() || codec == BlockCodec::LzmaAlone, "{codec:?}");
        for length in 0..64 {
            let cut = decode_block(codec, &packed[..length], bytes.len());
            assert!(cut.map_or(true, |cut| cut.len() < bytes.len()), "{codec:?}");
        }
    }
}

#[test]
fn raw_lzma_needs_neither_header_nor_end_marker() {
    let bytes = text();
    let packed = stream::lzma_alone(&bytes);
    let dictionary_bytes = u32::from_le_bytes(packed[1..5].try_into().unwrap());
    let properties = LzmaProperties::from_byte(packed[0], dictionary_bytes).unwrap();
    let raw = &packed[13..];
    let block = decode_block(BlockCodec::LzmaRaw(properties), raw, bytes.len()).unwrap();
    assert!(block == bytes);
}

#[test]
fn a_stream_seen_again_is_not_decoded_again() {
    let packed = stream::gzip(&text());
    let limits = Limits { derived_bytes: text().len() as u64, ..Limits::default() };
    let vault = Arc::new(Vault::new(limits));
    let extent = Extent::from_memory(&vault, [&packed, &b"behind"[..]].concat());
    let first = super::payload(Codec::Gzip, &extent, |_| false);
    // The limit allows to decode once only.
    let part = extent.clamp(0, first.consumed);
    let again = super::payload(Codec::Gzip, &part, |_| false);
    assert_eq!((again.consumed, again.fault), (first.consumed, None));
    assert!(again.extent.read_all().unwrap() == text());
    assert!(!vault.is_exhausted());
    let longer = Extent::from_memory(&vault, packed);
    assert!(super::payload(Codec::Gzip, &longer, |_| false).limited);
}
