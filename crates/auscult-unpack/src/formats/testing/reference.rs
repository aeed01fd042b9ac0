//! Test support: images made by the reference tools of a format from a directory on disk, and the
//! comparison of what was unpacked with that directory.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use auscult_model::Limits;

use crate::{EntryKind, NodeId, Tree};

/// Runs a tool; false, and said aloud, where it is not installed.
pub(crate) fn run(tool: &str, arguments: &[&str]) -> bool {
    let command =
        Command::new(tool).args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).output();
    match command {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("SKIPPED: needs {tool}");
            false
        }
        Err(error) => panic!("{tool}: {error}"),
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{tool} {arguments:?}: {errors}");
            true
        }
    }
}

/// Whether a tool is installed, for those that fail when asked for nothing; said aloud if not.
pub(crate) fn installed(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    if !found {
        println!("SKIPPED: needs {tool}");
    }
    found
}

/// Bytes that compress somewhat and differ by seed.
pub(crate) fn sample(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let byte = state.to_be_bytes()[0];
        if byte & 0x80 == 0 { byte } else { b'e' }
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// A directory with every kind of file that an unprivileged user can make.
pub(crate) fn make_directory(root: &Path) {
    fs::create_dir_all(root.join("etc/deep/er")).unwrap();
    fs::create_dir_all(root.join("many")).unwrap();
    fs::write(root.join("empty"), b"").unwrap();
    fs::write(root.join("etc/tiny"), b"tiny\n").unwrap();
    fs::write(root.join("etc/deep/er/block"), sample(131_072, 1)).unwrap();
    fs::write(root.join("large"), sample(700_001, 2)).unwrap();
    fs::hard_link(root.join("large"), root.join("etc/same")).unwrap();
    for index in 0..600 {
        let name = format!("many/file-with-a-rather-long-name-{index:04}");
        fs::write(root.join(name), sample(index, 3)).unwrap();
    }
    let mut sparse = File::create(root.join("sparse")).unwrap();
    sparse.set_len(3_000_000).unwrap();
    std::os::unix::fs::FileExt::write_at(&sparse, &sample(5000, 4), 1_500_000).unwrap();
    sparse.flush().unwrap();
    symlink("etc/tiny", root.join("short-link")).unwrap();
    symlink("d".repeat(300), root.join("long-link")).unwrap();
    fs::set_permissions(root.join("etc/tiny"), fs::Permissions::from_mode(0o4751)).unwrap();
}

/// Every path below a directory, without the directory itself.
fn paths_below(root: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut pending = vec![root.to_path_buf()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                pending.push(entry.path());
            }
            paths.push(entry.path());
        }
    }
    paths
}

/// The first container of a format.
pub(crate) fn container(tree: &Tree, format: &str) -> NodeId {
    let mut nodes = tree.nodes();
    let found = nodes.find(|(_, node)| node.format() == Some(format));
    found.unwrap_or_else(|| panic!("no {format}: {:?}", tree.problems())).0
}

/// Unpacks an image and compares it with the directory that it was made from.
pub(crate) fn assert_same(image: Vec<u8>, format: &str, root: &Path) -> Tree {
    let tree = assert_same_contents(image, format, root);
    let inside = container(&tree, format);
    for path in paths_below(root) {
        let name = Path::new("/").join(path.strip_prefix(root).unwrap());
        let member = tree.member(inside, name.to_str().unwrap().as_bytes()).unwrap();
        let metadata = &tree.node(member).metadata;
        let about = fs::symlink_metadata(&path).unwrap();
        assert_eq!(metadata.mode, Some(about.mode() & 0o7777), "{}", name.display());
        assert_eq!(metadata.user, Some(about.uid()));
        assert_eq!(metadata.modified, Some(about.mtime()), "{}", name.display());
    }
    tree
}

/// The same for formats that do not keep owners, modes and times.
pub(crate) fn assert_same_contents(image: Vec<u8>, format: &str, root: &Path) -> Tree {
    compare(image, format, root, true)
}

/// The same for formats that keep files only, no directories.
pub(crate) fn assert_same_files(image: Vec<u8>, format: &str, root: &Path) -> Tree {
    compare(image, format, root, false)
}

fn compare(image: Vec<u8>, format: &str, root: &Path, directories: bool) -> Tree {
    let tree = Tree::from_bytes(image, &Limits::default());
    assert_eq!(tree.problems(), []);
    let inside = container(&tree, format);
    for path in paths_below(root) {
        if !directories && path.is_dir() {
            continue;
        }
        let name = Path::new("/").join(path.strip_prefix(root).unwrap());
        let member = tree.member(inside, name.to_str().unwrap().as_bytes());
        let member = member.unwrap_or_else(|| panic!("{} is missing", name.display()));
        let node = tree.node(member);
        let about = fs::symlink_metadata(&path).unwrap();
        let crate::NodeKind::Member(kind) = &node.kind else { panic!("{:?}", node.kind) };
        match kind {
            EntryKind::Symlink(target) => {
                assert_eq!(target.to_string(), fs::read_link(&path).unwrap().to_str().unwrap());
            }
            EntryKind::File | EntryKind::Hardlink(_) => {
                assert!(about.is_file());
                let (found, truth) = (tree.bytes(member).unwrap(), fs::read(&path).unwrap());
                let differs = found.iter().zip(&truth).position(|(one, other)| one != other);
                assert_eq!((found.len(), differs), (truth.len(), None), "{}", name.display());
            }
            EntryKind::Directory => assert!(about.is_dir()),
            other => panic!("{}: {other:?}", name.display()),
        }
    }
    tree
}

/// Opens every prefix of an image and every image with one bit of its head flipped.
pub(crate) fn assert_survives_damage(image: &[u8], head_bytes: usize, step: usize) {
    let limits = Limits { entries: 5000, ..Limits::default() };
    let read = |bytes: Vec<u8>| {
        let total = bytes.len() as u64;
        let tree = Tree::from_bytes(bytes, &limits);
        for (id, node) in tree.nodes().filter(|(_, node)| node.is_file()) {
            // A damaged image may promise any size; reading it must end either way.
            if node.len() < 1 << 24 {
                drop(tree.bytes(id));
            }
        }
        let coverage = tree.coverage();
        let sum = coverage.bytes_read + coverage.bytes_padding + coverage.bytes_unread;
        assert_eq!(sum, total);
    };
    for length in (0..image.len()).step_by(step) {
        read(image[..length].to_vec());
    }
    for position in 0..head_bytes.min(image.len()) {
        for bit in [1, 0x10, 0x80] {
            let mut flipped = image.to_vec();
            flipped[position] ^= bit;
            read(flipped);
        }
    }
}
