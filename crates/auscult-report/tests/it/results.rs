//! Results made by hand: an ordinary one and the edges.

use std::{collections::BTreeMap, sync::Arc};

use auscult_model::{
    AdvisoryId, AffectedMatch, BinaryFacts, Component, ComponentId, ComponentKind, Coverage,
    CvssScore, DecisionPoint, Epss, Evidence, EvidenceClass, Exploitation, FACTS_SCHEMA, Facts,
    Finding, FormatSeen, IdentityFact, Input, InputKind, KernelFacts, KevEntry, Known, Limits,
    MatchSource, Mention, ModuleFacts, Origin, Outcome, Package, Perspective, Problem,
    RiskDecision, Severity, Sha256, SnapshotInfo, SourceInfo, Support, SupportState, Technique,
    ToolIdentity, UnreadRegion, Verdict, VerdictOutcome, VerdictReason, Version, VersionClaim,
    VersionConflict, Vex, VexStatus, component_ids,
};
use auscult_report::{Assessment, ScanResult, Unmatched};
use jiff::civil::{Date, date};

pub(crate) const AS_OF: Date = date(2026, 7, 1);

fn component(name: &str, version: VersionClaim, origin: Origin, place: &str) -> Component {
    Component {
        name: name.into(),
        version,
        kind: ComponentKind::Application,
        supplier: None,
        purl: None,
        cpes: Vec::new(),
        origin,
        licences: vec!["GPL-2.0-only".into()],
        evidence: vec![trace(place)],
    }
}

fn trace(place: &str) -> Evidence {
    Evidence {
        locator: place.parse().unwrap(),
        technique: Technique::BinaryAnalysis,
        class: EvidenceClass::ContainsCode,
        confidence: 95,
        detail: "banner".into(),
    }
}

fn exact(version: &str) -> VersionClaim {
    VersionClaim::Exact(Version(version.into()))
}

pub(crate) fn finding(id: &str, component: &str, score: Option<u8>, outcome: Outcome) -> Finding {
    let point = |point: &str, value: &str, because: &str, known| DecisionPoint {
        point: point.into(),
        value: value.into(),
        because: because.into(),
        known,
    };
    Finding {
        id: AdvisoryId(id.into()),
        aliases: vec![AdvisoryId(format!("ALIAS-{id}"))],
        component: component.into(),
        version: Version("1.35.0".into()),
        purl: Some(format!("pkg:generic/{component}@1.35.0")),
        locators: vec!["image@0x800000/squashfs:/bin/busybox@0x1f20".parse().unwrap()],
        matches: vec![AffectedMatch {
            source: MatchSource { source: "cve5".into(), record: id.into() },
            name: component.into(),
            range: ">= 0, < 1.36.2".into(),
            fixed: Some(Version("1.36.2".into())),
            confidence: 90,
        }],
        vex: Vex {
            status: VexStatus::Affected,
            justification: None,
            strength: None,
            evidence: Vec::new(),
        },
        kev: None,
        epss: Some(Epss { score_e5: 12_345, percentile_e5: 95_000 }),
        cvss: score
            .map(|score_tenths| CvssScore {
                source: "nvd".into(),
                vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H".into(),
                score_tenths,
                severity: Severity::of_tenths(score_tenths),
            })
            .into_iter()
            .collect(),
        exploitation: Exploitation::None,
        automatable: Some(true),
        technical_impact_total: Some(true),
        exposure: Finding::unmeasured(),
        decisions: vec![
            RiskDecision {
                perspective: Perspective::Hospital,
                policy: "ssvc:deployer:1.0.0".into(),
                outcome,
                due: Some(date(2026, 7, 15)),
                path: [
                    point("exploitation", "none", "no source reports it", true),
                    point("system-exposure", "open", "unknown: worst value taken", false),
                ]
                .into(),
                would_change: ["system-exposure small: scheduled".into()].into(),
                action: Some("isolate it".into()),
            },
            RiskDecision {
                perspective: Perspective::Maker,
                policy: "fda:postmarket:1".into(),
                outcome: Outcome::Controlled,
                due: None,
                path: [].into(),
                would_change: [].into(),
                action: None,
            },
        ],
    }
}

