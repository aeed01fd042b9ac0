//! Whose signatures count: named keys, or keys by role from a chain of roots.

mod root;
#[cfg(test)]
mod tests;

use auscult_dsse::{Envelope, PAYLOAD_TYPE, PublicKey};
use jiff::civil::Date;

use self::root::Roles;
pub use self::root::{ROOT_TYPE, RoleKeys, TrustRoot};
use crate::{Code, Item, Result, verify::unsealed};

/// Keys of which so many must sign.
#[derive(Clone, Debug)]
pub(crate) struct Signers {
    pub(crate) threshold: usize,
    pub(crate) keys: Vec<PublicKey>,
}

impl Signers {
    /// How many of the keys signed.
    fn signed(&self, envelope: &Envelope) -> usize {
        envelope.open(PAYLOAD_TYPE, &self.keys).map_or(0, |(_, keys)| keys.len())
    }

    pub(crate) fn accept(&self, envelope: &Envelope) -> bool {
        self.signed(envelope) >= self.threshold.max(1)
    }

    fn without(&self, denied: &[String]) -> Self {
        let is_good = |key: &&PublicKey| {
            let id = key.id();
            !denied.iter().any(|denied| denied.eq_ignore_ascii_case(&id))
        };
        let keys = self.keys.iter().filter(is_good).cloned().collect();
        Self { threshold: self.threshold, keys }
    }
}

/// A root as it was given.
pub struct GivenRoot {
    envelope: Envelope,
    root: TrustRoot,
    roles: Roles,
}

impl GivenRoot {
    /// Reads a root; its signatures are looked at by [`Trust::of_roots`].
    pub fn read(text: &[u8]) -> Result<Self> {
        let (envelope, payload) = unsealed(text, "a trust root")?;
        let (root, roles) = TrustRoot::with_roles(&payload)?;
        Ok(Self { envelope, root, roles })
    }

    fn subject(&self) -> String {
        format!("trust root {}", self.root.version)
    }

    /// Why a root does not follow this one; none where it does.
    fn refuses(&self, next: &Self) -> Option<String> {
        for (whose, signers) in [
            (self.subject(), &self.roles.root),
            (format!("the {} itself", next.subject()), &next.roles.root),
        ] {
            if !signers.accept(&next.envelope) {
                let (signed, threshold) = (signers.signed(&next.envelope), signers.threshold);
                return Some(format!(
                    "{signed} of the {threshold} keys signed it that {whose} demands for a next root"
                ));
            }
        }
        None
    }
}

/// Whether the last root that was reached may still be relied on.
fn age(last: &GivenRoot, kept: &GivenRoot, as_of: Date) -> Item {
    if let Some(expires) = last.root.expires.filter(|expires| *expires < as_of) {
        let why = format!("it was to be relied on until {expires}; get the present one");
        return Item::not_measured(Code::TrustRootExpired, last.subject(), why);
    }
    let date = last.root.date;
    let why = if last.root.version == kept.root.version {
        format!("of {date}, the one that was kept")
    } else {
        format!("of {date}, reached from the {} that was kept", kept.subject())
    };
    Item::pass(Code::TrustRoot, last.subject(), why)
}

/// Whose signatures count, by what they sign.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Each alone is enough: builds live as long as devices do, so that the keys of former roots count.
    pub(crate) reference: Vec<Signers>,
    pub(crate) evidence: Vec<Signers>,
    pub(crate) deny_list: Vec<Signers>,
    /// What is to be said of the roots.
    pub(crate) items: Vec<Item>,
    /// Whether nobody named a key at all, so that nothing can be checked.
    pub(crate) is_unasked: bool,
}

impl Trust {
    /// Each of these keys may sign anything. Without any no signature is checked, which never passes.
    pub fn of_keys(keys: Vec<PublicKey>) -> Self {
        let is_unasked = keys.is_empty();
        let all = vec![Signers { threshold: 1, keys }];
        Self {
            reference: all.clone(),
            evidence: all.clone(),
            deny_list: all,
            items: Vec::new(),
            is_unasked,
        }
    }

    /// Each of these keys alone may sign references, and each of those evidence; nobody signs deny lists.
    /// Where there is none, nothing is signed by a key that counts.
    pub fn of_purposes(reference: Vec<PublicKey>, evidence: Vec<PublicKey>) -> Self {
        let signers = |keys| vec![Signers { threshold: 1, keys }];
        Self { reference: signers(reference), evidence: signers(evidence), ..Self::default() }
    }

    /// The keys of the last of a chain of roots that begins with the one that the user has kept. Those
    /// that follow may come with the device: each is signed by enough keys of the one before it.
    pub fn of_roots(kept: &GivenRoot, later: &[GivenRoot], as_of: Date) -> Self {
        let mut trust = Self::default();
        let fail = |one: &GivenRoot, why: String| Item::fail(Code::TrustRoot, one.subject(), why);
        if !kept.roles.root.accept(&kept.envelope) {
            let why =
                "it is not signed by enough of its own keys: it was changed or is not finished";
            trust.items.push(fail(kept, why.to_owned()));
            return trust;
        }
        let mut present = kept;
        trust.reference.push(kept.roles.reference.clone());
        while let Some(next) = Self::next(present, later) {
            present = next;
            trust.reference.insert(0, next.roles.reference.clone());
        }
        for one in later.iter().filter(|one| one.root.version > present.root.version) {
            let follows = one.root.version - present.root.version == 1;
            trust.items.push(match present.refuses(one).filter(|_| follows) {
                Some(why) => fail(one, why),
                None if follows => {
                    fail(one, "another root of this number is signed, too".to_owned())
                }
                None => {
                    let missing = present.root.version + 1;
                    let why =
                        format!("it was not reached: the trust root {missing} is not at hand");
                    Item::not_measured(Code::TrustRoot, one.subject(), why)
                }
            });
        }
        trust.evidence.push(present.roles.evidence.clone());
        trust.deny_list.push(present.roles.deny_list.clone());
        trust.items.push(age(present, kept, as_of));
        trust
    }

    /// The root that follows; none where two that differ do.
    fn next<'a>(present: &GivenRoot, later: &'a [GivenRoot]) -> Option<&'a GivenRoot> {
        let follows = |one: &&GivenRoot| {
            one.root.version == present.root.version + 1 && present.refuses(one).is_none()
        };
        let mut following = later.iter().filter(follows);
        let next = following.next()?;
        following.all(|other| other.root == next.root).then_some(next)
    }

    /// Who is trusted without keys that sign nothing any more; of the roots nothing is said again.
    pub(crate) fn without(&self, denied: &[String]) -> Self {
        let less = |all: &[Signers]| all.iter().map(|one| one.without(denied)).collect();
        Self {
            reference: less(&self.reference),
            evidence: less(&self.evidence),
            deny_list: less(&self.deny_list),
            items: Vec::new(),
            is_unasked: self.is_unasked,
        }
    }
}
