//! A maker signs the reference of a build, a bench measures a device, and whatever was done to the device
//! or to the papers is found, with its own reason.

mod image;
mod papers;
mod tampering;

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Output,
};

use auscult_testkit::{
    Endian, EntryKind, Tree, Writer,
    squashfs::{SquashfsOptions, squashfs},
};
use serde_json::Value;
pub(crate) use tampering::kinds;

use crate::support::{auscult, code, stderr, text};

/// Where the root file system lies in the image.
const ROOT_AT: usize = 0x1_0000;

/// The maker's desk and the hospital's bench, in one folder.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

/// The root file system of the build, owned by whoever runs the test.
fn root() -> Tree {
    let tree = Tree::new()
        .file("/bin/tool", 0o755, "#!/bin/sh\necho tool\n")
        .file("/bin/su", 0o755, b"\x7fELF not setuid in this build")
        .symlink("/bin/sh", "tool")
        .file("/etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\n")
        .file("/etc/shadow", 0o600, "root:*:1::::::\n")
        .file("/etc/inetd.conf", 0o644, "ssh stream tcp nowait root /bin/tool tool\n")
        .file("/etc/inittab", 0o644, "::sysinit:/etc/init.d/rcS\n")
        .file("/etc/init.d/rcS", 0o755, "#!/bin/sh\n/bin/tool -d\n")
        .file("/etc/config/site", 0o644, "name=ward 3\n")
        .file("/etc/limits", 0o644, "rate=5\n")
        .file("/usr/lib/libz.so.1.2.11", 0o644, b"\x7fELF inflate 1.2.11 Copyright")
        .symlink("/usr/lib/libz.so.1", "libz.so.1.2.11")
        .file("/lib/modules/4.9.11/good.ko", 0o644, b"\x7fELF module")
        .file("/var/log/messages", 0o644, "started\n")
        .directory("/root", 0o700)
        .directory("/tmp", 0o1777);
    let (user, group) = (rustix::process::getuid(), rustix::process::getgid());
    let mut tree = tree.with_parents();
    for entry in &mut tree.entries {
        (entry.uid, entry.gid) = (user.as_raw(), group.as_raw());
    }
    tree
}

/// The root file system of the build before.
fn older() -> Tree {
    image::append(root(), "bin/tool", "# older\n")
}

/// A boot loader, erased flash, the root file system, erased flash.
fn flash(tree: &Tree) -> Vec<u8> {
    let mut flash = Writer::new(Endian::Little);
    for number in 0..1024_u32 {
        flash.u32(number.wrapping_mul(0x9e37_79b9));
    }
    flash.pad_to(ROOT_AT, 0xff);
    flash.bytes(&squashfs(tree, SquashfsOptions::default())).align(ROOT_AT, 0xff);
    flash.finish()
}

/// Writes a tree as a unit of the device has it.
fn unfold(tree: &Tree, to: &Path) {
    let mut folders = Vec::new();
    for entry in &tree.entries {
        let path = to.join(std::str::from_utf8(&entry.path).expect("test paths are UTF-8"));
        match &entry.kind {
            EntryKind::Directory => {
                fs::create_dir_all(&path).expect("create a folder");
                folders.push((path, entry.mode));
            }
            EntryKind::File(content) => {
                fs::write(&path, content).expect("write a file");
                set_mode(&path, entry.mode.into());
            }
            EntryKind::Symlink(target) => {
                let target = std::str::from_utf8(target).expect("test targets are UTF-8");
                symlink(target, &path).expect("make a link");
            }
            other => panic!("{other:?} cannot be made without being root"),
        }
    }
    for (path, mode) in folders {
        set_mode(&path, mode.into());
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set the mode");
}

/// Runs the program, which must do its work.
pub(crate) fn done(arguments: &[&str]) -> Output {
    let output = auscult(arguments);
    assert_eq!(code(&output), 0, "{arguments:?}: {}", stderr(&output));
    output
}

impl Bench {
    /// Keys of the maker and of the bench, the image of a build, and its signed reference.
    pub(crate) fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        for key in ["maker", "bench", "stranger"] {
            done(&["advisories", "keygen", text(&bench.at(key))]);
        }
        fs::write(bench.at("image"), flash(&root())).expect("write the image");
        bench.manifest("image", "reference", &["--build-id", "build-2", "--svn", "2"]);
        bench
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes and signs the reference of an image.
    pub(crate) fn manifest(&self, image: &str, name: &str, more: &[&str]) {
        let (image, classes, out) = (self.at(image), self.at("classes.toml"), self.at(name));
        let rules = "[[path]]\nmatch = \"/etc/config/**\"\nclass = \"config\"\nsite-set = true\n\
                     [[path]]\nmatch = \"/etc/limits\"\nclass = \"config\"\n";
        fs::write(&classes, rules).expect("write the classes");
        let mut arguments = vec!["manifest", "create", text(&image), "-o", text(&out)];
        arguments.extend(["--vendor", "Acme", "--model", "Pump", "--classes", text(&classes)]);
        arguments.extend(more);
        done(&arguments);
        done(&["manifest", "sign", text(&out), "--key", text(&self.at("maker"))]);
    }

    /// A unit of the build, as a directory.
    pub(crate) fn unit(&self, name: &str) -> PathBuf {
        self.unfolded(name, &root())
    }

    /// Writes the image and the signed reference of an older build.
    pub(crate) fn old_build(&self) {
        fs::write(self.at("old.img"), flash(&older())).expect("write the old image");
        self.manifest("old.img", "old", &["--build-id", "build-1", "--svn", "1"]);
    }

    /// A unit of that build.
    pub(crate) fn old_unit(&self, name: &str) -> PathBuf {
        self.unfolded(name, &older())
    }

    fn unfolded(&self, name: &str, tree: &Tree) -> PathBuf {
        let path = self.at(name);
        fs::create_dir(&path).expect("create the unit");
        unfold(tree, &path);
        path
    }

    /// Verifies against the reference with the trusted keys of maker and bench.
    fn verify(&self, target: &Path, more: &[&str]) -> (i32, Value) {
        let (reference, maker, bench) =
            (self.at("reference"), self.at("maker.pub"), self.at("bench.pub"));
        let mut arguments = vec!["verify", text(target), "--reference", text(&reference)];
        arguments.extend(["--trust", text(&maker), "--trust", text(&bench), "-o", "json"]);
        arguments.extend(more);
        let output = auscult(&arguments);
        let verdict = serde_json::from_slice(&output.stdout);
        (code(&output), verdict.unwrap_or_else(|_| panic!("{}", stderr(&output))))
    }
}

/// Every item of a verdict: outcome, code, subject, reason with what it means.
fn items(verdict: &Value) -> Vec<[String; 4]> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let groups = list(&verdict["groups"]);
    let grouped = groups.iter().flat_map(|group| list(&group["items"]));
    let word = |item: &Value, name: &str| item[name].as_str().unwrap_or_default().to_owned();
    let item = |item: Value| {
        let reason = format!("{} {}", word(&item, "reason"), word(&item, "meaning"));
        [word(&item, "outcome"), word(&item, "code"), word(&item, "subject"), reason]
    };
    list(&verdict["checks"]).into_iter().chain(grouped).map(item).collect()
}

