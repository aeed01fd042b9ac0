//! Any bytes as a bundle, and any content in a bundle that is signed.
#![no_main]

use std::{io, sync::OnceLock};

use auscult_advisory::{
    Snapshot,
    bundle::{Base, Bundle, SigningKey, Statement, seal},
};
use auscult_model::Sha256;

/// Longest snapshot that a recipe may ask for: reads are what the time would go into.
const SNAPSHOT_BYTES_MAX: u64 = 1 << 20;

struct Site {
    key: SigningKey,
    base: Snapshot,
}

fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| Site {
        key: SigningKey::from_seed(&[7; 32]),
        base: auscult_advisory::starter().unwrap(),
    })
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let site = site();
    let restore = |bundle: Vec<u8>| {
        let verified = Bundle::from_vec(bundle)?.verify(&[site.key.public()])?;
        verified.restore(Some(&site.base), &mut io::sink())
    };
    let _ = restore(bytes.to_vec());
    let Some((length, content)) = bytes.split_first_chunk() else { return };
    let info = site.base.info();
    let base = Base { root: info.root, date: info.date };
    let statement = Statement {
        snapshot: Sha256::of(b""),
        snapshot_bytes: u64::from(u32::from_le_bytes(*length)).min(SNAPSHOT_BYTES_MAX),
        root: info.root,
        date: info.date,
        coverage: String::new(),
        sources: Vec::new(),
        base: (length[3] & 0x80 == 0).then_some(base),
        content: Sha256::of(content),
        content_bytes: content.len() as u64,
    };
    let _ = restore(seal(&statement, content, &site.key).unwrap());
});
