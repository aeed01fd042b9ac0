//! Chains of roots, honest and not.

use auscult_dsse::{Envelope, SigningKey};
use jiff::civil::{Date, date};

use super::{GivenRoot, RoleKeys, Trust, TrustRoot};
use crate::{Code, Error, Outcome};

const TODAY: Date = date(2026, 11, 27);

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn role(threshold: usize, seeds: &[u8]) -> RoleKeys {
    let pem = |seed: &u8| key(*seed).public().to_pem().unwrap();
    RoleKeys { threshold, keys: seeds.iter().map(pem).collect() }
}

/// A root whose references are signed by one key, and evidence by another.
fn root(version: u64, own: RoleKeys, reference: u8, evidence: u8) -> TrustRoot {
    TrustRoot {
        version,
        date: TODAY,
        expires: None,
        root: own,
        reference: role(1, &[reference]),
        evidence: role(1, &[evidence]),
        deny_list: RoleKeys::default(),
    }
}

fn given(root: &TrustRoot, seeds: &[u8]) -> GivenRoot {
    let mut envelope = root.seal().unwrap();
    for seed in seeds {
        envelope.add(&key(*seed)).unwrap();
    }
    GivenRoot::read(&serde_json::to_vec(&envelope).unwrap()).unwrap()
}

/// What is said of the roots.
fn said(trust: &Trust) -> Vec<(Outcome, Code, &str)> {
    trust.items.iter().map(|item| (item.outcome, item.code, item.subject.as_str())).collect()
}

fn signed_by(seed: u8) -> Envelope {
    Envelope::sign(auscult_dsse::PAYLOAD_TYPE, b"anything", &key(seed))
}

/// Who may sign references and evidence, of these keys.
fn may(trust: &Trust, seeds: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let who = |signers: &[super::Signers]| {
        let accepted = |seed: &u8| signers.iter().any(|one| one.accept(&signed_by(*seed)));
        seeds.iter().copied().filter(accepted).collect()
    };
    (who(&trust.reference), who(&trust.evidence))
}

#[test]
fn a_chain_hands_on_what_may_be_signed_by_whom() {
    let first = given(&root(1, role(2, &[1, 2, 3]), 11, 21), &[1, 2]);
    let second = given(&root(2, role(2, &[2, 3, 4]), 12, 22), &[2, 3]);
    let third = given(&root(3, role(1, &[5]), 13, 23), &[3, 4, 5]);
    let seeds = [11, 12, 13, 21, 22, 23];
    // Of references former keys still count, of evidence those of the last root alone.
    for later in [
        [second, third],
        [
            given(&root(3, role(1, &[5]), 13, 23), &[3, 4, 5]),
            given(&root(2, role(2, &[2, 3, 4]), 12, 22), &[2, 3]),
        ],
    ] {
        let trust = Trust::of_roots(&first, &later, TODAY);
        assert_eq!(said(&trust), [(Outcome::Pass, Code::TrustRoot, "trust root 3")]);
        assert_eq!(may(&trust, &seeds), (vec![11, 12, 13], vec![23]));
    }
    let alone = Trust::of_roots(&first, &[], TODAY);
    assert_eq!(may(&alone, &seeds), (vec![11], vec![21]));
    // A key that is denied signs nothing any more, whichever root names it.
    let later = [given(&root(2, role(2, &[2, 3, 4]), 12, 22), &[2, 3])];
    let less = Trust::of_roots(&first, &later, TODAY).without(&[key(11).public().id()]);
    assert_eq!(may(&less, &seeds), (vec![12], vec![22]));
}