/// Asserts that something failed for this reason.
fn assert_failed(verdict: &Value, code: &str, subject: &str, reason: &str) {
    let items = items(verdict);
    let found = items.iter().any(|[outcome, is, about, why]| {
        outcome == "fail" && is == code && about.contains(subject) && why.contains(reason)
    });
    assert!(found, "no {code} about {subject} because {reason:?} in {items:#?}");
    assert_eq!(verdict["outcome"], "fail");
}

#[test]
fn a_unit_as_it_was_built_passes_by_directory_and_by_image() {
    let bench = Bench::new();
    let (unit, evidence, key) = (bench.unit("unit"), bench.at("evidence"), bench.at("bench"));
    done(&["measure", text(&unit), "--key", text(&key), "-o", text(&evidence)]);
    for target in [&evidence, &unit, &bench.at("image")] {
        let (exit, verdict) = bench.verify(target, &["--min-level", "A2"]);
        assert_eq!((exit, &verdict["outcome"]), (0, &"pass".into()), "{:#?}", items(&verdict));
        assert_eq!(verdict["build"]["build_id"], "build-2");
        assert_eq!(verdict["accounted_basis_points"], 10_000);
    }
    // A dump out of a larger flash: behind the build it is erased.
    let mut dump = fs::read(bench.at("image")).expect("read the image");
    dump.resize(dump.len() + ROOT_AT, 0xff);
    fs::write(bench.at("dump"), dump).expect("write the dump");
    let (exit, verdict) = bench.verify(&bench.at("dump"), &[]);
    assert_eq!(exit, 0, "{:#?}", items(&verdict));
    // What was measured of an image at another place is worth the same.
    done(&["measure", text(&bench.at("dump")), "--key", text(&key), "-o", text(&evidence)]);
    let (exit, verdict) = bench.verify(&evidence, &[]);
    assert_eq!(exit, 0, "{:#?}", items(&verdict));
}

#[test]
fn the_result_keeps_to_its_schema_and_its_table_tells_the_same() {
    let bench = Bench::new();
    let unit = bench.unit("unit");
    fs::write(unit.join("bin/tool"), "other").expect("change a file");
    let (exit, verdict) = bench.verify(&unit, &[]);
    assert_eq!(exit, 3);
    let schema = crate::support::root().join("docs/schema/verify-1.json");
    let schema = fs::read_to_string(schema).expect("the schema is there");
    let schema: Value = serde_json::from_str(&schema).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let errors: Vec<String> =
        validator.iter_errors(&verdict).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let (reference, key) = (bench.at("reference"), bench.at("maker.pub"));
    let output =
        auscult(&["verify", text(&unit), "--reference", text(&reference), "--trust", text(&key)]);
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(table.starts_with("FAIL  a directory, assurance level A2"), "{table}");
    assert!(table.contains("/bin/tool: other bytes, 15 less than 20"), "{table}");
}