pub(crate) fn snapshot() -> SnapshotInfo {
    SnapshotInfo {
        root: Sha256::of(b"snapshot"),
        date: date(2026, 6, 20),
        layers: BTreeMap::from([("ranges".to_owned(), Sha256::of(b"ranges"))]),
        sources: vec![SourceInfo {
            name: "cve5".into(),
            date: Some(date(2026, 6, 20)),
            records: 12_345,
            failures: 2,
            licence: "terms of use of the CVE programme".into(),
        }],
        coverage: "starter: components most found in devices".into(),
    }
}

fn coverage() -> Coverage {
    Coverage {
        bytes_total: 16 << 20,
        bytes_read: 15 << 20,
        bytes_padding: (1 << 20) - 4096,
        bytes_unread: 4096,
        regions_unread: vec![UnreadRegion {
            locator: "image@0x20000".parse().unwrap(),
            bytes: 4096,
            reason: "no known format".into(),
            entropy_centibits: Some(798),
            profile: Vec::new(),
        }],
        questions_unknown: BTreeMap::from([(
            "kernel_config".to_owned(),
            "none in the image".to_owned(),
        )]),
    }
}

fn components() -> Vec<Component> {
    let incomplete = VersionClaim::Incomplete {
        known: Version("1.0.2".into()),
        reason: "the patch letter is missing".into(),
    };
    let range = VersionClaim::Range {
        at_least: Some(Version("2.9.11".into())),
        below: Some(Version("2.10.0".into())),
        reason: "by its exports".into(),
    };
    let rule = |rule: &str| Origin::Signature { rule: rule.into() };
    let package = Origin::Package(Package {
        database: "dpkg".into(),
        distribution: Some("debian-12".into()),
        source: Some("zlib".into()),
        source_version: None,
        architecture: Some("armhf".into()),
    });
    let squashfs = "image@0x800000/squashfs:";
    vec![
        component("busybox", exact("1.35.0"), rule("busybox"), &format!("{squashfs}/bin/busybox")),
        component("openssl", incomplete, rule("openssl"), &format!("{squashfs}/lib/libssl.so")),
        component(
            "zlib1g",
            exact("1:1.2.13"),
            package,
            &format!("{squashfs}/var/lib/dpkg/status@0x10"),
        ),
        component("libxml2", range, rule("libxml2"), &format!("{squashfs}/lib/libxml2.so.2")),
        component(
            "u-boot",
            VersionClaim::Unknown("no banner".into()),
            Origin::Structure,
            "image@0x0",
        ),
    ]
}

fn kernel(squashfs: &str) -> KernelFacts {
    KernelFacts {
        locator: "image@0x0/uimage".parse().unwrap(),
        banner: "Linux version 6.1.0-50-armmp".into(),
        release: "6.1.0-50-armmp".into(),
        version: Known::unknown("Debian does not tell it"),
        config: Known::unknown("none in the image"),
        modules: Known::Known(vec![ModuleFacts {
            name: "can".into(),
            locator: format!("{squashfs}:/lib/modules/can.ko").parse().unwrap(),
            vermagic: None,
        }]),
    }
}

