//! Images made for one question each.

use auscult_model::{EvidenceClass, Origin, Technique};
use auscult_testkit::{
    Endian, Tree,
    elf::{Elf, ElfClass, ElfKind},
    packages::{Package, apk_installed, dpkg_status, opkg_status},
    squashfs::{SquashfsOptions, squashfs},
};

use crate::{facts, named};

fn package<'a>(name: &'a str, version: &'a str) -> Package<'a> {
    Package { name, version, architecture: "armhf", ..Package::default() }
}

fn image(tree: &Tree) -> Vec<u8> {
    squashfs(tree, SquashfsOptions::default())
}

const OS_RELEASE: &str = "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n";

#[test]
fn dpkg_rows_carry_distribution_source_and_place() {
    let rows = [
        package("busybox", "1:1.35.0-4+b3"),
        Package { source: Some("glibc (2.36-9)"), ..package("libc6", "2.36-9+deb12u4") },
    ];
    let mut status = dpkg_status(&rows);
    status.push_str("Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n");
    status.push_str("Package: odd\nStatus: install ok unpacked\n");
    let tree = Tree::new()
        .file("var/lib/dpkg/status", 0o644, &status)
        .symlink("etc/os-release", "../usr/lib/os-release")
        .file("usr/lib/os-release", 0o644, OS_RELEASE);
    let facts = facts(image(&tree));
    let busybox = named(&facts, "busybox")[0];
    assert_eq!(
        busybox.purl.as_ref().unwrap().0,
        "pkg:deb/debian/busybox@1:1.35.0-4%2Bb3?arch=armhf&distro=debian-12"
    );
    let libc = named(&facts, "libc6")[0].package().unwrap();
    assert_eq!(libc.source.as_deref(), Some("glibc"));
    assert_eq!(libc.source_version.as_deref(), Some("2.36-9"));
    assert_eq!(libc.distribution.as_deref(), Some("debian-12"));
    assert!(named(&facts, "gone").is_empty());
    assert!(named(&facts, "odd")[0].version.exact().is_none());
    assert!(facts.problems.iter().any(|problem| problem.why.contains("no version")));
    let at = status.find("Package: libc6").unwrap();
    let place = &named(&facts, "libc6")[0].evidence[0].locator;
    assert_eq!(place.to_string(), format!("image@0x0/squashfs:/var/lib/dpkg/status@{at:#x}"));
    assert_eq!(named(&facts, "debian")[0].version.to_string(), "12");
}

#[test]
fn apk_and_opkg_rows_are_found_wherever_the_root_lies() {
    let tree = Tree::new()
        .file("rootfs/lib/apk/db/installed", 0o644, apk_installed(&[package("zlib", "1.3.1-r0")]))
        .file("rootfs/etc/alpine-release", 0o644, "3.19.1\n")
        .file("usr/lib/opkg/status", 0o644, opkg_status(&[package("zlib", "1.2.11-2")]))
        .file(
            "usr/lib/opkg/info/zlib.control",
            0o644,
            "Package: zlib\nLicense: Zlib\nCPE-ID: cpe:/a:gnu:zlib\n",
        )
        .file("usr/lib/opkg/info/lost.control", 0o644, "Package: lost\nVersion: 7\n")
        .file("etc/openwrt_release", 0o644, "DISTRIB_ID='OpenWrt'\nDISTRIB_RELEASE='22.03.5'\n");
    let facts = facts(image(&tree));
    let purls: Vec<&str> =
        named(&facts, "zlib").iter().map(|zlib| zlib.purl.as_ref().unwrap().0.as_str()).collect();
    assert_eq!(
        purls,
        [
            "pkg:generic/openwrt/zlib@1.2.11-2?arch=armhf&distro=openwrt-22.03.5",
            "pkg:apk/alpine/zlib@1.3.1-r0?arch=armhf&distro=alpine-3.19.1",
        ]
    );
    let zlib = named(&facts, "zlib")[0];
    assert_eq!(zlib.licences, ["Zlib"]);
    assert!(zlib.cpes.iter().any(|cpe| cpe.0.starts_with("cpe:2.3:a:gnu:zlib")));
    assert_eq!(named(&facts, "lost")[0].version.to_string(), "7");
    assert!(facts.problems.iter().any(|problem| problem.why.contains("no row")));
}

