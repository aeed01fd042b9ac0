//! Roles and what each may do.

use std::{fmt, str::FromStr};

/// Something that not everybody may do. The words are the scopes of API keys, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// See products, builds, findings and decisions.
    Read,
    /// Make and change products.
    Products,
    /// Upload builds and have them inspected again.
    Upload,
    /// Decide about findings.
    Decide,
    /// Make and change devices, hand them out, hold and release them.
    Devices,
    /// Load snapshots of advisories.
    Advisories,
    /// Make keys for programs that act in one's own name.
    Keys,
    /// See the audit log and verify it.
    Audit,
    /// Manage accounts and everybody's keys.
    Administer,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Read,
        Self::Products,
        Self::Upload,
        Self::Decide,
        Self::Devices,
        Self::Advisories,
        Self::Keys,
        Self::Audit,
        Self::Administer,
    ];

    /// What a key may be given. Keys make no keys and manage nobody: who steals one stays a guest.
    pub const SCOPES: [Self; 7] = [
        Self::Read,
        Self::Products,
        Self::Upload,
        Self::Decide,
        Self::Devices,
        Self::Advisories,
        Self::Audit,
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Products => "products",
            Self::Upload => "upload",
            Self::Decide => "decide",
            Self::Devices => "devices",
            Self::Advisories => "advisories",
            Self::Keys => "keys",
            Self::Audit => "audit",
            Self::Administer => "administer",
        }
    }

    /// The scope of this word.
    pub fn scope(word: &str) -> Option<Self> {
        Self::SCOPES.into_iter().find(|one| one.word() == word)
    }
}

/// What somebody is to the organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Runs the server and manages accounts.
    Administrator,
    /// Assesses builds and decides about findings.
    ProductSecurity,
    /// Needs the evidence for authorities.
    Regulatory,
    /// Keeps devices in order.
    ClinicalEngineering,
    /// Watches over the network in which they are.
    SecurityOperations,
    /// Looks at what was done by whom.
    Auditor,
    /// Looks.
    Viewer,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Administrator,
        Self::ProductSecurity,
        Self::Regulatory,
        Self::ClinicalEngineering,
        Self::SecurityOperations,
        Self::Auditor,
        Self::Viewer,
    ];

    /// The word that is stored.
    pub fn word(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::ProductSecurity => "product-security",
            Self::Regulatory => "regulatory",
            Self::ClinicalEngineering => "clinical-engineering",
            Self::SecurityOperations => "security-operations",
            Self::Auditor => "auditor",
            Self::Viewer => "viewer",
        }
    }

    /// What it may do: the one table of this.
    pub fn permissions(self) -> &'static [Permission] {
        use Permission::{
            Administer, Advisories, Audit, Decide, Devices, Keys, Products, Read, Upload,
        };
        match self {
            Self::Administrator => {
                &[Read, Products, Upload, Decide, Devices, Advisories, Keys, Audit, Administer]
            }
            Self::ProductSecurity => &[Read, Products, Upload, Decide, Advisories, Keys],
            Self::Regulatory => &[Read, Products, Audit],
            Self::ClinicalEngineering => &[Read, Upload, Devices],
            Self::SecurityOperations => &[Read, Advisories, Keys],
            Self::Auditor => &[Read, Audit],
            Self::Viewer => &[Read],
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|role| role.word() == word);
        found.ok_or_else(|| {
            let words: Vec<&str> = Self::ALL.iter().map(|role| role.word()).collect();
            format!("there is no role {word:?}; there are {}", words.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Permission, Role};

    #[test]
    fn everybody_reads_and_one_role_administers() {
        for role in Role::ALL {
            assert_eq!(role.word().parse(), Ok(role));
            assert!(role.permissions().contains(&Permission::Read), "{role}");
            let administers = role.permissions().contains(&Permission::Administer);
            assert_eq!(administers, role == Role::Administrator);
        }
        assert_eq!(Permission::scope("administer"), None);
        assert_eq!(Permission::scope("keys"), None);
    }
}