fn facts() -> Facts {
    let squashfs = "image@0x800000/squashfs";
    let format = |locator: &str, format: &str, bytes| FormatSeen {
        locator: locator.parse().unwrap(),
        format: format.into(),
        bytes,
        attributes: BTreeMap::from([("compression".to_owned(), "xz".to_owned())]),
    };
    Facts {
        schema: FACTS_SCHEMA,
        tool: ToolIdentity {
            name: "auscult".into(),
            version: "0.1.0".into(),
            rules: Sha256::of(b"rules"),
        },
        limits: Limits::default(),
        input: Input { sha256: Sha256::of(b"image"), size: 16 << 20, kind: InputKind::Image },
        identities: vec![IdentityFact {
            key: "os-release:PRETTY_NAME".into(),
            value: "Pump OS 2".into(),
            locator: format!("{squashfs}:/etc/os-release").parse().unwrap(),
        }],
        formats: vec![
            format("image@0x0", "uimage", 1 << 20),
            format("image@0x800000", "squashfs", 8 << 20),
            format(&format!("{squashfs}:/a.gz@0x0"), "gzip", 100),
            format(&format!("{squashfs}:/a.gz@0x0/gzip@0x0"), "cpio", 100),
        ],
        components: components(),
        dependencies: Vec::new(),
        conflicts: vec![VersionConflict {
            component: ComponentId("pkg:deb/debian/busybox@1.35.0".into()),
            told: Version("1.35.0".into()),
            seen: Version("1.36.1".into()),
            evidence: trace(&format!("{squashfs}:/bin/busybox@0x40")),
        }],
        owned: Vec::new(),
        mentions: vec![Mention {
            name: "gcc".into(),
            version: exact("12.2.0"),
            class: EvidenceClass::Mentions,
            evidence: Vec::new(),
        }],
        binaries: vec![BinaryFacts {
            locator: format!("{squashfs}:/bin/busybox").parse().unwrap(),
            sha256: Sha256::of(b"busybox"),
            architecture: "arm-32-le".into(),
            kind: "executable".into(),
            interpreter: None,
            soname: None,
            needed: Vec::new(),
            imports: Known::unknown("static"),
            exports: Known::unknown("static"),
            build_id: None,
            stripped: Known::Known(true),
        }],
        kernels: vec![kernel(squashfs)],
        features: Vec::new(),
        operation: auscult_model::Operation::default(),
        coverage: coverage(),
        problems: vec![Problem {
            locator: format!("{squashfs}:/a.gz@0x40").parse().unwrap(),
            what: "read the gzip trailer".into(),
            why: "it is cut short".into(),
        }],
    }
}

fn unmatched(name: &str, version: &str, reason: &str) -> Unmatched {
    Unmatched { name: name.into(), version: version.into(), reason: reason.into() }
}

fn support(
    component: &str,
    cycle: (&str, &str),
    state: SupportState,
    date: Option<Date>,
) -> Support {
    Support {
        component: ComponentId(component.into()),
        product: cycle.0.into(),
        cycle: cycle.1.into(),
        state,
        date,
        extended_until: None,
        latest: Some(format!("{}.9", cycle.1)),
        source: "endoflife".into(),
    }
}

/// An ordinary build of which it is known until when some components are maintained.
pub(crate) fn maintained() -> ScanResult {
    let mut result = ordinary();
    let ids = component_ids(&result.facts.components);
    let states = [
        (SupportState::Ended, None),
        (SupportState::Ended, Some(date(2022, 2, 3))),
        (SupportState::Ends, Some(date(2030, 1, 1))),
        (SupportState::Supported, None),
    ];
    let rows = states.into_iter().enumerate().map(|(number, (state, date))| {
        let product = format!("product-{number}");
        support(&ids[number % ids.len()].0, (&product, "4.4"), state, date)
    });
    let rows = rows.collect();
    if let Known::Known(assessment) = &mut result.assessment {
        assessment.support = Known::Known(rows);
    }
    result.canonicalise();
    result
}

