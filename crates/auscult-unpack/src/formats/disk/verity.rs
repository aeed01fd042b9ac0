//! The superblock of dm-verity (cryptsetup `lib/verity/verity.c`): it tells the shape of a tree of
//! hashes, but not its root, which is computed from the stored tree. The tree is verified, and the
//! data if it stands right before the superblock, as it does in images of one file.

use super::hash_tree::Shape;
use crate::{
    Endian::Little,
    Fault, View,
    digest::hex,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{guid::uuid, layout::text_of},
};

pub(crate) static FORMAT: Format =
    Format { name: "verity", magics: &[Magic::start(b"verity\0\0")], carve: true, open };

const BYTES: u64 = 512;
const SALT_BYTES_MAX: u16 = 256;
/// Data that is verified: more would take too long for a list.
const DATA_BYTES_MAX: u64 = 16 << 30;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, BYTES)?;
    let view = View(&head);
    let (version, kind, salt_bytes) =
        (view.u32(8, Little)?, view.u32(12, Little)?, view.u16(80, Little)?);
    if version != 1 || kind > 1 || salt_bytes > SALT_BYTES_MAX {
        return Err(NotThis);
    }
    let shape = Shape {
        algorithm: text_of(view.text(32, 32)?),
        salt: view.bytes(88, salt_bytes.into())?.to_vec(),
        normal: kind == 1,
        data_block_bytes: view.u32(64, Little)?.into(),
        hash_block_bytes: view.u32(68, Little)?.into(),
        data_blocks: view.u64(72, Little)?,
    };
    if !shape.fits() || shape.algorithm.is_empty() {
        return Err(NotThis);
    }
    let mut opened = Opened {
        attributes: vec![
            ("uuid", uuid(&view.array(16)?)),
            ("hash-type", if shape.normal { "normal" } else { "Chrome OS" }.to_owned()),
            ("algorithm", shape.algorithm.clone()),
            ("salt", hex(&shape.salt)),
            ("data-block-size", shape.data_block_bytes.to_string()),
            ("hash-block-size", shape.hash_block_bytes.to_string()),
            ("data-blocks", shape.data_blocks.to_string()),
        ],
        ..Opened::default()
    };
    // The tree begins with the next block of hashes.
    let start = shape.hash_block_bytes.max(BYTES);
    let Some(tree_bytes) = shape.tree_bytes() else {
        let why = format!("the algorithm {:?} is not known", shape.algorithm);
        opened.faults.push(Fault::new(32, "verify hashes", why));
        opened.length = BYTES;
        return Ok(opened);
    };
    opened.length = start + tree_bytes;
    verify(candidate, &shape, start, tree_bytes, &mut opened);
    Ok(opened)
}

fn verify(candidate: &Candidate, shape: &Shape, start: u64, tree_bytes: u64, opened: &mut Opened) {
    let tree = candidate.extent.clamp(start, tree_bytes);
    let mut verified = match shape.verify_tree(&tree) {
        Ok(verified) => verified,
        Err(fault) => return opened.faults.push(fault.within(start)),
    };
    if verified.wrong > 0 {
        let why = format!("{} of {} blocks differ", verified.wrong, verified.blocks);
        opened.faults.push(Fault::new(start, "verify the tree of hashes", why));
    }
    let data = candidate
        .offset
        .checked_sub(shape.data_bytes())
        .filter(|_| shape.data_bytes() <= DATA_BYTES_MAX)
        .map(|place| candidate.enclosing().clamp(place, shape.data_bytes()));
    let state = match data.map(|data| shape.verify_data(&tree, &data, &mut verified.root)) {
        None => "not in the image".to_owned(),
        Some(Ok(0)) => "yes".to_owned(),
        Some(Ok(wrong)) => {
            let why = format!("{wrong} of {} blocks differ", shape.data_blocks);
            opened.faults.push(Fault::new(start, "verify the data before the tree", why.clone()));
            why
        }
        Some(Err(fault)) => {
            opened.faults.push(fault);
            "not readable".to_owned()
        }
    };
    opened.attributes.push(("data-verified", state));
    if !verified.root.is_empty() {
        opened.attributes.push(("root-hash", hex(&verified.root)));
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, check, noise},
            reference::{container, run},
        },
    };

    /// Data with its tree behind it, and the root that the tool says.
    fn image(blocks: usize, options: &[&str]) -> Option<(Vec<u8>, String)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        let data = noise(blocks * 4096);
        fs::write(&path, &data).unwrap();
        let offset = format!("--hash-offset={}", data.len());
        let blocks = format!("--data-blocks={blocks}");
        let name = path.to_str().unwrap();
        let arguments = [&["format", &offset, &blocks][..], options, &[name, name]].concat();
        if !run("veritysetup", &["--version"]) {
            return None;
        }
        let output = Command::new("veritysetup").args(&arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find(|line| line.starts_with("Root hash:")).unwrap();
        let root = line.split_whitespace().last().unwrap().to_owned();
        Some((fs::read(&path).unwrap(), root))
    }

    #[test]
    fn roots_are_those_of_the_reference_tool() {
        let cases: [(usize, &[&str]); 6] = [
            (1000, &[]),
            (300, &["--hash=sha1"]),
            (300, &["--format=0", "--hash=sha1"]),
            (129, &["--hash=sha512", "--salt=-", "--hash-block-size=1024"]),
            (1, &[]),
            (2, &["--data-block-size=4096"]),
        ];
        for (blocks, options) in cases {
            let Some((image, root)) = image(blocks, options) else { return };
            let tree = Tree::from_bytes(image.clone(), &Limits::default());
            let of = |key: &str| attribute(&tree, "verity", key).unwrap();
            assert_eq!(
                (of("root-hash"), of("data-verified")),
                (root, "yes".to_owned()),
                "{options:?}"
            );
            assert_eq!(tree.problems(), []);
            let inside = tree.node(container(&tree, "verity"));
            assert_eq!(inside.offset + inside.len(), image.len() as u64, "{options:?}");
        }
    }

    #[test]
    fn changed_data_and_changed_hashes_are_told() {
        let Some((image, root)) = image(300, &[]) else { return };
        let mut changed = image.clone();
        changed[5000] ^= 1;
        let tree = Tree::from_bytes(changed, &Limits::default());
        assert_eq!(attribute(&tree, "verity", "data-verified").unwrap(), "1 of 300 blocks differ");
        assert_eq!(attribute(&tree, "verity", "root-hash").unwrap(), root);
        let mut changed = image.clone();
        let last = changed.len() - 4000;
        changed[last] ^= 1;
        let tree = Tree::from_bytes(changed, &Limits::default());
        assert!(tree.problems().iter().any(|problem| problem.what.contains("tree of hashes")));
        let alone = image[300 * 4096..].to_vec();
        let tree = Tree::from_bytes(alone.clone(), &Limits::default());
        assert_eq!(attribute(&tree, "verity", "data-verified").unwrap(), "not in the image");
        check(&alone[..600], 120);
    }
}
