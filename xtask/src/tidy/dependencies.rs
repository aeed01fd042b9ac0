//! Dependencies between the crates point one way (ARCHITECTURE.md).

use anyhow::Context as _;

use super::Complaint;
use xtask::shell::root;

/// Each crate with the crates of this project that it may name, not counting tests.
const ALLOWED: &[(&str, &[&str])] = &[
    ("auscult-model", &[]),
    ("auscult-version", &["auscult-model"]),
    ("auscult-unpack", &["auscult-model"]),
    ("auscult-fetch", &[]),
    ("auscult-inspect", &["auscult-model", "auscult-sbom", "auscult-unpack", "auscult-version"]),
    ("auscult-sbom", &["auscult-model"]),
    ("auscult-dsse", &["auscult-model"]),
    ("auscult-advisory", &["auscult-dsse", "auscult-model", "auscult-version"]),
    ("auscult-assess", &["auscult-advisory", "auscult-model"]),
    ("auscult-measure", &["auscult-model"]),
    ("auscult-attest", &["auscult-dsse", "auscult-measure", "auscult-model", "auscult-unpack"]),
    ("auscult-priority", &["auscult-model"]),
    ("auscult-report", &["auscult-model", "auscult-sbom"]),
    ("auscult-fleet", &["auscult-model"]),
    ("auscult-store", &["auscult-model"]),
    (
        "auscult-server",
        &[
            "auscult-assess",
            "auscult-dsse",
            "auscult-fleet",
            "auscult-model",
            "auscult-report",
            "auscult-store",
        ],
    ),
    ("auscult-testkit", &[]),
    (
        "auscult",
        &[
            "auscult-advisory",
            "auscult-assess",
            "auscult-attest",
            "auscult-dsse",
            "auscult-fetch",
            "auscult-fleet",
            "auscult-inspect",
            "auscult-measure",
            "auscult-model",
            "auscult-priority",
            "auscult-report",
            "auscult-sbom",
            "auscult-server",
            "auscult-store",
            "auscult-unpack",
            "auscult-version",
        ],
    ),
    ("xtask", &[]),
    (
        "workbench",
        &[
            "auscult-advisory",
            "auscult-inspect",
            "auscult-model",
            "auscult-priority",
            "auscult-report",
            "auscult-testkit",
            "auscult-unpack",
            "auscult-version",
        ],
    ),
];

/// Crates that a library from `auscult-model` to `auscult-report` must not name: network, clock and
/// databases.
const FORBIDDEN: &[&str] =
    &["tokio", "axum", "ureq", "reqwest", "sqlx", "hyper", "ldap3", "lettre", "openidconnect"];

/// Who may: `auscult-fetch` uses the network, `auscult-store` the databases, `auscult-server` answers
/// requests, sends messages and asks who people are, and the program starts it and sends uploads to it.
const EXCEPTIONS: &[(&str, &[&str])] = &[
    ("auscult-fetch", &["ureq"]),
    ("auscult-store", &["sqlx", "tokio"]),
    ("auscult-server", &["axum", "hyper", "ldap3", "lettre", "openidconnect", "tokio", "ureq"]),
    ("auscult", &["tokio", "ureq"]),
    // Tests, benchmarks and checks of the interface ask a server that they started.
    ("auscult-testkit", &["ureq"]),
    ("workbench", &["ureq"]),
];

pub(crate) fn check() -> anyhow::Result<Vec<Complaint>> {
    let mut complaints = Vec::new();
    let mut manifests: Vec<_> = std::fs::read_dir(root().join("crates"))?
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("Cargo.toml"))
        .filter(|path| path.is_file())
        .collect();
    manifests.extend(["workbench", "xtask"].map(|name| root().join(name).join("Cargo.toml")));
    manifests.sort();
    for path in manifests {
        let text = std::fs::read_to_string(&path).context("read a manifest")?;
        let manifest: toml::Table = text.parse().with_context(|| path.display().to_string())?;
        complaints.extend(check_manifest(&manifest));
    }
    Ok(complaints)
}

fn check_manifest(manifest: &toml::Table) -> Vec<Complaint> {
    let name = manifest.get("package").and_then(|package| package.get("name"));
    let name = name.and_then(toml::Value::as_str).unwrap_or_default();
    let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
        return vec![format!("{name}: a new crate; say in xtask/src/tidy what it may depend on")];
    };
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
    let names = dependencies.into_iter().flat_map(toml::Table::keys);
    names
        .filter(|dependency| {
            let ours = dependency.starts_with("auscult") && !allowed.contains(&dependency.as_str());
            let excepted = EXCEPTIONS
                .iter()
                .any(|(who, what)| *who == name && what.contains(&dependency.as_str()));
            ours || FORBIDDEN.contains(&dependency.as_str()) && !excepted
        })
        .map(|dependency| format!("{name} must not depend on {dependency}"))
        .collect()
}
