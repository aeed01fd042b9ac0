//! Attacks by size: bombs, nesting, numbers of members.

use auscult_testkit::{
    stream,
    zip::{ZipMember, ZipMethod, zip},
};

use super::{
    Attack,
    bytes::{TarMember, tar, tar_file},
};

pub(super) fn attacks() -> Vec<Attack> {
    // Streams in a row are one payload: one encoded megabyte makes all the others.
    let zeros = vec![0; 1 << 20];
    let bomb = |encode: fn(&[u8]) -> Vec<u8>| encode(&zeros).repeat(200);
    let many: Vec<u8> = {
        let members: Vec<TarMember<'_>> = (0..5000).map(|_| tar_file(b"a", b"")).collect();
        tar(&members)
    };
    let mut attacks = vec![
        Attack::new("gzip: a bomb in a bomb", stream::gzip(&bomb(stream::gzip)), &["limit ratio"]),
        Attack::new("gzip: a bomb three deep", nested(&bomb(stream::gzip), 2), &["limit ratio"]),
        Attack::new("bzip2: a bomb", bomb(stream::bzip2), &["limit ratio"]),
        Attack::new("xz: a bomb", bomb(stream::xz), &["limit ratio"]),
        Attack::new("lzip: a bomb", bomb(stream::lzip), &["limit ratio"]),
        Attack::new("zstd: a bomb", zstd_of_zeros(2000), &["limit ratio"]),
        Attack::new("gzip: nested a hundred times", nested(b"core", 100), &["limit depth"]),
        Attack::new("tar: nested a hundred times", nested_tar(100), &["limit depth"]),
        Attack::new(
            "gzip: a name that leads out",
            stream::gzip_named("../../escape", 0, b"x"),
            &[],
        ),
        Attack::new(
            "zip: a bomb",
            zip(&[ZipMember::file("x", ZipMethod::Deflate, vec![0; 140 << 20])]),
            &["limit ratio"],
        ),
        Attack::new("gzip: many streams in a row", stream::gzip(b"x").repeat(20_000), &[]),
        Attack::new("magics and nothing else", magics(), &[]),
    ];
    attacks.push(Attack {
        options: &["--entries-limit", "1000"],
        ..Attack::new("tar: thousands of members", many, &["limit entries"])
    });
    attacks.push(Attack {
        options: &["--unpacked-limit", "1000000"],
        ..Attack::new("gzip: more than the user allows", bomb(stream::gzip), &["limit"])
    });
    // A fuzzer found that each start of a block was tried under every size of pages and blocks.
    let digits = vec![b'0'; 16 << 20];
    attacks.push(Attack::new(
        "SPIFFS: bytes that agree with every layout",
        digits,
        &["files written"],
    ));
    attacks
}

fn nested(core: &[u8], levels: usize) -> Vec<u8> {
    (0..levels).fold(core.to_vec(), |inner, _| stream::gzip(&inner))
}

fn nested_tar(levels: usize) -> Vec<u8> {
    (0..levels).fold(b"core".to_vec(), |inner, _| tar(&[tar_file(b"inner.tar", &inner)]))
}

/// A zstd frame of run-length blocks: each byte of it stands for thousands of zeros.
fn zstd_of_zeros(blocks: u32) -> Vec<u8> {
    // A window of 2 MiB, no size, no checksum (RFC 8878 section 3.1.1).
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
    for block in 1..=blocks {
        let last = u32::from(block == blocks);
        let header = (128 << 10) << 3 | 1 << 1 | last;
        frame.extend(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

/// The starts of many formats, over and over.
fn magics() -> Vec<u8> {
    let starts: [&[u8]; 14] = [
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
        b"\xfd7zXZ\0\0\x04",
        b"BZh9",
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"hsqs",
        b"sqsh",
        b"070701",
        b"\xd0\x0d\xfe\xed",
        b"\x27\x05\x19\x56",
        b"UBI#\x01\0\0\0",
        b"\x85\x19\x01\xe0",
        b"!<arch>\n",
        b"\x5d\0\0\x80\0",
    ];
    starts.concat().repeat(4000)
}
