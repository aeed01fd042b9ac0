//! Facts and findings for tests.

use auscult_model::{
    AdvisoryId, Coverage, Exploitation, Facts, Finding, Input, InputKind, Limits, Operation,
    Sha256, ToolIdentity, UnreadRegion, Version, Vex, VexStatus,
};

pub(crate) fn facts() -> Facts {
    let account = r#"{"known":[{"root":"image@0x0","boot":{"unknown":"-"},"calls":{"unknown":"-"},
        "listeners":{"known":[]},"reached":{"unknown":"-"},"modules":{"unknown":"-"},"firewall":{"unknown":"-"},
        "setuid":{"unknown":"-"},"removable_media":{"unknown":"-"},"update":{"unknown":"-"},"accounts":{"known":[
        {"name":"root","uid":{"known":0},"shell":{"known":"/bin/sh"},"password":{"known":"locked"},
         "authorized_keys":[],"locator":"image@0x10"}]}}]}"#;
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
        operation: Operation { roots: serde_json::from_str(account).unwrap() },
        coverage: Coverage::default(),
        problems: Vec::new(),
    }
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
