//! Tests of the public interface of `auscult-sbom`.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod read;
mod shared;
mod write;

use auscult_model::{
    BinaryFacts, Component, ComponentKind, Coverage, Cpe, Evidence, EvidenceClass, FACTS_SCHEMA,
    Facts, IdentityFact, Input, InputKind, Known, Limits, Mention, Origin, Package, Problem, Purl,
    Sha256, Technique, ToolIdentity, UnreadRegion, Version, VersionClaim,
};

/// The identity under which the tests read and write.
pub(crate) fn tool() -> ToolIdentity {
    ToolIdentity { name: "auscult".into(), version: "0.1.0".into(), rules: Sha256::of(b"rules") }
}

fn trace(locator: &str, class: EvidenceClass, confidence: u8, detail: &str) -> Evidence {
    Evidence {
        locator: locator.parse().unwrap(),
        technique: Technique::BinaryAnalysis,
        class,
        confidence,
        detail: detail.into(),
    }
}

fn component(name: &str, version: VersionClaim, evidence: Vec<Evidence>) -> Component {
    Component {
        name: name.into(),
        version,
        kind: ComponentKind::Library,
        supplier: None,
        purl: None,
        cpes: Vec::new(),
        origin: Origin::Signature { rule: format!("{name}-banner") },
        licences: Vec::new(),
        evidence,
    }
}

fn exact(version: &str) -> VersionClaim {
    VersionClaim::Exact(Version(version.into()))
}

fn between(least: &str, limit: &str) -> VersionClaim {
    VersionClaim::Range {
        at_least: Some(Version(least.into())),
        below: Some(Version(limit.into())),
        reason: "by its exports".into(),
    }
}

/// The one binary of the image.
fn binary(busybox: &str) -> BinaryFacts {
    BinaryFacts {
        locator: busybox.parse().unwrap(),
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
    }
}

/// A build with every kind of component that the writer treats differently.
// tidy: long - one value, written out
pub(crate) fn facts() -> Facts {
    use EvidenceClass::{ContainsCode, LinksTo};
    let busybox = "image@0x800000/squashfs:/bin/busybox";
    let mut one_file = component(
        "busybox",
        exact("1.35.0"),
        vec![
            trace(&format!("{busybox}@0x1f20"), ContainsCode, 95, "BusyBox v1.35.0"),
            trace(busybox, ContainsCode, 60, "applet table"),
        ],
    );
    one_file.purl = Some(Purl("pkg:generic/busybox@1.35.0".into()));
    one_file.cpes = vec![
        Cpe::product('a', "busybox", "busybox").with_version("1.35.0"),
        Cpe::product('a', "rob_landley", "busybox").with_version("1.35.0"),
    ];
    one_file.licences = vec!["gpl-2.0-only".into(), "Some \u{7} licence".into()];
    let mut package = component(
        "libssl3",
        exact("3.0.16-1~deb12u1"),
        vec![trace("image@0x0/ext4:/var/lib/dpkg/status@0x10", ContainsCode, 100, "row")],
    );
    package.origin = Origin::Package(Package {
        database: "dpkg".into(),
        distribution: Some("debian-12".into()),
        source: Some("openssl".into()),
        source_version: None,
        architecture: Some("armhf".into()),
    });
    package.supplier = Some("Debian".into());
    package.licences = vec!["(MIT OR ISC) AND GPL-2.0-only WITH Linux-syscall-note".into()];
    let incomplete = VersionClaim::Incomplete {
        known: Version("1.0.2".into()),
        reason: "the patch letter is missing".into(),
    };
    let kernel = component(
        "linux kernel \u{1b}[31m",
        exact("6.1.0"),
        (0..500).map(|n| trace(&format!("image@{n:#x}"), ContainsCode, 90, "module")).collect(),
    );
    let linked = trace("image@0x0/tar:/usr/sbin/hostapd", LinksTo, 80, "libssl.so.1.0.0");
    Facts {
        schema: FACTS_SCHEMA,
        tool: tool(),
        limits: Limits::default(),
        input: Input { sha256: Sha256::of(b"image"), size: 5, kind: InputKind::Image },
        identities: vec![IdentityFact {
            key: "os-release:ID".into(),
            value: "debian".into(),
            locator: "image@0x0/ext4:/etc/os-release".parse().unwrap(),
        }],
        formats: Vec::new(),
        components: vec![
            one_file,
            package,
            component("openssl", incomplete, vec![linked.clone()]),
            component("libxml2", between("2.9.11", "2.10.0"), vec![linked.clone()]),
            component("openssl", VersionClaim::Unknown("no string".into()), vec![linked.clone()]),
            component("openssl", VersionClaim::Unknown("other file".into()), vec![linked]),
            component("long", exact(&"1.".repeat(700)), vec![trace("image", ContainsCode, 10, "")]),
            kernel,
        ],
        dependencies: Vec::new(),
        conflicts: Vec::new(),
        owned: Vec::new(),
        mentions: vec![Mention {
            name: "gcc".into(),
            version: exact("12.2.0"),
            class: EvidenceClass::Mentions,
            evidence: vec![trace("image@0x9", EvidenceClass::Mentions, 90, "GCC: 12.2.0")],
        }],
        binaries: vec![binary(busybox)],
        kernels: Vec::new(),
        features: Vec::new(),
        operation: auscult_model::Operation::default(),
        coverage: Coverage {
            bytes_total: 5,
            bytes_read: 3,
            bytes_unread: 2,
            regions_unread: vec![UnreadRegion {
                locator: "image@0x3".parse().unwrap(),
                bytes: 2,
                reason: "no known format".into(),
                entropy_centibits: None,
                profile: Vec::new(),
            }],
            ..Coverage::default()
        },
        problems: vec![Problem {
            locator: "image@0x3".parse().unwrap(),
            what: "read the header".into(),
            why: "cut short".into(),
        }],
    }
}