#[test]
fn files_without_a_package_are_named_after_themselves() {
    let library = Elf {
        class: ElfClass::Elf32,
        endian: Endian::Big,
        machine: 8,
        kind: ElfKind::Shared,
        soname: Some("libacme.so.2"),
        exports: &["acme_open"],
        ..Elf::default()
    };
    let program = Elf {
        interpreter: Some("/lib/ld.so.1"),
        needed: &["libacme.so.2", "libabsent.so.4"],
        imports: &["acme_open"],
        ..Elf::default()
    };
    let tree = Tree::new()
        .file("usr/lib/libacme.so.2.7.1", 0o755, library.build())
        .symlink("usr/lib/libacme.so.2", "libacme.so.2.7.1")
        .file("usr/bin/pump", 0o755, program.build())
        .symlink("usr/bin/alias", "pump");
    let facts = facts(image(&tree));
    let names: Vec<&str> = facts.components.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["libabsent", "libacme", "pump"]);
    assert_eq!(named(&facts, "libabsent")[0].evidence[0].class, EvidenceClass::LinksTo);
    assert!(named(&facts, "libacme")[0].version.exact().is_none());
    assert_eq!(facts.binaries.len(), 2);
    let architectures: Vec<&str> =
        facts.binaries.iter().map(|binary| binary.architecture.as_str()).collect();
    assert_eq!(architectures, ["arm-32-le", "mips-32-be"]);
    assert!(facts.coverage.questions_unknown["packages"].contains("no package database"));
}

#[test]
fn owned_files_make_no_second_component() {
    let program = Elf::default().build();
    let status = opkg_status(&[package("pump-tools", "3.1-1")]);
    let tree = Tree::new()
        .file("usr/lib/opkg/status", 0o644, status)
        .file("usr/lib/opkg/info/pump-tools.list", 0o644, "/bin/pump\n")
        .symlink("bin", "usr/bin")
        .file("usr/bin/pump", 0o755, &program)
        .file("usr/bin/stray", 0o755, &program);
    let facts = facts(image(&tree));
    let names: Vec<&str> = facts.components.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["pump-tools", "stray"]);
}

#[test]
fn alternatives_of_yocto_are_named_after_their_package() {
    let program = Elf::default().build();
    let tree = Tree::new()
        .file("sbin/init.acmeinit", 0o755, &program)
        .symlink("sbin/init", "/sbin/init.acmeinit")
        .file("sbin/halt.acmeinit", 0o755, &program)
        .symlink("sbin/halt", "halt.acmeinit")
        .file("sbin/mkfs.acme4", 0o755, &program);
    let facts = facts(image(&tree));
    let names: Vec<&str> = facts.components.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["acmeinit", "mkfs.acme4"]);
    assert_eq!(named(&facts, "acmeinit")[0].evidence.len(), 2);
}

#[test]
fn modules_of_an_abi_get_their_version_from_the_package() {
    let module = Elf {
        kind: ElfKind::Relocatable,
        sections: &[(".modinfo", b"name=acme\0vermagic=6.1.0-21-armmp SMP\0")],
        ..Elf::default()
    };
    let tree = Tree::new().file("lib/modules/6.1.0-21-armmp/acme.ko", 0o644, module.build());
    let alone = facts(image(&tree));
    assert_eq!(named(&alone, "linux")[0].version.to_string(), "6.1 (incomplete)");
    let rows = [package("linux-image-6.1.0-21-armmp", "6.1.90-1")];
    let tree = tree.file("var/lib/dpkg/status", 0o644, dpkg_status(&rows));
    let packaged = facts(image(&tree));
    assert_eq!(named(&packaged, "linux")[0].version.to_string(), "6.1.90");
}

/// Distributions sign their modules; programs carry what they install.
#[test]
fn a_program_is_read_that_has_an_archive_behind_it() {
    let module = Elf {
        kind: ElfKind::Relocatable,
        sections: &[(".modinfo", b"name=acme\0vermagic=6.1.0-21-armmp SMP\0")],
        ..Elf::default()
    };
    let inner = Tree::new().file("etc/os-release", 0o644, OS_RELEASE);
    let mut bytes = module.build();
    bytes.extend(image(&inner));
    let tree = Tree::new().file("lib/modules/6.1.0-21-armmp/acme.ko", 0o644, bytes);
    let facts = facts(image(&tree));
    assert_eq!(facts.binaries.len(), 1);
    assert_eq!(named(&facts, "linux")[0].version.to_string(), "6.1 (incomplete)");
    assert_eq!(named(&facts, "debian")[0].version.to_string(), "12");
}