/// An ordinary build with a few findings, one of each state, and a gate that failed.
pub(crate) fn ordinary() -> ScanResult {
    let mut exploited = finding("CVE-2026-0001", "busybox", Some(98), Outcome::Immediate);
    exploited.kev = Some(KevEntry { added: date(2026, 6, 1), ransomware: true });
    exploited.exploitation = Exploitation::Active;
    let mut unscored = finding("CVE-2026-0002", "busybox", None, Outcome::Scheduled);
    unscored.epss = None;
    let mut closed = finding("CVE-2026-0003", "busybox", Some(75), Outcome::Immediate);
    closed.vex = Vex {
        status: VexStatus::NotAffected,
        justification: Some("vulnerable_code_not_present".into()),
        strength: Some("proven".into()),
        evidence: vec!["the applet is not built in".into()],
    };
    let mut undecided = finding("CVE-2026-0004", "linux", Some(55), Outcome::Defer);
    undecided.decisions.clear();
    let mut result = ScanResult::of_facts(facts(), AS_OF, "").unwrap();
    result.assessment = Known::Known(Assessment {
        snapshot: snapshot(),
        findings: vec![
            closed,
            unscored,
            finding("CVE-2026-0005", "busybox", Some(31), Outcome::Scheduled),
            undecided,
            exploited,
            finding("CVE-2026-0006", "linux", Some(78), Outcome::OutOfCycle),
        ],
        no_data: vec![unmatched("zlib1g", "1:1.2.13", "no record of Debian 12")],
        version_unknown: vec![unmatched("u-boot", "unknown", "no banner")],
        support: Known::unknown("the snapshot tells none"),
    });
    result.verdict = Some(Verdict::from_reasons(vec![VerdictReason {
        outcome: VerdictOutcome::Fail,
        rule: "kev".into(),
        text: "1 finding is known to be exploited".into(),
        findings: vec!["CVE-2026-0001 busybox 1.35.0".into()],
    }]));
    result.isolation = vec!["network".into(), "exec".into()];
    result.canonicalise();
    result
}

/// A build of which nothing could be named, without a snapshot.
pub(crate) fn empty() -> ScanResult {
    let mut facts = facts();
    facts.components.clear();
    facts.formats.clear();
    facts.kernels.clear();
    facts.identities.clear();
    facts.problems.clear();
    ScanResult::of_facts(facts, AS_OF, "no snapshot was given").unwrap()
}

/// A build whose every name was chosen to harm the reader, with a stale snapshot.
pub(crate) fn hostile() -> ScanResult {
    const NAME: &str = "\u{1b}]0;owned\u{7}\r\nVERDICT pass\n<script>\"',=cmd|'\u{202e}漢字";
    let mut facts = facts();
    facts.components = vec![component(NAME, exact(NAME), Origin::FileName, "image")];
    facts.identities[0].value = NAME.into();
    facts.problems[0].why = NAME.into();
    facts.formats[0].attributes.insert(NAME.into(), NAME.into());
    facts.kernels[0].release = NAME.into();
    facts.coverage.questions_unknown.insert(NAME.into(), NAME.into());
    let mut result = ScanResult::of_facts(facts, AS_OF, "").unwrap();
    let mut snapshot = snapshot();
    snapshot.date = date(2026, 1, 1);
    snapshot.coverage = NAME.into();
    let mut hostile = finding(NAME, NAME, Some(50), Outcome::Scheduled);
    Arc::make_mut(&mut hostile.decisions[0].path)[0].because = NAME.into();
    result.assessment = Known::Known(Assessment {
        snapshot,
        findings: vec![hostile],
        no_data: vec![unmatched(NAME, NAME, NAME)],
        version_unknown: Vec::new(),
        support: Known::Known(vec![support(NAME, (NAME, NAME), SupportState::Ended, None)]),
    });
    result.isolation = vec![NAME.into()];
    result.canonicalise();
    result
}

/// A build with thousands of kernel findings.
pub(crate) fn flooded() -> ScanResult {
    let mut result = ordinary();
    if let Known::Known(assessment) = &mut result.assessment {
        let kernel = (0..5000).map(|number| {
            finding(&format!("CVE-2025-{number:04}"), "linux", Some(55), Outcome::Scheduled)
        });
        assessment.findings.extend(kernel);
    }
    result.canonicalise();
    result
}
