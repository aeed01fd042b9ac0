//! The signature of the block, with the key that lies inside. Whether that key is one to trust is
//! burnt into the device and not known here.

use super::Header;
use crate::{
    Endian::Big,
    View,
    signature::{Padding, RsaKey},
};

/// Bits of the key of each algorithm of RSA, by its number (`AvbAlgorithmType`).
const RSA_BITS: [usize; 7] = [0, 2048, 4096, 8192, 2048, 4096, 8192];
/// The exponent of all keys; it is not stored.
const EXPONENT: u64 = 65_537;

/// Whether the signature over this digest was made with the key; nothing where that cannot be
/// told, because the key or the algorithm is of another kind.
pub(super) fn holds(header: &Header, key: &[u8], digest: &[u8], signature: &[u8]) -> Option<bool> {
    let bits = *RSA_BITS.get(usize::try_from(header.algorithm).ok()?)?;
    let key = public_key(key).filter(|key| key.bits() == bits)?;
    Some(key.verifies(Padding::Pkcs1, header.digest()?, digest, signature))
}

/// A key as `AvbRSAPublicKeyHeader` stores it: bits, a constant, the modulus.
fn public_key(bytes: &[u8]) -> Option<RsaKey> {
    let view = View(bytes);
    let modulus = usize::try_from(view.u32(0, Big).ok()? / 8).ok()?;
    RsaKey::new(view.bytes(8, modulus).ok()?, EXPONENT)
}
