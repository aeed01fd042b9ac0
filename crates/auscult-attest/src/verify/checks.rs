//! Checks of the whole: signatures, freshness, assurance, rollback, the deny list.

use auscult_dsse::{Envelope, PAYLOAD_TYPE, Refused, shown_ids};

use super::{Deny, GivenReference, Measured, Question};
use crate::{
    Code, Evidence, Identity, Item,
    trust::{Signers, Trust},
};

/// Who is trusted and not denied by a list that itself is signed by somebody who may.
pub(super) fn trusted(question: &Question<'_>) -> Trust {
    let may_deny = |deny: &&Deny| {
        question.trust.deny_list.iter().any(|signers| signers.accept(&deny.envelope))
    };
    let denied = question.deny.filter(may_deny).map(|deny| deny.list.keys.as_slice());
    question.trust.without(denied.unwrap_or_default())
}

/// What the signatures of a document are worth to those who may sign it, of whom one group is enough.
fn signature(subject: &str, code: Code, envelope: &Envelope, signers: &[Signers]) -> Item {
    let named: Vec<String> = envelope.claimed_keys().map(str::to_owned).collect();
    let mut refused = if named.is_empty() { Refused::Unsigned } else { Refused::Unknown(named) };
    let mut few = None;
    for one in signers {
        match envelope.open(PAYLOAD_TYPE, &one.keys) {
            Ok((_, keys)) if keys.len() >= one.threshold => {
                let ids: Vec<String> = keys.iter().map(|key| key.id()).collect();
                return Item::pass(code, subject, format!("signed by {}", shown_ids(ids)));
            }
            Ok((_, keys)) => {
                few = few.or_else(|| {
                    let (signed, needed) = (keys.len(), one.threshold);
                    Some(format!("signed by {signed} of the {needed} keys that are needed"))
                });
            }
            Err(why) => {
                // That a trusted key's signature does not fit tells more than that others are unknown.
                if !matches!(why, Refused::Unknown(_)) {
                    refused = why;
                }
            }
        }
    }
    Item::fail(code, subject, few.unwrap_or_else(|| why_refused(refused)))
}

fn why_refused(refused: Refused) -> String {
    match refused {
        Refused::Unsigned => "it carries no signature".to_owned(),
        Refused::Unknown(keys) => {
            let keys = shown_ids(keys);
            format!("signed by a key that is not trusted for this, or denied ({keys})")
        }
        Refused::Wrong(key) => format!(
            "changed after it was signed: the signature is not of the key that it names ({})",
            shown_ids([key])
        ),
        Refused::Malformed => "it is no statement".to_owned(),
    }
}

fn not_checked(subject: &str) -> Item {
    let reason = "signature not checked: no trusted key was named";
    Item::not_measured(Code::SignatureNotChecked, subject, reason)
}

/// The signature of a reference.
pub(super) fn reference(given: &GivenReference, trust: &Trust) -> Item {
    let subject = format!("reference {}", given.name);
    let signed = given.envelope.claimed_keys().next().is_some();
    if trust.is_unasked && signed {
        return not_checked(&subject);
    }
    if trust.is_unasked {
        let reason = "it carries no signature, and no trusted key was named";
        return Item::not_measured(Code::SignatureNotChecked, subject, reason);
    }
    signature(&subject, Code::ReferenceSignature, &given.envelope, &trust.reference)
}

/// The signature of the evidence.
pub(super) fn evidence(measured: &Measured, trust: &Trust, signature_needed: bool) -> Option<Item> {
    let Measured::Sealed(evidence, envelope) = measured else { return None };
    let signed = envelope.claimed_keys().next().is_some();
    Some(match &evidence.signer {
        Some(key) if !signed => {
            let key = shown_ids([key]);
            let reason = format!("its signature was stripped: it was signed by {key}");
            Item::fail(Code::EvidenceStripped, "evidence", reason)
        }
        None if !signed && signature_needed => {
            let reason = why_refused(Refused::Unsigned);
            Item::fail(Code::EvidenceSignature, "evidence", reason)
        }
        None if !signed => {
            let reason = "it was taken without a key: whoever carried it could have changed it";
            Item::not_measured(Code::SignatureNotChecked, "evidence", reason)
        }
        _ if trust.is_unasked => not_checked("evidence"),
        _ => signature("evidence", Code::EvidenceSignature, envelope, &trust.evidence),
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
    let trust = question.trust;
    let mut items = vec![if trust.is_unasked {
        not_checked(&subject)
    } else {
        signature(&subject, Code::DenyListSignature, &deny.envelope, &trust.deny_list)
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
