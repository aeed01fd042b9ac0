//! The document that says which keys may sign what, and hands that on to the one that follows it.
//!
//! After The Update Framework (TUF specification 1.0, section 4.3): a root is numbered, names keys by
//! role with the number of them that must sign, and the next one is signed by enough keys of both.

use std::collections::BTreeSet;

use auscult_dsse::{Envelope, PublicKey, SIGNATURES_MAX, Statement};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Signers;
use crate::{Error, Result, from_toml, seal};

/// Predicate type of a root.
pub const ROOT_TYPE: &str = "urn:auscult:trust-root/v1";

/// What it is called in errors.
const DOCUMENT: &str = "trust root";

/// Who may sign what, until the next root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TrustRoot {
    /// Its number; each root follows the one before it without a gap.
    pub version: u64,
    /// When it was written.
    pub date: Date,
    /// The last day on which it may be relied on.
    #[serde(default)]
    pub expires: Option<Date>,
    /// Who may write the next root, and nothing else.
    pub root: RoleKeys,
    /// Who may sign reference manifests.
    #[serde(default)]
    pub reference: RoleKeys,
    /// Who may sign evidence.
    #[serde(default)]
    pub evidence: RoleKeys,
    /// Who may sign deny lists.
    #[serde(default)]
    pub deny_list: RoleKeys,
}

/// The keys of a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleKeys {
    /// How many of them must sign.
    #[serde(default = "one")]
    pub threshold: usize,
    /// Public keys in PEM; as a person writes a root, the names of their files.
    #[serde(default)]
    pub keys: Vec<String>,
}

impl Default for RoleKeys {
    fn default() -> Self {
        Self { threshold: 1, keys: Vec::new() }
    }
}

fn one() -> usize {
    1
}

fn malformed(why: impl Into<String>) -> Error {
    Error::Malformed { what: DOCUMENT, why: why.into() }
}

impl RoleKeys {
    pub(super) fn signers(&self, role: &str) -> Result<Signers> {
        let keys = self.keys.iter().map(|pem| Ok(PublicKey::from_pem(pem)?));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        let ids: BTreeSet<String> = keys.iter().map(PublicKey::id).collect();
        if ids.len() < keys.len() {
            return Err(malformed(format!("the role {role} names a key twice")));
        }
        if keys.len() > SIGNATURES_MAX {
            let why = format!("the role {role} has more than {SIGNATURES_MAX} keys");
            return Err(malformed(why));
        }
        if !keys.is_empty() && !(1..=keys.len()).contains(&self.threshold) {
            let why =
                format!("of {} keys of the role {role} {} cannot sign", keys.len(), self.threshold);
            return Err(malformed(why));
        }
        Ok(Signers { threshold: self.threshold, keys })
    }
}

impl TrustRoot {
    /// Whether a text in TOML is a root, and not a deny list.
    pub fn is_one(text: &str) -> bool {
        toml::from_str::<toml::Table>(text).is_ok_and(|table| table.contains_key("root"))
    }

    /// Reads a root as a person writes it, in TOML; `read` gives the key that a file of this name holds.
    pub fn parse<E: From<Error>>(
        text: &str,
        read: impl Fn(&str) -> std::result::Result<PublicKey, E>,
    ) -> std::result::Result<Self, E> {
        let mut root: Self = from_toml(DOCUMENT, text)?;
        let Self { root: own, reference, evidence, deny_list, .. } = &mut root;
        for key in [own, reference, evidence, deny_list].into_iter().flat_map(|role| &mut role.keys)
        {
            *key = read(key)?.to_pem().map_err(Error::from)?;
        }
        root.roles()?;
        Ok(root)
    }

    /// The root in an envelope that is not signed yet.
    pub fn seal(&self) -> Result<Envelope> {
        seal("trust-root", ROOT_TYPE, self)
    }

    /// Reads the payload of an envelope.
    pub fn read(payload: &[u8]) -> Result<Self> {
        Self::with_roles(payload).map(|(root, _)| root)
    }

    /// The same with its keys, ready for use.
    pub(super) fn with_roles(payload: &[u8]) -> Result<(Self, Roles)> {
        let root = Statement::<Self>::read(payload, ROOT_TYPE)?.predicate;
        let roles = root.roles()?;
        Ok((root, roles))
    }

    /// The keys of each role, which must make sense together.
    pub(super) fn roles(&self) -> Result<Roles> {
        let roles = Roles {
            root: self.root.signers("root")?,
            reference: self.reference.signers("reference")?,
            evidence: self.evidence.signers("evidence")?,
            deny_list: self.deny_list.signers("deny-list")?,
        };
        if self.version == 0 || self.version == u64::MAX {
            return Err(malformed("roots are numbered from 1"));
        }
        if roles.root.keys.is_empty() {
            return Err(malformed("nobody may write the next root"));
        }
        let others = [&roles.reference, &roles.evidence, &roles.deny_list];
        let shared = |key: &&PublicKey| others.iter().any(|role| role.keys.contains(key));
        if let Some(key) = roles.root.keys.iter().find(shared) {
            // Root keys are kept away from the desks where the others are used.
            let why = format!("the key {} of the role root has another role, too", key.id());
            return Err(malformed(why));
        }
        Ok(roles)
    }
}

/// The keys of a root, ready for use.
#[derive(Clone, Debug)]
pub(super) struct Roles {
    pub(super) root: Signers,
    pub(super) reference: Signers,
    pub(super) evidence: Signers,
    pub(super) deny_list: Signers,
}
