//! Bundles of RAUC (its documentation, "Bundle Formats"): a SquashFS with a manifest and the images, then,
//! in the format `verity`, a tree of digests, then a signature in CMS and its size.
//!
//! The digests of the images, the tree and the signature are verified; whether the signer is one that the
//! device trusts is not known here. Bundles of the format `crypt` are encrypted whole and have no magic.

use super::{ROLES_MAX, compare, member, unhex, verity};
use crate::{
    Endian::Big,
    Entry, Extent, Fault, Reading, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::{
        filesystem,
        support::cms::{SignedData, Verdict},
    },
};

pub(in crate::formats) static FORMAT: Format =
    Format { name: "rauc", magics: &[Magic::start(b"hsqs")], carve: true, open };

const SIGNATURE_BYTES: std::ops::RangeInclusive<u64> = 64..=(1 << 20);
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// Sections of a manifest with their keys and values (the key files of GLib).
type Manifest = Vec<(String, Vec<(String, String)>)>;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    // The size stands at the very end: few file systems have a signature there.
    let tail = extent.len().checked_sub(8).ok_or(NotThis)?;
    let signature_bytes = View(&extent.read(tail, 8)?).u64(0, Big)?;
    let signature_at = tail.checked_sub(signature_bytes).ok_or(NotThis)?;
    if !SIGNATURE_BYTES.contains(&signature_bytes) {
        return Err(NotThis);
    }
    let signature = extent.read(signature_at, signature_bytes)?;
    let data = SignedData::read(&signature).ok_or(NotThis)?;
    if u64::try_from(data.length).ok() != Some(signature_bytes) {
        return Err(NotThis);
    }
    let mut faults = Vec::new();
    let inside = data.content.map(|content| content.body);
    let mut manifest = inside.map(parse);
    let tree_bytes = value(manifest.as_ref(), "bundle", "verity-size");
    let tree_bytes = tree_bytes.and_then(|size| size.parse::<u64>().ok()).unwrap_or(0);
    let system_bytes = signature_at.checked_sub(tree_bytes).ok_or(NotThis)?;
    let system = extent.clamp(0, system_bytes);
    let files = files(&system);
    if manifest.is_none() {
        let content = files.as_ref().and_then(|files| member(files, b"manifest.raucm"));
        let content = content.and_then(|entry| entry.content.as_ref());
        let text = content.and_then(|content| content.read_up_to(0, MANIFEST_BYTES_MAX).ok());
        manifest = text.map(|text| parse(&text));
    }
    let mut attributes = attributes(manifest.as_ref());
    let roles = roles(manifest.as_ref(), files.as_ref(), &mut faults);
    attributes.extend((!roles.is_empty()).then(|| ("images", roles.join("; "))));
    attributes.extend(tree(manifest.as_ref(), &system, &mut faults));
    attributes.extend(signers(&data, inside, extent, signature_at, &mut faults));
    let mut entries = vec![Entry::part(&b"bundle"[..], system)];
    if tree_bytes > 0 {
        entries.push(leaf("verity-tree", extent.clamp(system_bytes, tree_bytes)));
    }
    entries.push(leaf("signature", extent.clamp(signature_at, signature_bytes)));
    Ok(Opened { length: extent.len(), attributes, entries, faults, unread: None })
}

fn leaf(name: &str, content: Extent) -> Entry {
    let mut entry = Entry::part(name.as_bytes(), content);
    entry.reading = Reading::Leaf;
    entry
}

/// What the SquashFS lists.
fn files(system: &Extent) -> Option<Opened> {
    let squashfs = filesystem::FORMATS.iter().find(|format| format.name == "squashfs")?;
    let candidate = Candidate { extent: system.clone(), offset: 0, reading: Reading::Whole };
    (squashfs.open)(&candidate).ok()
}

fn parse(text: &[u8]) -> Manifest {
    let mut manifest = Manifest::new();
    for line in String::from_utf8_lossy(text).lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            manifest.push((name.to_owned(), Vec::new()));
        } else if let (Some((key, value)), Some(section)) =
            (line.split_once('='), manifest.last_mut())
        {
            section.1.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    manifest
}

fn key<'section>(section: &'section [(String, String)], key: &str) -> Option<&'section str> {
    section.iter().find(|pair| pair.0 == key).map(|pair| pair.1.as_str())
}

fn value<'manifest>(
    manifest: Option<&'manifest Manifest>,
    section: &str,
    name: &str,
) -> Option<&'manifest str> {
    let section = manifest?.iter().find(|one| one.0 == section)?;
    key(&section.1, name)
}

fn attributes(manifest: Option<&Manifest>) -> Vec<(&'static str, String)> {
    let format = value(manifest, "bundle", "format").unwrap_or("plain");
    let mut attributes = vec![("bundle-format", format.to_owned())];
    for name in ["compatible", "version", "description", "build"] {
        let told = value(manifest, "update", name);
        attributes.extend(told.map(|value| (name, value.to_owned())));
    }
    let hook = value(manifest, "hooks", "filename");
    attributes.extend(hook.map(|hook| ("hook", hook.to_owned())));
    attributes
}

