//! Compound files made by hand and installers made by msitools.

use std::fs;

use auscult_model::Limits;

use crate::{
    Tree,
    formats::testing::{
        hostile::{self, attribute},
        reference::{container, run, sample},
    },
};

/// A source for `wixl` with two files in a folder.
const SOURCE: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<Wix xmlns="http://schemas.microsoft.com/wix/2006/wi">
  <Product Name="Pump Tool" Id="*" UpgradeCode="2f6d5d5e-2d1b-4ed6-9a55-4b5d6f7a8b9c"
           Language="1033" Codepage="1252" Version="1.2.3" Manufacturer="Makers">
    <Package Id="*" Keywords="Installer" Description="d" Comments="c" Manufacturer="Makers"
             InstallerVersion="100" Languages="1033" Compressed="yes" SummaryCodepage="1252"/>
    <Media Id="1" Cabinet="pump.cab" EmbedCab="yes"/>
    <Directory Id="TARGETDIR" Name="SourceDir">
      <Directory Id="ProgramFilesFolder" Name="PFiles">
        <Directory Id="INSTALLDIR" Name="Pump">
          <Component Id="Main" Guid="2f6d5d5e-2d1b-4ed6-9a55-4b5d6f7a8b9d">
            <File Id="one" Name="firmware image.bin" DiskId="1" Source="one.bin" KeyPath="yes"/>
            <File Id="two" Name="readme.txt" DiskId="1" Source="two.txt"/>
          </Component>
        </Directory>
      </Directory>
    </Directory>
    <Feature Id="Complete" Level="1"><ComponentRef Id="Main"/></Feature>
  </Product>
</Wix>
"#;

fn installer() -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("pump.wxs"), SOURCE).unwrap();
    fs::write(path("one.bin"), sample(50_000, 5)).unwrap();
    fs::write(path("two.txt"), b"read me").unwrap();
    let script = format!("cd {} && wixl -o pump.msi pump.wxs", folder.path().display());
    let made = run("wixl", &["--version"]) && run("sh", &["-c", &script]);
    made.then(|| fs::read(path("pump.msi")).unwrap())
}

#[test]
fn files_of_an_installer_have_their_names() {
    let Some(bytes) = installer() else { return };
    let tree = Tree::from_bytes(bytes, &Limits::default());
    assert_eq!((tree.problems(), tree.coverage().bytes_unread), (&[][..], 0));
    let expected = [
        ("type", "installer"),
        ("product", "Pump Tool"),
        ("product-version", "1.2.3"),
        ("manufacturer", "Makers"),
        ("files", "2"),
    ];
    for (key, value) in expected {
        assert_eq!(attribute(&tree, "ole", key).as_deref(), Some(value));
    }
    let inside = container(&tree, "ole");
    let file = |path: &str| {
        let full = format!("/SourceDir/ProgramFilesFolder/Pump/{path}");
        let other = format!("/SourceDir/PFiles/Pump/{path}");
        let member = tree.member(inside, full.as_bytes());
        let member = member.or_else(|| tree.member(inside, other.as_bytes()));
        tree.bytes(member.unwrap_or_else(|| panic!("{:?}", hostile::locators(&tree)))).unwrap()
    };
    assert!(file("firmware image.bin") == sample(50_000, 5));
    assert_eq!(file("readme.txt"), "read me");
    assert!(tree.member(inside, b"/!File").is_some());
}

/// A version 3 file of one table sector, one directory sector, a mini stream with `small` in it, and
/// a stream of 5000 bytes.
fn compound() -> Vec<u8> {
    let mut bytes = vec![0; 512];
    bytes[..8].copy_from_slice(super::MAGIC);
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(24, &[0x3e, 0, 3, 0, 0xfe, 0xff, 9, 0, 6, 0]);
    put(44, &1_u32.to_le_bytes());
    put(48, &1_u32.to_le_bytes());
    put(56, &4096_u32.to_le_bytes());
    put(60, &2_u32.to_le_bytes());
    put(64, &1_u32.to_le_bytes());
    put(68, &0xffff_fffe_u32.to_le_bytes());
    put(76, &[0xff; 436]);
    put(76, &0_u32.to_le_bytes());
    let end = 0xffff_fffe_u32;
    // Sectors: table, directory, mini table, mini stream, then ten of the long stream.
    let mut table = vec![0xffff_fffd, end, end, end, 5, 6, 7, 8, 9, 10, 11, 12, 13, end];
    table.resize(128, 0xffff_ffff);
    let mut mini = vec![1, end];
    mini.resize(128, 0xffff_ffff);
    let words =
        |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    bytes.extend(words(&table));
    for (name, kind, right, child, start, size) in [
        ("Root Entry", 5, u32::MAX, 1, 3, 128_u32),
        ("small", 2, 2, u32::MAX, 0, 70),
        ("large", 2, u32::MAX, u32::MAX, 4, 5000),
        ("", 0, u32::MAX, u32::MAX, 0, 0),
    ] {
        let mut entry = vec![0; 128];
        for (slot, unit) in entry.chunks_mut(2).zip(name.encode_utf16()) {
            slot.copy_from_slice(&unit.to_le_bytes());
        }
        entry[64] = u8::try_from(name.len() * 2 + 2).unwrap();
        entry[66] = kind;
        for (at, value) in [(68, u32::MAX), (72, right), (76, child), (116, start), (120, size)] {
            entry[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        bytes.extend(entry);
    }
    bytes.extend(words(&mini));
    bytes.extend([b's'; 70]);
    bytes.resize(512 * 5, 0);
    bytes.extend((0..5120_u32).map(|index| u8::try_from(index % 251).unwrap()));
    bytes
}

#[test]
fn streams_in_both_sizes_of_sectors() {
    let bytes = [b"before".to_vec(), compound(), b"after".to_vec()].concat();
    let tree = Tree::from_bytes(bytes, &Limits::default());
    assert_eq!((tree.problems(), tree.coverage().bytes_unread), (&[][..], 11));
    let inside = container(&tree, "ole");
    let read = |path: &[u8]| tree.bytes(tree.member(inside, path).unwrap()).unwrap();
    assert_eq!(read(b"/small"), vec![b's'; 70]);
    let large = read(b"/large");
    assert!(large.len() == 5000 && large[4999] == u8::try_from(4999 % 251).unwrap());
}

#[test]
fn loops_are_told() {
    let mut bytes = compound();
    // The third entry is its own sibling; the long stream runs in a circle.
    bytes[1024 + 256 + 72..1024 + 256 + 76].copy_from_slice(&2_u32.to_le_bytes());
    bytes[512 + 16 + 8..512 + 16 + 12].copy_from_slice(&4_u32.to_le_bytes());
    bytes[1024 + 256 + 120..1024 + 256 + 124].copy_from_slice(&900_000_u32.to_le_bytes());
    let tree = Tree::from_bytes(bytes, &Limits::default());
    let told = |text: &str| tree.problems().iter().any(|problem| problem.why.contains(text));
    assert!(told("met before") && told("loop"), "{:?}", tree.problems());
}

#[test]
fn damage_does_no_harm() {
    hostile::check(&compound()[..3000], 2100);
}