#[test]
fn kernel_version_comes_from_the_end_of_the_banner() {
    let banner = "Linux version 6.1.0-21-armmp (kernel@example.org) (gcc 12.2.0) #1 SMP Debian \
        6.1.90-1 (2024-05-03)\n";
    let mut bytes = vec![0x5a; 9000];
    bytes[4095] = 0;
    bytes.splice(4096..4096, banner.bytes());
    let module = Elf {
        kind: ElfKind::Relocatable,
        sections: &[(".modinfo", b"name=acme\0vermagic=6.1.0-21-armmp SMP\0")],
        ..Elf::default()
    };
    let tree = Tree::new()
        .file("boot/kernel.bin", 0o644, &bytes)
        .file(
            "boot/config-6.1.0-21-armmp",
            0o644,
            "#\n# Linux/arm 6.1.90 Kernel Configuration\n#\nCONFIG_BT=y\n# CONFIG_USB is not set\n",
        )
        .file("lib/modules/6.1.0-21-armmp/kernel/acme.ko", 0o644, module.build());
    let facts = facts(image(&tree));
    let linux = named(&facts, "linux");
    assert_eq!(linux.len(), 1);
    assert_eq!(linux[0].version.to_string(), "6.1.90");
    assert_eq!(linux[0].cpes[0].0, "cpe:2.3:o:linux:linux_kernel:6.1.90:*:*:*:*:*:*:*");
    let kernel = &facts.kernels[0];
    assert_eq!(kernel.release, "6.1.0-21-armmp");
    assert_eq!(kernel.config.known().unwrap()["CONFIG_USB"], "n");
    assert_eq!(kernel.modules.known().unwrap()[0].name, "acme");
}

#[test]
fn embedded_configuration_is_found_and_tells_the_patch_level() {
    let noise = |seed: u32| {
        (0..3000_u32).flat_map(move |i| (i + seed).wrapping_mul(2_654_435_761).to_le_bytes())
    };
    let config = "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/arm 5.15.131 Kernel \
        Configuration\n#\nCONFIG_ARM=y\n# CONFIG_BT is not set\n";
    let mut kernel: Vec<u8> = noise(1).collect();
    kernel.extend(b"\0Linux version 5.15.0-91-generic (a@b) (gcc 11) #101-Ubuntu SMP\n\0");
    kernel.extend(noise(7000));
    kernel.extend(b"IKCFG_ST");
    kernel.extend(auscult_testkit::stream::gzip(config.as_bytes()));
    kernel.extend(b"IKCFG_ED");
    kernel.extend(noise(90_000));
    for bytes in [kernel.clone(), auscult_testkit::stream::gzip(&kernel)] {
        let facts = facts(bytes);
        assert_eq!(named(&facts, "linux")[0].version.to_string(), "5.15.131");
        let config = facts.kernels[0].config.known().unwrap();
        assert_eq!((config["CONFIG_ARM"].as_str(), config["CONFIG_BT"].as_str()), ("y", "n"));
        assert!(!facts.coverage.questions_unknown.contains_key("kernel_config"));
    }
}

#[test]
fn names_that_many_projects_use_prove_nothing() {
    let library =
        |soname| Elf { kind: ElfKind::Shared, soname: Some(soname), ..Elf::default() }.build();
    let tree = Tree::new()
        .file("lib/libuClibc-0.9.33.so", 0o755, library("libc.so.0"))
        .file("lib/libdl-0.9.33.so", 0o755, library("libdl.so.0"))
        .file("usr/sbin/httpd", 0o755, Elf::default().build());
    let facts = facts(image(&tree));
    let found: Vec<(&str, String)> =
        facts.components.iter().map(|one| (one.name.as_str(), one.version.to_string())).collect();
    assert_eq!(found, [("httpd", "unknown".to_owned()), ("uclibc", "0.9.33".to_owned())]);
}