#[test]
fn a_root_that_does_not_follow_is_told_and_changes_nothing() {
    let first = given(&root(1, role(2, &[1, 2, 3]), 11, 21), &[1, 2]);
    let evil = root(2, role(1, &[9]), 19, 29);
    for (signers, why) in [
        (&[9][..], "0 of the 2 keys"),
        (&[9, 1][..], "1 of the 2 keys"),
        (&[1, 2][..], "0 of the 1 keys"),
    ] {
        let trust = Trust::of_roots(&first, &[given(&evil, signers)], TODAY);
        let failed: Vec<_> = trust.items.iter().filter(|i| i.outcome == Outcome::Fail).collect();
        assert_eq!(failed.len(), 1, "{signers:?}");
        assert!(failed[0].reason.contains(why), "{}", failed[0].reason);
        assert_eq!(may(&trust, &[11, 19, 21, 29]), (vec![11], vec![21]));
    }
    // Two that follow and differ: nobody can say which is the one.
    let twin = root(2, role(2, &[1, 2, 3]), 12, 22);
    let other = root(2, role(2, &[1, 2, 3]), 13, 23);
    let trust = Trust::of_roots(&first, &[given(&twin, &[1, 2]), given(&other, &[2, 3])], TODAY);
    assert_eq!(said(&trust).iter().filter(|said| said.0 == Outcome::Fail).count(), 2);
    assert_eq!(may(&trust, &[11, 12, 13]).0, [11]);
    // The same root twice is one.
    let trust = Trust::of_roots(&first, &[given(&twin, &[1, 2]), given(&twin, &[2, 3])], TODAY);
    assert_eq!(said(&trust), [(Outcome::Pass, Code::TrustRoot, "trust root 2")]);
}

#[test]
fn a_gap_and_an_old_root_are_not_passed() {
    let first = given(&root(1, role(1, &[1]), 11, 21), &[1]);
    let third = given(&root(3, role(1, &[1]), 13, 23), &[1]);
    let trust = Trust::of_roots(&first, std::slice::from_ref(&third), TODAY);
    assert!(said(&trust).contains(&(Outcome::NotMeasured, Code::TrustRoot, "trust root 3")));
    assert_eq!(may(&trust, &[11, 13]).0, [11]);
    // One that is older than the kept one takes nothing back.
    let trust = Trust::of_roots(&third, &[first], TODAY);
    assert_eq!(said(&trust), [(Outcome::Pass, Code::TrustRoot, "trust root 3")]);
    let mut old = root(1, role(1, &[1]), 11, 21);
    old.expires = Some(date(2026, 11, 26));
    let trust = Trust::of_roots(&given(&old, &[1]), &[], TODAY);
    assert_eq!(said(&trust), [(Outcome::NotMeasured, Code::TrustRootExpired, "trust root 1")]);
    // One that was kept and changed is worth nothing, nor is one that nobody finished.
    let trust = Trust::of_roots(&given(&root(1, role(2, &[1, 2]), 11, 21), &[1]), &[], TODAY);
    assert_eq!(said(&trust), [(Outcome::Fail, Code::TrustRoot, "trust root 1")]);
    assert_eq!(may(&trust, &[11, 21]), (Vec::new(), Vec::new()));
    assert!(!trust.is_unasked);
}

type Change = fn(&mut TrustRoot);

#[test]
fn a_root_that_makes_no_sense_is_refused() {
    let good = || root(1, role(1, &[1, 2]), 11, 21);
    assert!(good().roles().is_ok());
    let cases: [(&str, Change); 7] = [
        ("numbered", |root| root.version = 0),
        ("cannot sign", |root| root.root.threshold = 3),
        ("cannot sign", |root| root.reference.threshold = 0),
        ("twice", |root| root.root = role(1, &[1, 1])),
        ("another role", |root| root.evidence = role(1, &[2])),
        ("nobody", |root| root.root = RoleKeys::default()),
        ("more than 16", |root| root.deny_list = role(1, &(100..117).collect::<Vec<u8>>())),
    ];
    for (why, change) in cases {
        let mut root = good();
        change(&mut root);
        let error = root.roles().unwrap_err().to_string();
        assert!(error.contains(why), "{why}: {error}");
    }
}

#[test]
fn a_root_is_written_with_the_names_of_key_files() {
    let text = "version = 2\ndate = \"2026-11-27\"\nexpires = \"2046-12-31\"\n\
        [root]\nthreshold = 2\nkeys = [\"1\", \"2\"]\n[reference]\nkeys = [\"11\"]\n";
    let read = |name: &str| Ok::<_, Error>(key(name.parse().unwrap()).public());
    let root = TrustRoot::parse(text, read).unwrap();
    assert_eq!(root.root, role(2, &[1, 2]));
    assert_eq!((root.reference, root.evidence), (role(1, &[11]), RoleKeys::default()));
    assert!(TrustRoot::is_one(text) && !TrustRoot::is_one("number = 7\n"));
    assert!(TrustRoot::parse(&text.replace("version", "number"), read).is_err());
}
