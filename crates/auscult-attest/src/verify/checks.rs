//! Checks of the whole: signatures, freshness, assurance, rollback, the deny list.

use auscult_dsse::{Envelope, PAYLOAD_TYPE, PublicKey, Refused, shown_ids};

use super::{Deny, GivenReference, Measured, Question};
use crate::{Code, Evidence, Identity, Item};

/// The keys whose signatures count.
pub(super) struct Trusted {
    keys: Vec<PublicKey>,
    /// Whether nobody named a key at all, so that nothing can be checked.
    is_unasked: bool,
}

/// The trusted keys that are not denied by a list that itself is signed by a trusted key.
pub(super) fn trusted(question: &Question<'_>) -> Trusted {
    let denied = question.deny.filter(|deny| is_signed(deny, question.trusted));
    let denied = denied.map(|deny| deny.list.keys.as_slice()).unwrap_or_default();
    let is_good = |key: &&PublicKey| {
        let id = key.id();
        !denied.iter().any(|denied| denied.eq_ignore_ascii_case(&id))
    };
    let keys = question.trusted.iter().filter(is_good).cloned().collect();
    Trusted { keys, is_unasked: question.trusted.is_empty() }
}

fn is_signed(deny: &Deny, trusted: &[PublicKey]) -> bool {
    deny.envelope.open(PAYLOAD_TYPE, trusted).is_ok()
}

/// What the signature of a document is worth.
fn signature(subject: &str, code: Code, envelope: &Envelope, trusted: &[PublicKey]) -> Item {
    match envelope.open(PAYLOAD_TYPE, trusted) {
        Ok((_, keys)) => {
            let ids: Vec<String> = keys.iter().map(|key| key.id()).collect();
            let reason = format!("signed by {}", shown_ids(ids));
            Item::pass(code, subject, reason)
        }
        Err(Refused::Unsigned) => Item::fail(code, subject, "it carries no signature"),
        Err(Refused::Unknown(keys)) => {
            let keys = shown_ids(keys);
            let reason = format!("signed by a key that is not trusted, or denied ({keys})");
            Item::fail(code, subject, reason)
        }
        Err(Refused::Wrong(key)) => {
            let reason = format!(
                "changed after it was signed: the signature is not of the key that it names ({})",
                shown_ids([key])
            );
            Item::fail(code, subject, reason)
        }
        Err(Refused::Malformed) => Item::fail(code, subject, "it is no statement"),
    }
}

fn not_checked(subject: &str) -> Item {
    let reason = "signature not checked: no trusted key was named";
    Item::not_measured(Code::SignatureNotChecked, subject, reason)
}

/// The signature of a reference.
pub(super) fn reference(given: &GivenReference, trusted: &Trusted) -> Item {
    let subject = format!("reference {}", given.name);
    let signed = given.envelope.claimed_keys().next().is_some();
    if trusted.is_unasked && signed {
        return not_checked(&subject);
    }
    if trusted.is_unasked {
        let reason = "it carries no signature, and no trusted key was named";
        return Item::not_measured(Code::SignatureNotChecked, subject, reason);
    }
    signature(&subject, Code::ReferenceSignature, &given.envelope, &trusted.keys)
}

/// The signature of the evidence.
pub(super) fn evidence(measured: &Measured, trusted: &Trusted) -> Option<Item> {
    let Measured::Sealed(evidence, envelope) = measured else { return None };
    let signed = envelope.claimed_keys().next().is_some();
    Some(match &evidence.signer {
        Some(key) if !signed => {
            let key = shown_ids([key]);
            let reason = format!("its signature was stripped: it was signed by {key}");
            Item::fail(Code::EvidenceStripped, "evidence", reason)
        }
        None if !signed => {
            let reason = "it was taken without a key: whoever carried it could have changed it";
            Item::not_measured(Code::SignatureNotChecked, "evidence", reason)
        }
        _ if trusted.is_unasked => not_checked("evidence"),
        _ => signature("evidence", Code::EvidenceSignature, envelope, &trusted.keys),
    })
}

