//! Image trees, made by hand and by the reference tool.

use std::fs;

use auscult_model::Limits;
use auscult_testkit::{
    stream,
    uboot::{DeviceTreeNode, FitImage, fit},
};

use crate::{
    Tree,
    formats::testing::{
        hostile::{attribute, check, locators},
        reference::run,
    },
};

fn image() -> Vec<u8> {
    let packed = stream::gzip(b"a kernel");
    let kernel = FitImage {
        name: "kernel-1",
        kind: "kernel",
        architecture: "arm64",
        compression: "gzip",
        data: &packed,
    };
    fit("Field update", &[kernel])
}

#[test]
fn images_are_parts_and_their_hashes_hold() {
    let tree = Tree::from_bytes(image(), &Limits::default());
    let found = locators(&tree);
    assert!(found.contains(&"image@0x0/fit:/kernel-1@0x0/gzip".to_owned()), "{found:?}");
    let images = attribute(&tree, "fit", "images").unwrap();
    assert!(images.contains("type kernel, arch arm64"), "{images}");
    assert!(images.contains(" verified"), "{images}");
    assert_eq!(attribute(&tree, "fit", "default-configuration").unwrap(), "conf-1");
    assert!(tree.problems().is_empty(), "{:?}", tree.problems());
}

#[test]
fn a_wrong_hash_and_data_outside_of_the_tree() {
    let hash = DeviceTreeNode::new("hash-1").text("algo", "md5").bytes("value", &[0; 16]);
    let outside = DeviceTreeNode::new("fdt-1").cell("data-offset", 8).cell("data-size", 5);
    let images = DeviceTreeNode::new("images").child(outside.child(hash));
    let mut bytes = DeviceTreeNode::new("").child(images).build();
    bytes.resize(bytes.len().next_multiple_of(4) + 8, 1);
    bytes.extend(b"inside, not");
    let tree = Tree::from_bytes(bytes, &Limits::default());
    let (part, _) = tree.resolve(&"image@0x0/fit:/fdt-1".parse().unwrap()).unwrap();
    assert_eq!(tree.bytes(part).unwrap(), "insid");
    assert!(tree.problems()[0].what.contains("md5 of fdt-1"));
    assert_eq!(tree.coverage().bytes_unread, 8 + 11);
}

#[test]
fn damage_does_no_harm() {
    check(&image(), 400);
}

const SOURCE: &str = r#"/dts-v1/;
/ {
    description = "Signed"; #address-cells = <1>;
    images {
        kernel { data = /incbin/("kernel"); type = "kernel"; arch = "arm"; os = "linux";
            compression = "lzma"; load = <0x8000>; entry = <0x8000>;
            hash-1 { algo = "sha256"; }; };
        fdt { data = /incbin/("board.dtb"); type = "flat_dt"; arch = "arm"; compression = "none";
            hash-1 { algo = "sha1"; }; signature-1 { algo = "ALGO"; key-name-hint = "dev"; }; };
    };
    configurations {
        default = "conf-1";
        conf-1 { kernel = "kernel"; fdt = "fdt";
            signature-1 { algo = "ALGO"; padding = "PADDING"; key-name-hint = "dev";
                sign-images = "fdt", "kernel"; }; };
        conf-2 { kernel = "kernel"; fdt = "fdt"; };
    };
};"#;

/// An image tree that the reference tool has signed, and the control tree with its key.
fn signed(key: &[&str], algorithm: &str, padding: &str, more: &[&str]) -> Option<[Vec<u8>; 2]> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let text = b"a kernel in lzma, a kernel in lzma, a kernel in lzma".repeat(40);
    let mut kernel = stream::lzma_alone(&text);
    kernel[1..5].copy_from_slice(&0x0012_3456_u32.to_le_bytes());
    fs::write(path("kernel"), kernel).unwrap();
    fs::write(path("board.dtb"), DeviceTreeNode::new("").text("model", "Board").build()).unwrap();
    fs::write(path("control.dts"), "/dts-v1/; / { signature { }; };").unwrap();
    let mut source = SOURCE.replace("ALGO", algorithm).replace("PADDING", padding);
    let elliptic = algorithm.contains("ecdsa");
    if elliptic {
        // The tool cannot add the same elliptic key twice.
        let signature = source.find(" signature-1").unwrap();
        let end = source.match_indices("};").find(|(at, _)| *at > signature).unwrap().0 + 2;
        source.replace_range(signature..end, "");
    }
    fs::write(path("image.its"), source).unwrap();
    let private = path(if elliptic { "dev.pem" } else { "dev.key" });
    let certificate = path("dev.crt");
    let (control, source, image) = (path("control.dtb"), path("image.its"), path("image.itb"));
    let made = run("openssl", &[key, &["-out", &private]].concat())
        && run(
            "openssl",
            &["req", "-batch", "-new", "-x509", "-key", &private, "-out", &certificate],
        )
        && run("dtc", &["-q", "-O", "dtb", "-o", &control, &path("control.dts")]);
    let folder = folder.path().to_str().unwrap();
    let mut arguments = vec!["-f", &source, "-k", folder, "-K", &control, "-r"];
    arguments.extend(more);
    arguments.push(&image);
    let made = made && run("mkimage", &arguments);
    made.then(|| [fs::read(&image).unwrap(), fs::read(&control).unwrap()])
}

