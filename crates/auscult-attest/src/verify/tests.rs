//! What only a hand-made measurement can show: files that were not read, mounts, several builds.

use std::collections::BTreeMap;

use auscult_measure::{Entry, Kind, Unmeasured};
use auscult_model::{Locator, Sha256, ToolIdentity};
use jiff::Timestamp;

use super::{GivenReference, Measured, Question, verify};
use crate::{
    Behaviour, Classes, Code, Evidence, FactsSeen, FileSystem, Identity, ImageSeen, Level,
    MeasuringTool, Outcome, Overall, Reference, Region, RegionClass, RegionCoverage, Scope, Trust,
    Verdict,
};

fn file(path: &str, content: &str) -> Entry {
    let mut entry = Entry::new(path.into(), Kind::File);
    (entry.mode, entry.user, entry.group) = (Some(0o644), Some(0), Some(0));
    entry.size = u64::try_from(content.len()).ok();
    entry.sha256 = Some(Sha256::of(content.as_bytes()));
    entry
}

fn file_system(entries: Vec<Entry>) -> FileSystem {
    FileSystem {
        locator: Locator::image(),
        format: "squashfs".to_owned(),
        entries,
        unmeasured: Vec::new(),
        owners: BTreeMap::new(),
    }
}

fn reference(entries: Vec<Entry>) -> Reference {
    let sha256 = Sha256::of(b"image");
    let tool = ToolIdentity { name: "auscult".to_owned(), version: "1".to_owned(), rules: sha256 };
    Reference {
        identity: Identity { build_id: "one".to_owned(), ..Identity::default() },
        image: ImageSeen { sha256, size: 5 },
        facts: FactsSeen { sha256, tool },
        regions: vec![Region {
            offset: 0,
            length: 5,
            name: "raw".to_owned(),
            class: RegionClass::Exact,
            sha256: Some(sha256),
            fill: None,
        }],
        coverage: RegionCoverage::default(),
        file_systems: vec![file_system(entries)],
        components: Vec::new(),
        classes: Classes::default(),
        expected: Behaviour::unknown("not inspected"),
    }
}

fn evidence(entries: Vec<Entry>, unmeasured: Vec<Unmeasured>) -> Evidence {
    Evidence {
        scope: Scope::Live,
        level: Level::A1,
        tool: MeasuringTool {
            name: "auscult".to_owned(),
            version: "1".to_owned(),
            sha256: auscult_model::Known::unknown("not read"),
        },
        taken: Timestamp::UNIX_EPOCH,
        challenge: None,
        boot_id: None,
        signer: None,
        image: None,
        regions: Vec::new(),
        file_systems: vec![FileSystem { unmeasured, ..file_system(entries) }],
        behaviour: Behaviour::unknown("not inspected"),
        inspected_by: None,
    }
}

/// Verifies against a reference that a trusted key signed.
fn check(reference: &Reference, evidence: Evidence) -> Verdict {
    let key = auscult_dsse::SigningKey::from_seed(&[1; 32]);
    let mut envelope = reference.seal().unwrap();
    envelope.add(&key).unwrap();
    let text = serde_json::to_vec(&envelope).unwrap();
    let given = [GivenReference::read("reference", &text).unwrap()];
    let question = Question {
        references: &given,
        trust: &Trust::of_keys(vec![key.public()]),
        challenge: None,
        deny: None,
        level_min: None,
        now: Timestamp::UNIX_EPOCH,
        as_of: jiff::civil::date(2026, 11, 26),
        signature_needed: false,
        date_only: false,
    };
    verify(&Measured::Own(Box::new(evidence)), &question, None)
}

fn not_measured(verdict: &Verdict, path: &str) -> bool {
    verdict
        .items()
        .any(|item| item.outcome == Outcome::NotMeasured && item.needed && item.subject == path)
}

#[test]
fn what_was_not_measured_is_not_passed() {
    let files = || vec![file("/a", "a"), file("/b", "b"), file("/c", "c"), file("/d/e", "e")];
    let wanted = reference(files());
    assert_eq!(check(&wanted, evidence(files(), Vec::new())).outcome, Overall::Pass);
    let mut unread = files();
    unread[0].sha256 = None;
    let told = Unmeasured { path: "/a".into(), why: "open it: denied".to_owned(), mounted: false };
    let verdict = check(&wanted, evidence(unread, vec![told]));
    assert_eq!(verdict.outcome, Overall::Inconclusive);
    assert!(not_measured(&verdict, "/a"), "{:?}", verdict.groups);
    let mut unowned = files();
    unowned[1].user = None;
    unowned[2].mode = None;
    let verdict = check(&wanted, evidence(unowned, Vec::new()));
    assert!(not_measured(&verdict, "/b") && not_measured(&verdict, "/c"));
    assert_eq!(verdict.outcome, Overall::Inconclusive);
    // Something mounted over a folder of the build hides what is below it.
    let mounted = Unmeasured { path: "/d".into(), why: "mounted".to_owned(), mounted: true };
    let verdict = check(&wanted, evidence(files()[..3].to_vec(), vec![mounted]));
    assert_eq!(verdict.outcome, Overall::Inconclusive);
    assert!(not_measured(&verdict, "/d/e"));
}

#[test]
fn a_running_system_mounts_its_areas_of_data() {
    let mut area = Entry::new("/tmp".into(), Kind::Directory);
    area.mode = Some(0o755);
    let wanted = reference(vec![file("/a", "a"), area.clone()]);
    area.mode = Some(0o1777);
    let mounted = Unmeasured { path: "/tmp".into(), why: "mounted".to_owned(), mounted: true };
    let verdict = check(&wanted, evidence(vec![file("/a", "a"), area], vec![mounted]));
    assert_eq!(verdict.outcome, Overall::Pass, "{:?}", verdict.groups);
}

#[test]
fn a_reference_that_contradicts_itself_is_refused() {
    let good = reference(vec![file("/a", "a"), file("/b", "b")]);
    let read = |reference: &Reference| {
        let envelope = reference.seal().unwrap();
        Reference::read(&envelope.unverified(auscult_dsse::PAYLOAD_TYPE).unwrap())
    };
    assert_eq!(read(&good).unwrap(), good);
    let mut twice = good.clone();
    twice.file_systems[0].entries[1].path = "/a".into();
    assert!(read(&twice).is_err());
    let mut gap = good.clone();
    gap.regions[0].offset = 1;
    assert!(read(&gap).is_err());
    let mut short = good.clone();
    short.image.size = 9;
    assert!(read(&short).is_err());
}

#[test]
fn a_device_that_is_like_no_build_is_unknown() {
    let wanted = reference(vec![file("/a", "a"), file("/b", "b"), file("/c", "c")]);
    let other = vec![file("/a", "a"), file("/b", "x"), file("/c", "y")];
    let verdict = check(&wanted, evidence(other, Vec::new()));
    assert_eq!((verdict.outcome, verdict.build.is_none()), (Overall::Fail, true));
    assert!(verdict.checks.iter().any(|item| item.code == Code::UnknownBuild));
}