/// Whether the evidence answers the challenge, in time.
pub(super) fn freshness(evidence: &Evidence, question: &Question<'_>) -> Vec<Item> {
    let mut items = Vec::new();
    let Some(challenge) = question.challenge else { return items };
    let late = if question.date_only {
        jiff::tz::TimeZone::UTC.to_datetime(challenge.expires).date() < question.as_of
    } else {
        challenge.expires < question.now
    };
    if late {
        let reason = format!("the challenge expired at {}", challenge.expires);
        items.push(Item::fail(Code::ChallengeExpired, "challenge", reason));
    }
    match &evidence.challenge {
        None => {
            let reason = "it answers no challenge: it may have been taken at any time";
            items.push(Item::fail(Code::EvidenceWithoutChallenge, "evidence", reason));
        }
        Some(seen) if seen.nonce != challenge.nonce => {
            let reason = "it answers another challenge: it was taken before, or for another check";
            items.push(Item::fail(Code::EvidenceReplayed, "evidence", reason));
        }
        Some(seen) if seen.device != challenge.device || seen.session != challenge.session => {
            let reason = "it names another device or session than the challenge";
            items.push(Item::fail(Code::WrongDevice, "evidence", reason));
        }
        Some(_) if evidence.taken > challenge.expires => {
            let reason = format!("it was taken at {}, after the challenge expired", evidence.taken);
            items.push(Item::fail(Code::ChallengeExpired, "evidence", reason));
        }
        Some(_) => {
            let reason = "it answers the challenge";
            items.push(Item::pass(Code::EvidenceReplayed, "evidence", reason));
        }
    }
    items
}

/// Whether the measurement is good enough.
pub(super) fn level(evidence: &Evidence, question: &Question<'_>) -> Option<Item> {
    let wanted = question.level_min?;
    let (is, subject) = (evidence.level, "assurance level");
    Some(if is >= wanted {
        Item::pass(Code::Level, subject, format!("{is:?}, at least {wanted:?}"))
    } else {
        Item::not_measured(Code::Level, subject, format!("{is:?}, and {wanted:?} is needed"))
    })
}

/// Whether a newer build of the same model is known whose security version number is higher.
pub(super) fn rollback(given: &GivenReference, all: &[GivenReference]) -> Option<Item> {
    let identity = &given.reference.identity;
    let same_model = |other: &&GivenReference| {
        let other = &other.reference.identity;
        (&other.vendor, &other.model) == (&identity.vendor, &identity.model)
    };
    let newest = all.iter().filter(same_model).max_by_key(|other| other.reference.identity.svn)?;
    let newest = &newest.reference.identity;
    if newest.svn <= identity.svn {
        return None;
    }
    let number = |svn: Option<u64>| svn.map_or_else(|| "none".to_owned(), |svn| svn.to_string());
    let reason = format!(
        "rollback: build {} has the security version number {}, and build {} has {}",
        identity.build_id,
        number(identity.svn),
        newest.build_id,
        number(newest.svn),
    );
    Some(Item::fail(Code::Rollback, "build", reason))
}

/// The signature and the age of the deny list.
pub(super) fn deny_list(question: &Question<'_>) -> Vec<Item> {
    let Some(deny) = question.deny else { return Vec::new() };
    let subject = format!("deny list {}", deny.list.number);
    let mut items = vec![if question.trusted.is_empty() {
        not_checked(&subject)
    } else {
        signature(&subject, Code::DenyListSignature, &deny.envelope, question.trusted)
    }];
    if let Some(expires) = deny.list.expires.filter(|expires| *expires < question.as_of) {
        let reason = format!("it was to be relied on until {expires}; get the present one");
        items.push(Item::not_measured(Code::DenyListExpired, subject, reason));
    }
    items
}

/// Whether the build, the image or the device is on the deny list.
pub(super) fn denied(
    evidence: &Evidence,
    identity: Option<&Identity>,
    question: &Question<'_>,
) -> Vec<Item> {
    let Some(Deny { list, .. }) = question.deny else { return Vec::new() };
    let mut items = Vec::new();
    let mut deny = |what: String| {
        let reason = format!("{what} is on the deny list {}", list.number);
        items.push(Item::fail(Code::Denied, "deny list", reason));
    };
    if let Some(build) =
        identity.map(|identity| &identity.build_id).filter(|build| list.builds.contains(build))
    {
        deny(format!("build {build}"));
    }
    if let Some(image) = evidence.image.filter(|image| list.images.contains(&image.sha256)) {
        deny(format!("image {}", image.sha256));
    }
    let device = evidence.challenge.as_ref().and_then(|seen| seen.device.as_ref());
    if let Some(device) = device.filter(|device| list.devices.contains(device)) {
        deny(format!("device {device}"));
    }
    items
}
