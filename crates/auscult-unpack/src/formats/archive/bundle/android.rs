//! Updates of Android: a ZIP archive whose metadata says what it is for (`releasetools` of AOSP).
//!
//! Payloads and images inside are opened by their own modules; a file system in blocks with a list of
//! transfers by the module `block_image`.

use super::{Bundle, DESCRIPTION_BYTES_MAX};
use crate::{Extent, format::Opened};

pub(super) static BUNDLE: Bundle = Bundle { key: b"META-INF/com/android/metadata", annotate };

/// Keys of the metadata, and the attributes that they become.
const KEYS: &[(&str, &str)] = &[
    ("ota-type", "type"),
    ("pre-device", "device"),
    ("pre-build", "build-before"),
    ("pre-build-incremental", "incremental-before"),
    ("post-build", "build"),
    ("post-build-incremental", "incremental"),
    ("post-sdk-level", "sdk-level"),
    ("post-security-patch-level", "security-patch-level"),
    ("post-timestamp", "timestamp"),
    ("ota-downgrade", "downgrade"),
    ("ota-wipe", "wipe"),
];

fn annotate(opened: &mut Opened, metadata: &Extent) {
    let text = metadata.read_up_to(0, DESCRIPTION_BYTES_MAX).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    opened.attributes.push(("bundle", "android-ota".to_owned()));
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        if let Some(known) = KEYS.iter().find(|known| known.0 == key) {
            opened.attributes.push((known.1, value.trim().to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::zip::{ZipMember, ZipMethod, zip};

    use crate::{Tree, formats::testing::hostile::attribute};

    #[test]
    fn the_metadata_is_told() {
        let text =
            "ota-type=AB\npost-build=acme/pump/12:user\npost-security-patch-level=2022-03-05\n";
        let name = "META-INF/com/android/metadata";
        let bytes = zip(&[ZipMember::file(name, ZipMethod::Stored, text)]);
        let tree = Tree::from_bytes(bytes, &Limits::default());
        let told = |key| attribute(&tree, "zip", key).unwrap();
        assert_eq!((told("type"), told("build")), ("AB".into(), "acme/pump/12:user".into()));
        assert_eq!(told("security-patch-level"), "2022-03-05");
    }
}
