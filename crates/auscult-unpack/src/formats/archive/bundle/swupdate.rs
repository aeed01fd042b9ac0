//! Bundles of SWUpdate (its documentation, "SWUpdate: syntax and tags with the default parser"): a cpio
//! archive whose first member describes the others, in libconfig's syntax or in JSON.
//!
//! Digests are verified. The signature of the description is told; its key lies on the device.

use serde_json::Value;

use super::{Bundle, DESCRIPTION_BYTES_MAX, ROLES_MAX, bare, compare, libconfig, member, unhex};
use crate::{
    Extent, Fault, Reading,
    format::Opened,
    formats::support::cms::{SignedData, Verdict},
};

pub(super) static BUNDLE: Bundle = Bundle { key: b"sw-description", annotate };

const DEPTH_MAX: usize = 16;

/// What the description says of a file.
struct Role {
    file: String,
    kind: String,
    words: Vec<String>,
    sha256: Option<Vec<u8>>,
    encrypted: bool,
}

fn annotate(opened: &mut Opened, description: &Extent) {
    opened.attributes.push(("bundle", "swupdate".to_owned()));
    let Ok(text) = description.read_up_to(0, DESCRIPTION_BYTES_MAX) else { return };
    opened.attributes.extend(signature(opened, &text));
    let value = serde_json::from_slice(&text).ok().or_else(|| libconfig::parse(&text));
    let software = value.as_ref().and_then(|value| value.get("software"));
    let Some(software) = software else {
        let why = "it is encrypted, or of no syntax that is known";
        opened.faults.push(Fault::new(0, "read the bundle's description", why));
        return;
    };
    for key in ["version", "name", "description"] {
        opened.attributes.extend(text_of(software.get(key)).map(|text| (key, text)));
    }
    let mut boards = Vec::new();
    let mut roles = Vec::new();
    collect(software, 0, &mut roles, &mut boards);
    if !boards.is_empty() {
        opened.attributes.push(("hardware-compatibility", boards.join(", ")));
    }
    let mut told: Vec<String> = Vec::new();
    for role in &roles {
        told.push(tell(opened, role));
    }
    opened.attributes.push(("files", told.join("; ")));
}

