//! Verdicts about made kernels against the built-in map.

use std::collections::BTreeMap;

use auscult_model::{Known, ModuleFacts};

use auscult_model::KernelFacts;

use super::{Facts, Kernels, Strength};
use crate::stated::made;

/// A kernel of some release with these options beside two hundred others.
fn facts(release: &str, options: Option<&[(&str, &str)]>, modules: &[&str]) -> Facts {
    let config = options.map(|options| {
        let filler = (0..200).map(|at| (format!("CONFIG_FILLER_{at}"), "n".to_owned()));
        let own =
            options.iter().map(|(name, value)| (format!("CONFIG_{name}"), (*value).to_owned()));
        filler.chain(own).collect::<BTreeMap<_, _>>()
    });
    let locator =
        |name: &str| format!("image@0x0/squashfs:/lib/modules/{name}.ko").parse().unwrap();
    let modules = modules.iter().map(|name| ModuleFacts {
        name: (*name).to_owned(),
        locator: locator(name),
        vermagic: None,
    });
    let mut facts = made::facts();
    facts.kernels.push(KernelFacts {
        locator: "image@0x0".parse().unwrap(),
        banner: String::new(),
        release: release.to_owned(),
        version: Known::Known(release.to_owned()),
        config: Known::from_option(config, "no configuration in it"),
        modules: Known::Known(modules.collect()),
    });
    facts
}

fn judged(facts: &Facts, files: &[&str]) -> (Option<Strength>, String) {
    let mut finding = made::finding();
    finding.component = "linux".into();
    finding.version.0 = facts.kernels[0].release.clone();
    let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
    let statement = Kernels::of(facts).judge(&finding, &files).unwrap();
    (statement.not_affected.map(|(_, strength)| strength), statement.evidence.join("\n"))
}

const ARM: (&str, &str) = ("ARM", "y");
const EXT4: &str = "fs/ext4/inode.c";
const BTRFS: &str = "fs/btrfs/inode.c";

#[test]
fn a_configuration_excludes_what_it_does_not_set() {
    let facts = facts("6.1.50", Some(&[ARM, ("EXT4_FS", "y")]), &["loop"]);
    assert_eq!(judged(&facts, &[BTRFS]).0, Some(Strength::Proven));
    assert!(judged(&facts, &[BTRFS]).1.contains("CONFIG_BTRFS_FS is not set"));
    assert_eq!(judged(&facts, &[EXT4]).0, None);
    // All files of a record must be excluded, and each must be one that makes an object.
    assert_eq!(judged(&facts, &[BTRFS, EXT4]).0, None);
    assert_eq!(judged(&facts, &[BTRFS, "include/linux/fs.h"]).0, None);
    assert_eq!(judged(&facts, &["kernel/fork.c"]).0, None);
    assert_eq!(judged(&facts, &["no/such/file.c"]).0, None);
    assert_eq!(judged(&facts, &["arch/x86/kvm/x86.c"]).0, Some(Strength::Proven));
}

#[test]
fn a_module_is_there_or_not() {
    let config = [ARM, ("EXT4_FS", "m"), ("BTRFS_FS", "m")];
    let mut facts = facts("6.1.50", Some(&config), &["ext4"]);
    assert_eq!(judged(&facts, &[EXT4]).0, None);
    assert_eq!(judged(&facts, &[BTRFS]).0, Some(Strength::Proven));
    // A region that nobody read may hold it.
    facts.coverage.regions_unread.push(made::unread());
    assert_eq!(judged(&facts, &[BTRFS]).0, Some(Strength::Weak));
    facts.kernels[0].modules = Known::unknown("none");
    assert_eq!(judged(&facts, &[BTRFS]).0, None);
}

#[test]
fn without_a_complete_configuration_or_neighbours_it_stays_open() {
    let config = [ARM];
    for (release, expected) in [
        ("6.1.50", Some(Strength::Proven)),
        // Between releases that were read and agree.
        ("5.18.3", Some(Strength::Strong)),
        // Older than all that was read.
        ("2.6.31", None),
        ("99.1", None),
    ] {
        assert_eq!(
            judged(&facts(release, Some(&config), &["loop"]), &[BTRFS]).0,
            expected,
            "{release}"
        );
    }
    assert_eq!(judged(&facts("6.1.50", None, &["loop"]), &[BTRFS]).0, None);
    assert_eq!(judged(&facts("6.1.50", Some(&[("X", "y")]), &["loop"]), &[BTRFS]).0, None);
    let mut short = facts("6.1.50", Some(&config), &["loop"]);
    short.kernels[0].config = Known::Known(BTreeMap::from([("CONFIG_ARM".into(), "y".into())]));
    assert_eq!(judged(&short, &[BTRFS]).0, None);
}

#[test]
fn several_kernels_of_one_version_must_agree() {
    let mut both = facts("6.1.50", Some(&[ARM]), &["loop"]);
    let other = facts("6.1.50", Some(&[ARM, ("BTRFS_FS", "y")]), &["loop"]);
    assert!(judged(&both, &[BTRFS]).0.is_some());
    both.kernels.extend(other.kernels);
    assert_eq!(judged(&both, &[BTRFS]).0, None);
}

#[test]
fn lists_of_modules_answer_where_there_is_no_configuration() {
    let mut facts = facts("6.1.50", None, &["ext4"]);
    facts.operation.roots = Known::Known(vec![made::root_with_modules("6.1.50")]);
    assert_eq!(judged(&facts, &[BTRFS]).0, Some(Strength::Strong));
    assert_eq!(judged(&facts, &[EXT4]).0, None);
    assert_eq!(judged(&facts, &["drivers/block/loop.c"]).0, None);
    // Under options that are no module's, the lists say nothing.
    assert_eq!(judged(&facts, &["security/selinux/hooks.c"]).0, None);
    facts.operation = auscult_model::Operation::default();
    assert_eq!(judged(&facts, &[BTRFS]).0, None);
}

/// An initramfs holds the modules of a kernel that lies elsewhere.
#[test]
fn modules_speak_for_a_kernel_that_is_not_in_the_image() {
    let mut facts = made::facts();
    facts.operation.roots = Known::Known(vec![made::root_with_modules("6.1.0-9-arm")]);
    let judge = |facts: &Facts, file: &str| {
        let mut finding = made::finding();
        finding.component = "linux".into();
        finding.version.0 = "6.1.176".into();
        let statement = Kernels::of(facts).judge(&finding, &[file.to_owned()]).unwrap();
        statement.not_affected.map(|(_, strength)| strength)
    };
    assert_eq!(judge(&facts, BTRFS), None, "no module was seen");
    facts.binaries.push(auscult_model::BinaryFacts {
        locator: "image@0x0/cpio:/lib/modules/6.1.0-9-arm/kernel/fs/ext4/ext4.ko".parse().unwrap(),
        sha256: auscult_model::Sha256::of(b""),
        architecture: "arm-32-le".into(),
        kind: "relocatable".into(),
        interpreter: None,
        soname: None,
        needed: Vec::new(),
        imports: Known::Known(Vec::new()),
        exports: Known::Known(Vec::new()),
        build_id: None,
        stripped: Known::Known(false),
    });
    // More modules may lie where the kernel does.
    assert_eq!(judge(&facts, BTRFS), Some(Strength::Weak));
    assert_eq!(judge(&facts, EXT4), None);
    assert_eq!(judge(&facts, "arch/x86/kvm/x86.c"), Some(Strength::Proven));
}
