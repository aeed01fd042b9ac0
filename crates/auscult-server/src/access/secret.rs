//! Random secrets: tokens of sessions, keys of programs, links to the set-up.

use std::fmt;

use auscult_model::Sha256;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use rustix::rand::{GetRandomFlags, getrandom};

use crate::problem::{Answer, Problem};

/// Bytes of randomness in a secret.
const BYTES: usize = 32;

/// A secret as it is handed out; its debug output hides it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// A new one from the system's random numbers, behind a word that tells leaked ones apart.
    pub(crate) fn new(prefix: &str) -> Answer<Self> {
        let bytes: [u8; BYTES] = random()?;
        Ok(Self(format!("{prefix}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// One that somebody sent.
    pub(crate) fn given(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Random bytes of the system.
pub(crate) fn random<const LENGTH: usize>() -> Answer<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        filled += getrandom(rest, GetRandomFlags::empty())
            .map_err(|error| Problem::internal("draw a random number", &error))?;
    }
    Ok(bytes)
}

/// The token that forms of a session carry: who cannot read the pages cannot guess it, and it does
/// not give the session's own token away.
pub(crate) fn csrf_token(session: &Secret) -> String {
    Sha256::of(format!("form {}", session.0).as_bytes()).to_string()
}

/// Compares two texts in a time that does not tell where they differ.
pub(crate) fn same(one: &str, other: &str) -> bool {
    Sha256::of(one.as_bytes()) == Sha256::of(other.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{Secret, csrf_token};

    #[test]
    fn secrets_differ_and_are_not_shown() {
        let (one, two) = (Secret::new("a_").unwrap(), Secret::new("a_").unwrap());
        assert!(one != two && one.text().starts_with("a_") && one.text().len() == 45);
        assert_eq!(format!("{one:?}"), "Secret(…)");
        assert_ne!(csrf_token(&one), csrf_token(&two));
    }
}