#[test]
fn a_library_is_of_the_project_whose_code_it_holds() {
    let library = Elf {
        kind: ElfKind::Shared,
        soname: Some("libjpeg.so.62"),
        rodata: b"libjpeg-turbo version 2.1.5 (build 20230101)\0",
        ..Elf::default()
    };
    let facts =
        facts(image(&Tree::new().file("usr/lib/libjpeg.so.62.3.0", 0o755, library.build())));
    let found: Vec<(&str, String)> =
        facts.components.iter().map(|one| (one.name.as_str(), one.version.to_string())).collect();
    assert_eq!(found, [("libjpeg-turbo", "2.1.5".to_owned())]);
}

#[test]
fn translations_prove_nothing() {
    let text = b"Project-Id-Version: GNU Awk 5.1.1\n\0";
    let catalogue = |magic: u32| [magic.to_le_bytes().as_slice(), text].concat();
    let tree = Tree::new().file("usr/share/locale/de/gawk.mo", 0o644, catalogue(0x9504_12de)).file(
        "usr/share/locale/fr/gawk.mo",
        0o644,
        catalogue(0xde12_0495),
    );
    assert!(facts(image(&tree)).components.is_empty());
}

#[test]
fn modules_of_languages_are_named_by_their_manifests() {
    let tree = Tree::new()
        .file(
            "usr/lib/python3/site-packages/idna-3.3.dist-info/METADATA",
            0o644,
            "Metadata-Version: 2.1\nName: idna\nVersion: 3.3\nLicense: BSD-3-Clause\n\nlong text\n",
        )
        .file(
            "srv/node_modules/@acme/ws/package.json",
            0o644,
            r#"{"name":"@acme/ws","version":"8.1.0","license":"MIT"}"#,
        );
    let facts = facts(image(&tree));
    let purls: Vec<&str> =
        facts.components.iter().map(|one| one.purl.as_ref().unwrap().0.as_str()).collect();
    assert_eq!(purls, ["pkg:npm/%40acme/ws@8.1.0", "pkg:pypi/idna@3.3"]);
    assert!(facts.coverage.questions_unknown.contains_key("packages"));
}

#[test]
fn boot_loader_and_environment_are_read_from_raw_bytes() {
    let noise = (0..5000_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes());
    let mut bytes: Vec<u8> = noise.collect();
    bytes.extend(b"\0U-Boot 2019.04-acme3 (May 01 2019 - 10:00:00 +0000)\0");
    bytes.extend(
        b"\0bootcmd=bootm 0x9f020000\0bootdelay=1\0bootargs=console=ttyS0 rootfstype=squashfs\0\0",
    );
    let facts = facts(bytes);
    assert_eq!(named(&facts, "u-boot")[0].version.to_string(), "2019.04-acme3");
    let bootargs = facts.identities.iter().find(|fact| fact.key == "u-boot-env:bootargs").unwrap();
    assert_eq!(bootargs.value, "console=ttyS0 rootfstype=squashfs");
}

#[test]
fn two_inspections_give_equal_bytes() {
    let tree = Tree::new()
        .file("usr/bin/one", 0o755, Elf::default().build())
        .file("usr/bin/two", 0o755, Elf { rodata: b"another", ..Elf::default() }.build())
        .file("usr/lib/opkg/status", 0o644, opkg_status(&[package("a", "1"), package("b", "2")]));
    let bytes = image(&tree);
    let (first, second) = (facts(bytes.clone()), facts(bytes));
    assert_eq!(first.canonical_bytes().unwrap(), second.canonical_bytes().unwrap());
}

#[test]
fn the_same_program_in_both_systems_of_a_device_is_evidence_twice() {
    let rodata = b"BusyBox v1.36.1 (2024-01-02 03:04:05 UTC) multi-call binary.\0".repeat(200);
    let program = Elf { rodata: &rodata, ..Elf::default() }.build();
    let system = image(&Tree::new().file("bin/busybox", 0o755, &program));
    let facts = facts([system.clone(), system].concat());
    let found = named(&facts, "busybox");
    let places: std::collections::BTreeSet<String> = found
        .iter()
        .flat_map(|component| &component.evidence)
        .map(|evidence| evidence.locator.to_string())
        .filter_map(|place| place.split_once('/').map(|(image, _)| image.to_owned()))
        .collect();
    assert_eq!(places.len(), 2, "{places:?}");
}