#[test]
fn signatures_hold_with_the_key_of_the_boot_loader() {
    for (bits, algorithm, padding, more) in [
        ("2048", "sha256,rsa2048", "pkcs-1.5", &[][..]),
        ("2048", "sha1,rsa2048", "pss", &["-E"]),
        ("4096", "sha256,rsa4096", "pss", &["-E", "-p", "0x4000"]),
    ] {
        let bits = format!("rsa_keygen_bits:{bits}");
        let key = ["genpkey", "-algorithm", "RSA", "-pkeyopt", &bits];
        let Some([image, control]) = signed(&key, algorithm, padding, more) else { return };
        let tree = Tree::from_bytes([&control[..], &image].concat(), &Limits::default());
        assert_eq!(tree.problems(), []);
        let told = attribute(&tree, "fit", "signatures").unwrap();
        let pss = if padding == "pss" { " pss" } else { "" };
        let wanted = format!("conf-1: signed by key dev ({algorithm}{pss}), verified; ");
        assert!(told.starts_with(&wanted), "{told}");
        // The image alone has no key, and another image's key is the wrong one.
        let alone = Tree::from_bytes(image.clone(), &Limits::default());
        let told = attribute(&alone, "fit", "signatures").unwrap();
        assert!(told.contains("not verified: the key is not in the image"), "{told}");
        let Some([_, other]) = signed(&key, algorithm, padding, more) else { return };
        let wrong = Tree::from_bytes([&other[..], &image].concat(), &Limits::default());
        assert!(attribute(&wrong, "fit", "signatures").unwrap().contains("), wrong; fdt: "));
        assert!(wrong.problems()[0].what.contains("signature of conf-1"));
    }
}

#[test]
fn a_signature_over_p256_holds() {
    let key = ["ecparam", "-name", "prime256v1", "-genkey", "-noout"];
    let Some([mut image, control]) = signed(&key, "sha256,ecdsa256", "none", &[]) else { return };
    let tree = Tree::from_bytes([&control[..], &image].concat(), &Limits::default());
    let told = attribute(&tree, "fit", "signatures").unwrap();
    assert_eq!(told, "conf-1: signed by key dev (sha256,ecdsa256), verified");
    let at = image.windows(4).position(|word| word == [0, 0, 0x80, 0]).unwrap();
    image[at + 1] = 1;
    let tree = Tree::from_bytes([control, image].concat(), &Limits::default());
    assert!(attribute(&tree, "fit", "signatures").unwrap().ends_with("wrong"));
}

#[test]
fn a_kernel_in_unusual_lzma_is_unpacked_and_a_changed_configuration_is_told() {
    let key = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    let Some([mut image, control]) = signed(&key, "sha256,rsa2048", "pss", &[]) else { return };
    let tree = Tree::from_bytes(image.clone(), &Limits::default());
    let (kernel, _) = tree.resolve(&"image@0x0/fit:/kernel".parse().unwrap()).unwrap();
    assert!(tree.bytes(kernel).unwrap().starts_with(b"a kernel in lzma, a kernel"));
    // The load address of the kernel is covered by the signature.
    let at = image.windows(4).position(|word| word == [0, 0, 0x80, 0]).unwrap();
    image[at + 1] = 1;
    let tree = Tree::from_bytes([control, image].concat(), &Limits::default());
    assert!(tree.problems().iter().any(|problem| problem.what.contains("signature of conf-1")));
}

#[test]
fn an_encrypted_image_is_said() {
    let cipher = DeviceTreeNode::new("cipher").text("algo", "aes256").text("key-name-hint", "k1");
    let kernel = DeviceTreeNode::new("kernel").bytes("data", &[7; 32]).child(cipher);
    let images = DeviceTreeNode::new("images").child(kernel);
    let tree = Tree::from_bytes(DeviceTreeNode::new("").child(images).build(), &Limits::default());
    let unread = &tree.coverage().regions_unread;
    assert_eq!((unread.len(), unread[0].bytes), (1, 32));
    assert_eq!(unread[0].reason, "encrypted: aes256 with key \"k1\"");
}
