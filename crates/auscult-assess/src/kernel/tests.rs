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
        ..made::module()
    });
    // More modules may lie where the kernel does.
    assert_eq!(judge(&facts, BTRFS), Some(Strength::Weak));
    assert_eq!(judge(&facts, EXT4), None);
    assert_eq!(judge(&facts, "arch/x86/kvm/x86.c"), Some(Strength::Proven));
}

#[test]
fn a_header_is_not_there_where_nothing_that_includes_it_is() {
    let config = facts("6.1.50", Some(&[ARM, ("EXT4_FS", "y")]), &["loop"]);
    let (strength, told) = judged(&config, &[BTRFS, "fs/btrfs/ctree.h"]);
    // A vendor's own sources may include a header, too.
    assert_eq!(strength, Some(Strength::Strong));
    assert!(told.contains("sources may include it, none of which is there"), "{told}");
    let (strength, told) = judged(&config, &["fs/ext4/ext4.h"]);
    assert_eq!(strength, None);
    assert!(told.contains("a source that may include it is there"), "{told}");
    // Everybody includes it, nobody does, or nobody knows.
    for header in ["include/linux/fs.h", "fs/btrfs/none.h", "include/generated/autoconf.h"] {
        assert_eq!(judged(&config, &[header]).0, None, "{header}");
    }
    let mut lists = facts("6.1.50", None, &["ext4"]);
    lists.operation.roots = Known::Known(vec![made::root_with_modules("6.1.50")]);
    assert_eq!(judged(&lists, &["fs/btrfs/ctree.h"]).0, Some(Strength::Strong));
    assert_eq!(judged(&lists, &["fs/ext4/ext4.h"]).0, None);
    // Between releases that were read, whoever includes it in one of them counts.
    let between = facts("5.18.3", Some(&[ARM]), &["loop"]);
    assert_eq!(judged(&between, &["fs/btrfs/ctree.h"]).0, Some(Strength::Strong));
}

/// An arm64 kernel, by one of its modules.
fn arm64() -> Facts {
    let mut facts = facts("6.1.50", None, &["ext4"]);
    facts.operation.roots = Known::Known(vec![made::root_with_modules("6.1.50")]);
    let module = facts.kernels[0].modules.known().unwrap()[0].locator.clone();
    facts.binaries.push(auscult_model::BinaryFacts {
        locator: module,
        architecture: "aarch64-64-le".into(),
        ..made::module()
    });
    facts
}

#[test]
fn an_option_of_another_architecture_is_not_set() {
    let facts = arm64();
    let (strength, told) = judged(&facts, &["drivers/iommu/amd/init.c"]);
    assert_eq!(strength, Some(Strength::Strong));
    assert!(told.contains("by Kconfig CONFIG_AMD_IOMMU can only be set with CONFIG_X86"), "{told}");
    // It may be set here, and nothing tells whether it is.
    assert_eq!(
        judged(&facts, &["drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c"]).0,
        Some(Strength::Strong)
    );
    assert_eq!(judged(&facts, &["security/selinux/hooks.c"]).0, None);
    assert!(judged(&facts, &["arch/x86/include/asm/nospec-branch.h"]).0.is_some());
    assert_eq!(judged(&facts, &["arch/arm64/include/asm/kvm_host.h"]).0, None);
    // Without a module's machine code the architecture is not known.
    let mut unknown = facts;
    unknown.binaries.clear();
    assert_eq!(judged(&unknown, &["drivers/iommu/amd/init.c"]).0, None);
}

#[test]
fn parts_that_a_makefile_gathers_belong_to_its_module() {
    let facts = arm64();
    let part = "drivers/gpu/drm/amd/display/dc/core/dc.c";
    let (strength, told) = judged(&facts, &[part]);
    assert_eq!(strength, Some(Strength::Strong));
    assert!(told.contains("amdgpu is neither in modules.builtin nor a module"), "{told}");
}

#[test]
fn what_is_no_code_excludes_nothing_by_itself() {
    let config = facts("6.1.50", Some(&[ARM]), &["loop"]);
    let text = "Documentation/virt/kvm/api.rst";
    assert!(judged(&config, &[BTRFS, text]).0.is_some());
    assert_eq!(judged(&config, &[text]).0, None);
    assert_eq!(judged(&config, &[BTRFS, "fs/btrfs/Kconfig"]).0, None);
    // Parts of a library for programs are built into kernels too.
    assert!(judged(&config, &["tools/perf/builtin-top.c"]).0.is_some());
    assert_eq!(judged(&config, &["tools/lib/bpf/relo_core.c"]).0, None);
}
