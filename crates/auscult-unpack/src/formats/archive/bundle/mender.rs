//! Artifacts of Mender ("Artifact" in its documentation, versions 2 and 3): a tar archive with a
//! manifest of checksums, a packed header and packed payloads.
//!
//! The manifest names files inside the packed archives, so all of it waits until they are open. The
//! signature of the manifest is told; its key lies on the device.

use serde_json::Value;

use super::{DESCRIPTION_BYTES_MAX, ROLES_MAX, compare, unhex};
use crate::{Extent, NodeId, NodeKind, Tree, format::Remark};

/// Containers between a member and the archive that it packs.
const LAYERS_MAX: usize = 4;

/// Verifies the artifacts of an image.
pub(in crate::formats) fn second_look(tree: &Tree) -> Vec<Remark> {
    let archives = tree.nodes().filter(|(_, node)| node.format() == Some("tar"));
    archives.filter_map(|(id, _)| artifact(tree, id)).collect()
}

fn artifact(tree: &Tree, archive: NodeId) -> Option<Remark> {
    let version = json(tree, tree.member(archive, b"/version")?)?;
    let manifest = text(tree, tree.member(archive, b"/manifest")?)?;
    if version.get("format")?.as_str()? != "mender" {
        return None;
    }
    let mut attributes = vec![
        ("bundle", "mender".to_owned()),
        ("artifact-version", version.get("version").map(Value::to_string).unwrap_or_default()),
    ];
    attributes.extend(header(tree, archive).unwrap_or_default());
    let (mut told, mut faults) = (Vec::new(), Vec::new());
    for line in manifest.lines().take(ROLES_MAX) {
        let Some((digits, path)) = line.split_once("  ") else { continue };
        let Some(sha256) = unhex(digits).filter(|sha256| sha256.len() == 32) else { continue };
        let content = find(tree, archive, path);
        told.push(format!("{path} ({})", compare(path, content, &sha256, &mut faults)));
    }
    attributes.push(("files", told.join("; ")));
    let signed = tree.member(archive, b"/manifest.sig").is_some();
    let signature = if signed { "not verified: the key is not here" } else { "none" };
    attributes.push(("signature", signature.to_owned()));
    Some(Remark { node: archive, attributes, faults })
}

/// What the header tells: its names differ between the versions.
fn header(tree: &Tree, archive: NodeId) -> Option<Vec<(&'static str, String)>> {
    let header = packed(tree, archive, "/header.tar")?;
    let info = json(tree, tree.member(header, b"/header-info")?)?;
    let provides = info.get("artifact_provides").unwrap_or(&info);
    let depends = info.get("artifact_depends").unwrap_or(&info);
    let mut attributes = Vec::new();
    let name = provides.get("artifact_name").and_then(Value::as_str);
    attributes.extend(name.map(|name| ("artifact-name", name.to_owned())));
    let group = provides.get("artifact_group").and_then(Value::as_str);
    attributes.extend(group.map(|group| ("artifact-group", group.to_owned())));
    let devices = depends.get("device_type").or(depends.get("device_types_compatible"));
    attributes.extend(devices.map(|devices| ("device-types", list(devices, None))));
    let payloads = info.get("payloads").or(info.get("updates"));
    attributes.extend(payloads.map(|payloads| ("payload-types", list(payloads, Some("type")))));
    Some(attributes)
}

/// The texts of a list, or those under a key of its members.
fn list(value: &Value, key: Option<&str>) -> String {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default().iter().take(ROLES_MAX);
    let texts = items.filter_map(|item| key.map_or(Some(item), |key| item.get(key))?.as_str());
    texts.collect::<Vec<_>>().join(", ")
}

/// The file that the manifest means: a member, or one of the archive that a payload packs.
fn find<'tree>(tree: &'tree Tree, archive: NodeId, path: &str) -> Option<&'tree Extent> {
    let direct = tree.member(archive, format!("/{path}").as_bytes());
    let id = direct.or_else(|| {
        let (number, file) = path.strip_prefix("data/")?.split_once('/')?;
        let payload = packed(tree, archive, &format!("/data/{number}.tar"))?;
        tree.member(payload, format!("/{file}").as_bytes())
    })?;
    tree.node(id).content.as_ref()
}

/// The archive in the member of this name, packed in one way or another.
fn packed(tree: &Tree, archive: NodeId, name: &str) -> Option<NodeId> {
    let (path, member) = tree.members_under(archive, name.as_bytes()).next()?;
    let plain = path.0.len() == name.len() || path.0.get(name.len()) == Some(&b'.');
    let mut at = member;
    for _ in 0..LAYERS_MAX {
        at = *tree.node(at).children.iter().find(|&&child| tree.node(child).format().is_some())?;
        if tree.node(at).format() == Some("tar") {
            return Some(at).filter(|_| plain);
        }
        let payload = |&&child: &&NodeId| matches!(tree.node(child).kind, NodeKind::Member(_));
        at = *tree.node(at).children.iter().find(payload)?;
    }
    None
}

fn text(tree: &Tree, id: NodeId) -> Option<String> {
    let bytes = tree.node(id).content.as_ref()?.read_up_to(0, DESCRIPTION_BYTES_MAX).ok()?;
    String::from_utf8(bytes.to_vec()).ok()
}

fn json(tree: &Tree, id: NodeId) -> Option<Value> {
    serde_json::from_str(&text(tree, id)?).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile::attribute,
            reference::{assert_survives_damage, run, sample},
        },
    };

    #[test]
    fn artifacts_of_the_reference_tool() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (image, output, key) = (path("rootfs.img"), path("update.mender"), path("key"));
        fs::write(&image, sample(20_000, 1)).unwrap();
        for version in ["2", "3"] {
            let mut arguments = vec!["write", "rootfs-image", "-v", version, "-t", "pump-1"];
            arguments.extend(["-n", "release-5", "-f", &image, "-o", &output]);
            let signed = version == "3";
            if signed {
                assert!(run("openssl", &["genrsa", "-traditional", "-out", &key, "3072"]));
                arguments.extend(["-k", &key]);
            }
            if !run("mender-artifact", &arguments) {
                return;
            }
            let bytes = fs::read(&output).unwrap();
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            assert_eq!(tree.problems(), []);
            let told = |key| attribute(&tree, "tar", key).unwrap();
            assert_eq!(
                (told("bundle"), told("artifact-version")),
                ("mender".into(), version.into())
            );
            assert_eq!(
                (told("artifact-name"), told("device-types")),
                ("release-5".into(), "pump-1".into())
            );
            assert_eq!(told("payload-types"), "rootfs-image");
            let files = told("files");
            assert!(files.contains("data/0000/rootfs.img (sha256 verified)"), "{files}");
            assert_eq!(files.matches("verified").count(), 3, "{files}");
            assert_eq!(told("signature") == "none", !signed);
            let manifest = bytes.windows(16).position(|some| some == b"data/0000/rootfs").unwrap();
            let mut damaged = bytes;
            damaged[manifest - 10] ^= 1;
            let tree = Tree::from_bytes(damaged.clone(), &Limits::default());
            assert!(tree.problems().iter().any(|one| one.what.contains("sha256 of data/0000")));
            assert_survives_damage(&damaged[..6000], 0, 700);
        }
    }
}
