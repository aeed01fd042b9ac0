//! Puts the snapshot of a bundle into the place of the present one, or leaves everything as it is.

use std::path::Path;

use auscult_model::SnapshotInfo;

use super::{Bundle, PublicKey, Verified};
use crate::{
    Error, Result,
    snapshot::{Replacement, Snapshot, open_present, regression},
};

/// What an import did.
#[derive(Debug)]
pub struct Imported {
    /// The snapshot that is there now.
    pub info: SnapshotInfo,
    /// Name of the key that signed it, see [`PublicKey::id`].
    pub key: String,
    /// Whether it was a delta.
    pub delta: bool,
    /// Whether this very snapshot was there before; then nothing was written.
    pub unchanged: bool,
    /// What the new snapshot lost against the old one, where that was forced.
    pub overridden: Vec<String>,
}

/// Verifies the bundle and every block of the snapshot that it brings, then replaces `present`
/// at once. Whatever goes wrong, the old snapshot stays. Refused are: a signature that is of none
/// of the trusted keys, any damage, a delta against another snapshot, and, unless `force` is set,
/// a snapshot that is a [`regression`] and a present file that cannot be compared with.
pub fn import(
    bundle: &Path,
    present: &Path,
    trusted: &[PublicKey],
    force: bool,
) -> Result<Imported> {
    let bundle = Bundle::open(bundle)?.verify(trusted)?;
    let old = open_present(present, force)?;
    let (key, delta) = (bundle.key.id(), bundle.statement.base.is_some());
    if let Some(old) = &old
        && old.info().root == bundle.statement.root
        && old.verify().is_ok()
    {
        let info = old.info();
        return Ok(Imported { info, key, delta, unchanged: true, overridden: Vec::new() });
    }
    let mut replacement = Replacement::begin(present)?;
    let new = restore(&bundle, old.as_ref(), &mut replacement)?;
    let overridden = old.map_or_else(Vec::new, |old| regression(&old, &new));
    if !force && !overridden.is_empty() {
        return Err(Error::Regression { reasons: overridden });
    }
    replacement.commit()?;
    Ok(Imported { info: new.info(), key, delta, unchanged: false, overridden })
}

/// Writes the snapshot, reads it back and verifies every block of it.
fn restore(
    bundle: &Verified,
    old: Option<&Snapshot>,
    replacement: &mut Replacement,
) -> Result<Snapshot> {
    bundle.restore(old, replacement.file())?;
    let new = Snapshot::open(replacement.partial())?;
    if new.info().root != bundle.statement.root {
        return Err(Error::BundleDigest { what: "the root of the snapshot" });
    }
    new.verify()?;
    Ok(new)
}