fn text_of(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

/// Finds every list of files, at any depth: boards and modes have groups of their own.
fn collect(value: &Value, depth: usize, roles: &mut Vec<Role>, boards: &mut Vec<String>) {
    let Value::Object(group) = value else { return };
    if depth > DEPTH_MAX {
        return;
    }
    for (key, value) in group {
        match value {
            Value::Array(items) if key == "hardware-compatibility" => {
                boards.extend(items.iter().filter_map(|item| text_of(Some(item))));
            }
            Value::Array(items) => {
                let room = ROLES_MAX.saturating_sub(roles.len());
                roles.extend(items.iter().filter_map(|item| role(key, item)).take(room));
            }
            Value::Object(_) => collect(value, depth + 1, roles, boards),
            _ => {}
        }
    }
    boards.dedup();
}

/// The entry of a list, if it names a file.
fn role(list: &str, item: &Value) -> Option<Role> {
    let text = |key| text_of(item.get(key));
    let file = text("filename")?;
    let mut words = Vec::new();
    for key in ["name", "version", "device", "mtdname", "volume", "path", "type", "compressed"] {
        words.extend(text(key).map(|value| format!("{key} {value}")));
    }
    let encrypted = text("encrypted").is_some_and(|value| value != "false");
    words.extend(encrypted.then(|| "encrypted".to_owned()));
    let sha256 = text("sha256").and_then(|digits| unhex(&digits)).filter(|sha| sha.len() == 32);
    let kind = list.trim_end_matches('s').to_owned();
    Some(Role { file, kind, words, sha256, encrypted })
}

/// Verifies a file, closes it where it is encrypted, and puts its role into words.
fn tell(opened: &mut Opened, role: &Role) -> String {
    let mut words = vec![role.kind.clone()];
    words.extend(role.words.iter().cloned());
    let content = member(opened, role.file.as_bytes()).and_then(|entry| entry.content.clone());
    match &role.sha256 {
        Some(sha256) => {
            words.push(compare(&role.file, content.as_ref(), sha256, &mut opened.faults));
        }
        None if content.is_none() => words.push("not there".to_owned()),
        None => {}
    }
    if role.encrypted {
        let same = |path: &[u8]| bare(path) == bare(role.file.as_bytes());
        for entry in opened.entries.iter_mut().filter(|entry| same(entry.path.as_bytes())) {
            if let Some(content) = &entry.content {
                let bytes = content.len();
                *entry = entry.clone().unreadable(bytes, "encrypted");
                entry.reading = Reading::Leaf;
            }
        }
    }
    format!("{} ({})", role.file, words.join(", "))
}

/// What is known of the signature beside the description: a CMS message, or plain RSA.
fn signature(opened: &Opened, description: &[u8]) -> Option<(&'static str, String)> {
    let content = member(opened, b"sw-description.sig")?.content.as_ref()?;
    let bytes = content.read_up_to(0, DESCRIPTION_BYTES_MAX).ok()?;
    let told = match SignedData::read(&bytes) {
        Some(data) => {
            let signers = data.signers.iter().map(|signer| {
                let covered = signer.covers(description) != Some(false);
                let state = match signer.verify(description) {
                    Verdict::Verified if covered => "verified with the certificate inside",
                    Verdict::NotVerified if covered => "not verified",
                    _ => "wrong",
                };
                format!("CMS by {}, {}, {state}", signer.subject, signer.digest)
            });
            signers.collect::<Vec<_>>().join("; ")
        }
        None => format!("RSA-{} or the like, not verified: the key is not here", bytes.len() * 8),
    };
    Some(("signature", told))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;
    use auscult_testkit::{archive::cpio_newc, tree::Tree as Files};
    use sha2::{Digest as _, Sha256};

    use crate::{
        Tree, digest,
        formats::testing::{
            hostile::{attribute, check},
            reference::run,
        },
    };

    const FILES: [&str; 2] = ["rootfs.img", "secret.bin"];

    fn description() -> String {
        let sha = |bytes: &[u8]| digest::hex(&Sha256::digest(bytes));
        format!(
            r#"software =
            {{
                version = "2.1.0";
                hardware-compatibility: [ "1.0", "pump-2" ];
                board = {{ stable = {{
                    images: ( {{ filename = "rootfs.img"; device = "/dev/mmcblk0p2"; sha256 = "{}"; }},
                              {{ filename = "secret.bin"; encrypted = true; sha256 = "{}"; }} );
                    scripts: ( {{ filename = "missing.lua"; type = "lua"; }} );
                }}; }};
            }}"#,
            sha(b"root file system"),
            sha(b"cipher text")
        )
    }

    fn bundle(description: &str, signature: &[u8]) -> Vec<u8> {
        let files = Files::new()
            .file("sw-description", 0o644, description)
            .file("sw-description.sig", 0o644, signature)
            .file(FILES[0], 0o644, "root file system")
            .file(FILES[1], 0o644, "cipher text");
        cpio_newc(&files)
    }

    #[test]
    fn files_are_verified_and_their_roles_told() {
        let bytes = bundle(&description(), &[7; 256]);
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let told = |key| attribute(&tree, "cpio", key).unwrap();
        assert_eq!((told("bundle"), told("version")), ("swupdate".into(), "2.1.0".into()));
        assert_eq!(told("hardware-compatibility"), "1.0, pump-2");
        assert_eq!(
            told("files"),
            "rootfs.img (image, device /dev/mmcblk0p2, sha256 verified); \
             secret.bin (image, encrypted, sha256 verified); \
             missing.lua (script, type lua, not there)"
        );
        assert!(told("signature").starts_with("RSA-2048"));
        assert_eq!(tree.problems(), []);
        let unread = &tree.coverage().regions_unread;
        assert_eq!((unread[0].bytes, unread[0].reason.as_str()), (11, "encrypted"));
        let mut damaged = bytes;
        let at = damaged.windows(16).rposition(|some| some == b"root file system").unwrap();
        damaged[at] ^= 1;
        let tree = Tree::from_bytes(damaged, &Limits::default());
        assert!(tree.problems()[0].what.contains("sha256 of rootfs.img"), "{:?}", tree.problems());
    }

    #[test]
    fn a_description_in_json_or_of_no_known_kind() {
        let json = r#"{"software": {"version": "3", "files": [{"filename": "rootfs.img"}]}}"#;
        let tree = Tree::from_bytes(bundle(json, b"x"), &Limits::default());
        assert_eq!(attribute(&tree, "cpio", "files").unwrap(), "rootfs.img (file)");
        let tree = Tree::from_bytes(bundle("Salted__\u{1}", b"x"), &Limits::default());
        assert!(tree.problems()[0].what.contains("description"));
        check(&bundle(json, b"x")[..400], 120);
    }

    #[test]
    fn a_signature_of_openssl_is_verified() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (key, certificate, message, signed) = (path("k"), path("c"), path("m"), path("s"));
        fs::write(&message, description()).unwrap();
        let mut request = vec!["req", "-batch", "-new", "-x509", "-newkey", "rsa:2048", "-nodes"];
        request.extend(["-subj", "/CN=Updates", "-keyout", &key, "-out", &certificate]);
        if !run("openssl", &request) {
            return;
        }
        let mut sign = vec!["cms", "-sign", "-binary", "-outform", "DER", "-nosmimecap"];
        sign.extend(["-in", &message, "-signer", &certificate, "-inkey", &key, "-out", &signed]);
        assert!(run("openssl", &sign));
        let signature = fs::read(&signed).unwrap();
        let tree = Tree::from_bytes(bundle(&description(), &signature), &Limits::default());
        let wanted = "CMS by CN=Updates, sha256, verified with the certificate inside";
        assert_eq!(attribute(&tree, "cpio", "signature").unwrap(), wanted);
        let other = description().replace("2.1.0", "2.1.1");
        let tree = Tree::from_bytes(bundle(&other, &signature), &Limits::default());
        assert!(attribute(&tree, "cpio", "signature").unwrap().ends_with("wrong"));
    }
}