#[test]
fn documents_in_the_image_join_what_was_found() {
    let document = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
        {"type":"library","name":"zlib","version":"1.3.1","licenses":[{"license":{"id":"Zlib"}}]},
        {"type":"library","name":"lwip","version":"2.2.0","purl":"pkg:generic/lwip@2.2.0"}]}"#;
    let tree = Tree::new()
        .file("usr/lib/opkg/status", 0o644, opkg_status(&[package("zlib", "1.3.1-1")]))
        .file("usr/share/device.cdx.json", 0o644, document)
        .file("etc/settings.json", 0o644, "{}");
    let facts = facts(image(&tree));
    let zlib = named(&facts, "zlib");
    assert_eq!((zlib.len(), zlib[0].evidence.len()), (1, 2));
    assert!(matches!(zlib[0].origin, Origin::Package(_)));
    assert_eq!(zlib[0].licences, ["Zlib"]);
    let lwip = named(&facts, "lwip")[0];
    assert_eq!(
        (&lwip.origin, lwip.version.to_string()),
        (&Origin::Sbom { package: None }, "2.2.0".to_owned())
    );
    let trace = &lwip.evidence[0];
    assert_eq!(trace.locator.to_string(), "image@0x0/squashfs:/usr/share/device.cdx.json");
    assert_eq!(trace.technique, Technique::ManifestAnalysis);
    assert!(trace.detail.ends_with("CycloneDX JSON /components/1"), "{}", trace.detail);
}

#[test]
fn databases_in_the_layers_of_a_container_image_are_found() {
    let layer = |tree: &Tree| auscult_testkit::archive::tar(tree);
    let base = Tree::new().file("etc/os-release", 0o644, OS_RELEASE).file(
        "var/lib/dpkg/status",
        0o644,
        dpkg_status(&[package("libc6", "2.36-9")]),
    );
    let upper = Tree::new().file(
        "app/vendor/composer/installed.json",
        0o644,
        r#"[{"name":"psr/log","version":"3.0.2"}]"#,
    );
    let packed = auscult_testkit::stream::gzip(&layer(&upper));
    let outer = Tree::new()
        .file("manifest.json", 0o644, r#"[{"Layers":["0a/layer.tar","blobs/sha256/1b"]}]"#)
        .file("0a/layer.tar", 0o644, layer(&base))
        .file("blobs/sha256/1b", 0o644, packed);
    let facts = facts(layer(&outer));
    assert_eq!(
        named(&facts, "libc6")[0].purl.as_ref().unwrap().0,
        "pkg:deb/debian/libc6@2.36-9?arch=armhf&distro=debian-12"
    );
    assert_eq!(named(&facts, "psr/log").len(), 1);
}

#[test]
fn a_binary_that_names_its_package_adds_to_the_row() {
    let mut note = Vec::new();
    let json = br#"{"type":"deb","name":"pump-suite","version":"1.2-3"}"#;
    for word in [4, u32::try_from(json.len()).unwrap(), 0xcafe_1a7e] {
        note.extend(word.to_le_bytes());
    }
    note.extend(b"FDO\0");
    note.extend(json);
    let mut program = vec![0_u8; 0x80];
    program[..7].copy_from_slice(b"\x7fELF\x01\x01\x01");
    (program[16], program[18], program[20]) = (2, 40, 1);
    (program[28], program[40], program[42], program[44]) = (52, 52, 32, 1);
    let bytes = u32::try_from(note.len()).unwrap();
    for (index, value) in [4, 0x80, 0x80, 0x80, bytes, bytes, 4, 4].iter().enumerate() {
        program[52 + 4 * index..56 + 4 * index].copy_from_slice(&u32::to_le_bytes(*value));
    }
    program.extend(note);
    let rows = [Package { source: Some("pump-suite"), ..package("pump", "1.2-3") }];
    let tree = Tree::new()
        .file("var/lib/dpkg/status", 0o644, dpkg_status(&rows))
        .file("var/lib/dpkg/info/pump.list", 0o644, "/usr/bin/pump\n")
        .file("usr/bin/pump", 0o755, &program);
    let owned = facts(image(&tree));
    let names: Vec<&str> = owned.components.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["pump"]);
    assert_eq!(owned.components[0].evidence.len(), 2);
    let alone = facts(image(&Tree::new().file("usr/bin/pump", 0o755, &program)));
    let names: Vec<&str> = alone.components.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["pump-suite"]);
    assert!(alone.coverage.questions_unknown.contains_key("packages"));
}