/// Every image with its digest verified; of a file that is named again it is not computed again.
fn roles(
    manifest: Option<&Manifest>,
    files: Option<&Opened>,
    faults: &mut Vec<Fault>,
) -> Vec<String> {
    let (mut told, mut seen) = (Vec::new(), Vec::new());
    let sections = manifest.map(Vec::as_slice).unwrap_or_default();
    let images = sections.iter().filter_map(|one| Some((one.0.strip_prefix("image.")?, &one.1)));
    for (slot, section) in images.take(ROLES_MAX) {
        let Some(file) = key(section, "filename") else { continue };
        let mut words = vec![file.to_owned()];
        let sha256 = key(section, "sha256").and_then(unhex);
        if let Some(sha256) = sha256.filter(|_| !seen.contains(&file)) {
            seen.push(file);
            let entry = files.and_then(|files| member(files, file.as_bytes()));
            let content = entry.and_then(|entry| entry.content.as_ref());
            words.push(compare(file, content, &sha256, faults));
        }
        for name in ["version", "hooks", "adaptive"] {
            words.extend(key(section, name).map(|value| format!("{name} {value}")));
        }
        told.push(format!("{slot} ({})", words.join(", ")));
    }
    told
}

/// Compares the root of the tree of digests.
fn tree(
    manifest: Option<&Manifest>,
    system: &Extent,
    faults: &mut Vec<Fault>,
) -> Option<(&'static str, String)> {
    let stored = value(manifest, "bundle", "verity-hash").and_then(unhex)?;
    let salt = value(manifest, "bundle", "verity-salt").and_then(unhex)?;
    let told = match verity::root(system, &salt) {
        Ok(Some(root)) if root == stored.as_slice() => "verified",
        Ok(Some(_)) => {
            let why = "it is not that of the manifest";
            faults.push(Fault::new(0, "check the tree of digests", why));
            "wrong"
        }
        Ok(None) => "not verified",
        Err(fault) => {
            faults.push(fault);
            "not verified"
        }
    };
    Some(("verity-root", told.to_owned()))
}

/// The signers, and whether what they signed is what is here: the manifest inside, or all before the
/// signature.
fn signers(
    data: &SignedData<'_>,
    inside: Option<&[u8]>,
    extent: &Extent,
    signature_at: u64,
    faults: &mut Vec<Fault>,
) -> Option<(&'static str, String)> {
    let mut told = Vec::new();
    for signer in &data.signers {
        let covered = match inside {
            Some(content) => signer.covers(content),
            None => signer.covers_extent(&extent.clamp(0, signature_at)),
        };
        let verdict = signer.verify(inside.unwrap_or_default());
        let state = match (covered, verdict) {
            (Some(true), Verdict::Verified) => "verified with the certificate inside",
            (Some(false), _) | (_, Verdict::Wrong) => {
                let why = format!("it is not that of {}", signer.subject);
                faults.push(Fault::new(signature_at, "check the signature", why));
                "wrong"
            }
            _ => "not verified",
        };
        let time = signer.time.as_ref().map(|time| format!(", at {time}")).unwrap_or_default();
        told.push(format!("{}, {}{time}, {state}", signer.subject, signer.digest));
    }
    (!told.is_empty()).then(|| ("signature", told.join("; ")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, locators},
            reference::{assert_survives_damage, run, sample},
        },
    };

    /// A bundle of the reference tool.
    fn bundle(format: &str) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (key, certificate, content, output) =
            (path("key"), path("certificate"), path("content"), path("update.raucb"));
        fs::create_dir(&content).unwrap();
        fs::write(folder.path().join("content/rootfs.img"), sample(700_000, 1)).unwrap();
        let manifest = format!(
            "[update]\ncompatible=Acme Pump\nversion=2.1\n\n[bundle]\nformat={format}\n\n\
             [image.rootfs]\nfilename=rootfs.img\n"
        );
        fs::write(folder.path().join("content/manifest.raucm"), manifest).unwrap();
        let mut request = vec!["req", "-batch", "-new", "-x509", "-newkey", "rsa:2048", "-nodes"];
        request.extend(["-subj", "/O=Acme/CN=Release", "-keyout", &key, "-out", &certificate]);
        let arguments = ["--cert", &certificate, "--key", &key, "bundle", &content, &output];
        let made = run("openssl", &request) && run("rauc", &arguments);
        made.then(|| fs::read(output).unwrap())
    }

    #[test]
    fn bundles_of_the_reference_tool() {
        for format in ["plain", "verity"] {
            let Some(bytes) = bundle(format) else { return };
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            assert_eq!(tree.problems(), []);
            let told = |key| attribute(&tree, "rauc", key).unwrap();
            assert_eq!((told("compatible"), told("version")), ("Acme Pump".into(), "2.1".into()));
            assert_eq!(told("bundle-format"), format);
            assert_eq!(told("images"), "rootfs (rootfs.img, sha256 verified)");
            let signature = told("signature");
            assert!(signature.starts_with("CN=Release, O=Acme, sha256, at 20"), "{signature}");
            assert!(signature.ends_with("verified with the certificate inside"), "{signature}");
            assert_eq!(attribute(&tree, "rauc", "verity-root").is_some(), format == "verity");
            let file = "image@0x0/rauc:/bundle@0x0/squashfs:/rootfs.img".to_owned();
            assert!(locators(&tree).contains(&file), "{:?}", locators(&tree));
            let mut damaged = bytes.clone();
            damaged[200_000] ^= 1;
            let tree = Tree::from_bytes(damaged, &Limits::default());
            let problems = tree.problems();
            assert!(problems.iter().any(|problem| problem.what.contains("sha256 of rootfs.img")));
            let whole = if format == "verity" { "verity-root" } else { "signature" };
            assert!(attribute(&tree, "rauc", whole).unwrap().ends_with("wrong"), "{problems:?}");
        }
    }

    #[test]
    fn damage_does_no_harm() {
        if let Some(bytes) = bundle("verity") {
            assert_survives_damage(&bytes, 100, 100_003);
        }
    }
}
