//! Facts and findings for tests.

use auscult_model::{
    Account, AdvisoryId, BinaryFacts, Component, ComponentKind, Coverage, Exploitation, Facts,
    Finding, Input, InputKind, Known, Limits, Locator, ModuleLoading, ModuleRelease, Operation,
    Origin, OwnedBinary, PasswordState, RootOperation, Sha256, ToolIdentity, UnreadRegion, Version,
    VersionClaim, Vex, VexStatus, component_ids,
};

/// A root of which nothing is known.
pub(crate) fn root() -> RootOperation {
    RootOperation::unknown(Locator::image(), "-")
}

/// A root that holds the list of what is built into the kernel of a release: `loop`.
pub(crate) fn root_with_modules(release: &str) -> RootOperation {
    let release = ModuleRelease {
        release: release.to_owned(),
        autoload: Known::Known(true),
        builtin: Known::Known(vec!["loop".to_owned()]),
        locator: Locator::image(),
    };
    let modules = ModuleLoading { loads: Known::Known(Vec::new()), releases: vec![release] };
    RootOperation { modules: Known::Known(modules), ..root() }
}

/// A module of a 32-bit Arm kernel.
pub(crate) fn module() -> BinaryFacts {
    BinaryFacts {
        locator: Locator::image(),
        sha256: Sha256::of(b""),
        architecture: "arm-32-le".into(),
        kind: "relocatable".into(),
        interpreter: None,
        soname: None,
        needed: Vec::new(),
        imports: Known::Known(Vec::new()),
        exports: Known::Known(Vec::new()),
        build_id: None,
        stripped: Known::Known(false),
    }
}

pub(crate) fn facts() -> Facts {
    let account = Account {
        name: "root".into(),
        uid: Known::Known(0),
        shell: Known::Known("/bin/sh".into()),
        password: Known::Known(PasswordState::Locked),
        authorized_keys: Vec::new(),
        locator: "image@0x10".parse().unwrap(),
    };
    let root = RootOperation {
        listeners: Known::Known(Vec::new()),
        accounts: Known::Known(vec![account]),
        ..root()
    };
    Facts {
        schema: 1,
        tool: ToolIdentity { name: "t".into(), version: "0".into(), rules: Sha256::of(b"") },
        limits: Limits::default(),
        input: Input { sha256: Sha256::of(b""), size: 0, kind: InputKind::Image },
        identities: Vec::new(),
        formats: Vec::new(),
        components: Vec::new(),
        dependencies: Vec::new(),
        conflicts: Vec::new(),
        owned: Vec::new(),
        mentions: Vec::new(),
        binaries: Vec::new(),
        kernels: Vec::new(),
        features: Vec::new(),
        operation: Operation { roots: Known::Known(vec![root]) },
        coverage: Coverage::default(),
        problems: Vec::new(),
    }
}

/// Adds the component that [`finding`] is about, with its program at this place.
pub(crate) fn own_curl(facts: &mut Facts, place: &str) {
    facts.components.push(Component {
        name: "curl".into(),
        version: VersionClaim::Exact(Version("8.0".into())),
        kind: ComponentKind::Application,
        supplier: None,
        purl: None,
        cpes: Vec::new(),
        origin: Origin::FileName,
        licences: Vec::new(),
        evidence: Vec::new(),
    });
    let component = component_ids(&facts.components).remove(0);
    facts.owned.push(OwnedBinary { locator: place.parse().unwrap(), component });
}

pub(crate) fn finding() -> Finding {
    Finding {
        id: AdvisoryId("CVE-2026-1".into()),
        aliases: vec![AdvisoryId("GHSA-1".into())],
        component: "curl".into(),
        version: Version("8.0".into()),
        purl: Some("pkg:deb/debian/curl@8.0-1".into()),
        locators: Vec::new(),
        matches: Vec::new(),
        vex: Vex {
            status: VexStatus::Affected,
            justification: None,
            strength: None,
            evidence: Vec::new(),
        },
        kev: None,
        epss: None,
        cvss: Vec::new(),
        exploitation: Exploitation::None,
        automatable: None,
        technical_impact_total: None,
        exposure: Finding::unmeasured(),
        decisions: Vec::new(),
    }
}

pub(crate) fn unread() -> UnreadRegion {
    UnreadRegion {
        locator: "image@0x10".parse().unwrap(),
        bytes: 16,
        reason: "no known format".into(),
        entropy_centibits: None,
        profile: Vec::new(),
    }
}
