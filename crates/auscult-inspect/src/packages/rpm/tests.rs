//! Databases made here, byte by byte, and databases made by rpm and Berkeley DB themselves.

use std::{fmt::Write as _, fs, path::Path, process::Command, sync::Arc};

use auscult_model::Limits;
use auscult_testkit::{
    Tree as Files,
    squashfs::{SquashfsOptions, squashfs},
};
use auscult_unpack::{Extent, RpmHeader, Tree, Vault};

use super::{Blobs, Packages, bdb, blobs, read, split_source, tag};

/// A header as databases keep it, from tags with their values, strings but for the numbers.
fn header(texts: &[(u32, &[&str])], numbers: &[(u32, &[u32])]) -> Vec<u8> {
    let (mut index, mut data) = (Vec::new(), Vec::new());
    let mut entry = |tag: u32, kind: u32, count: usize, value: Vec<u8>| {
        data.resize(data.len().next_multiple_of(4), 0);
        for word in [tag, kind, u32::try_from(data.len()).unwrap(), u32::try_from(count).unwrap()] {
            index.extend(word.to_be_bytes());
        }
        data.extend(value);
    };
    for (tag, values) in texts {
        let value = values.iter().flat_map(|text| [text.as_bytes(), b"\0"].concat()).collect();
        entry(*tag, if values.len() == 1 { 6 } else { 8 }, values.len(), value);
    }
    for (tag, values) in numbers {
        let value = values.iter().flat_map(|number| number.to_be_bytes()).collect();
        entry(*tag, 4, values.len(), value);
    }
    let count = u32::try_from(texts.len() + numbers.len()).unwrap();
    let size = u32::try_from(data.len()).unwrap();
    [&count.to_be_bytes()[..], &size.to_be_bytes()[..], &index, &data].concat()
}

/// Two packages, the second too long for a page, and a key.
fn headers() -> Vec<Vec<u8>> {
    let padding = "x".repeat(1500);
    vec![
        header(
            &[
                (tag::NAME, &["pump"]),
                (tag::VERSION, &["1.2"]),
                (tag::RELEASE, &["3.fc40"]),
                (tag::VENDOR, &["Acme"]),
                (tag::LICENCE, &["MIT and Zlib"]),
                (tag::ARCHITECTURE, &["armv7hl"]),
                (tag::SOURCE_PACKAGE, &["pump-suite-1.2-3.fc40.src.rpm"]),
                (tag::BASE_NAMES, &["pump", "pump.conf"]),
                (tag::FOLDERS, &["/etc/", "/usr/bin/"]),
            ],
            &[(tag::EPOCH, &[4]), (tag::FOLDER_INDEXES, &[1, 0])],
        ),
        header(&[(tag::NAME, &["valve"]), (tag::VERSION, &["7"]), (1005, &[&padding])], &[]),
        header(&[(tag::NAME, &["gpg-pubkey"]), (tag::VERSION, &["abcd"])], &[]),
    ]
}

fn ndb(blobs: &[Vec<u8>]) -> Vec<u8> {
    let mut file = [&b"RpmP"[..], &[0; 8], &[1, 0, 0, 0], &[9, 0, 0, 0], &[0; 12]].concat();
    let mut body = Vec::new();
    for (index, blob) in blobs.iter().enumerate() {
        let word = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
        let blocks = (blob.len() + 28).div_ceil(16);
        for part in [&b"Slot"[..], &word(index + 1), &word(256 + body.len() / 16), &word(blocks)] {
            file.extend(part);
        }
        let end = body.len() + blocks * 16;
        for part in [&b"BlbS"[..], &word(index + 1), &word(0), &word(blob.len()), blob] {
            body.extend(part);
        }
        body.resize(end, 0);
    }
    while file.len() < 4096 {
        file.extend(b"Slot\0\0\0\0\0\0\0\0\0\0\0\0");
    }
    file.extend(body);
    file
}

/// One hash page with all pairs, long values on pages of their own; 512 bytes each.
fn berkeley(blobs: &[Vec<u8>], big: bool) -> Vec<u8> {
    const PAGE: usize = 512;
    let word = |n: usize| {
        let n = u32::try_from(n).unwrap();
        if big { n.to_be_bytes() } else { n.to_le_bytes() }
    };
    let half = |n: usize| {
        let n = u16::try_from(n).unwrap();
        if big { n.to_be_bytes() } else { n.to_le_bytes() }
    };
    let page = |number: usize, next: usize, count: usize, offset: usize, kind: u8| {
        let mut page = vec![0; PAGE];
        for (at, value) in [(8, number), (16, next)] {
            page[at..at + 4].copy_from_slice(&word(value));
        }
        page[20..22].copy_from_slice(&half(count));
        page[22..24].copy_from_slice(&half(offset));
        page[25] = kind;
        page
    };
    let mut items = vec![vec![1, 0, 0, 0, 0], vec![1, 9, 0, 0, 0]];
    let mut overflow = Vec::new();
    for (index, blob) in blobs.iter().enumerate() {
        items.push([&[1][..], &word(index + 1)].concat());
        if blob.len() < 100 {
            items.push([&[1], blob.as_slice()].concat());
            continue;
        }
        let first = 2 + overflow.len();
        items.push([&[3, 0, 0, 0][..], &word(first), &word(blob.len())].concat());
        let pieces: Vec<_> = blob.chunks(PAGE - 26).collect();
        for (piece, bytes) in pieces.iter().enumerate() {
            let last = piece + 1 == pieces.len();
            let next = if last { 0 } else { first + piece + 1 };
            let mut page = page(first + piece, next, 1, bytes.len(), 7);
            page[26..26 + bytes.len()].copy_from_slice(bytes);
            overflow.push(page);
        }
    }
    let mut hash = page(1, 0, items.len(), 0, 13);
    let mut end = PAGE;
    for (index, item) in items.iter().enumerate() {
        end -= item.len();
        hash[end..end + item.len()].copy_from_slice(item);
        hash[26 + 2 * index..28 + 2 * index].copy_from_slice(&half(end));
    }
    let mut meta = vec![0; PAGE];
    for (at, value) in [(12, 0x0006_1561), (16, 9), (20, PAGE), (32, 1 + overflow.len())] {
        meta[at..at + 4].copy_from_slice(&word(value));
    }
    meta[25] = 8;
    [meta, hash, overflow.concat()].concat()
}

fn varint(number: usize) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(number & 0x7f).unwrap()];
    let mut rest = number >> 7;
    while rest > 0 {
        bytes.insert(0, u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    bytes
}

/// Schema on page 1, the table's only leaf on page 2, overflow behind; 512 bytes each.
fn sqlite(blobs: &[Vec<u8>]) -> Vec<u8> {
    const PAGE: usize = 512;
    let mut overflow: Vec<Vec<u8>> = Vec::new();
    let mut leaf = |rows: Vec<Vec<u8>>, start: usize| {
        let mut page = vec![0; PAGE];
        page[start] = 0x0d;
        page[start + 3..start + 5]
            .copy_from_slice(&u16::try_from(rows.len()).unwrap().to_be_bytes());
        let mut end = PAGE;
        for (index, row) in rows.iter().enumerate() {
            let (most, least) = (PAGE - 35, (PAGE - 12) * 32 / 255 - 23);
            let even = least + row.len().saturating_sub(least) % (PAGE - 4);
            let local = match row.len() {
                length if length <= most => length,
                _ if even <= most => even,
                _ => least,
            };
            let mut cell = [varint(row.len()), varint(index + 1), row[..local].to_vec()].concat();
            let pieces: Vec<_> = row[local..].chunks(PAGE - 4).collect();
            let first = 3 + overflow.len();
            if !pieces.is_empty() {
                cell.extend(u32::try_from(first).unwrap().to_be_bytes());
            }
            for (piece, bytes) in pieces.iter().enumerate() {
                let last = piece + 1 == pieces.len();
                let next = if last { 0 } else { u32::try_from(first + piece + 1).unwrap() };
                let mut page = [&next.to_be_bytes()[..], bytes].concat();
                page.resize(PAGE, 0);
                overflow.push(page);
            }
            end -= cell.len();
            page[end..end + cell.len()].copy_from_slice(&cell);
            let at = start + 8 + 2 * index;
            page[at..at + 2].copy_from_slice(&u16::try_from(end).unwrap().to_be_bytes());
        }
        page
    };
    // Text has odd types from 13 on, blobs even ones from 12 on; the row's number is a null.
    let schema = [&[6, 23, 29, 29, 1, 13][..], b"tablePackagesPackages\x02"].concat();
    let mut first = leaf(vec![schema], 100);
    let rows = blobs.iter().map(|blob| {
        let kind = varint(blob.len() * 2 + 12);
        [varint(kind.len() + 2), vec![0], kind, blob.clone()].concat()
    });
    let second = leaf(rows.collect(), 0);
    first[..16].copy_from_slice(super::sqlite::MAGIC);
    first[16..18].copy_from_slice(&u16::try_from(PAGE).unwrap().to_be_bytes());
    [first, second, overflow.concat()].concat()
}

fn extent(bytes: &[u8]) -> Extent {
    Extent::from_memory(&Arc::new(Vault::new(Limits::default())), bytes.to_vec())
}

/// Reads all that a damaged database still says.
fn look(bytes: &[u8]) -> Blobs {
    let found = blobs(&extent(bytes));
    for (_, blob) in &found.list {
        if let Ok(header) = RpmHeader::of(blob) {
            super::files(&header, &mut 1_000_000);
            header.text(tag::NAME);
        }
    }
    found
}

fn packages(files: &Files) -> Packages {
    let image = squashfs(files, SquashfsOptions::default());
    let mut packages = Packages::default();
    read(&Tree::from_bytes(image, &Limits::default()), &mut packages);
    packages
}

fn names(packages: &Packages) -> Vec<(&str, String)> {
    let row = |row: &'_ super::Row| row.version.to_string();
    packages.rows.iter().map(|one| (one.name.as_str(), row(one))).collect()
}

#[test]
fn every_form_of_the_database_tells_the_same() {
    for (place, bytes) in [
        ("var/lib/rpm/Packages.db", ndb(&headers())),
        ("usr/lib/sysimage/rpm/Packages", berkeley(&headers(), false)),
        ("var/lib/rpm/Packages", berkeley(&headers(), true)),
        ("usr/share/rpm/rpmdb.sqlite", sqlite(&headers())),
    ] {
        let found = packages(&Files::new().file(place, 0o644, &bytes));
        assert_eq!(found.problems, [], "{place}");
        let expect = [("pump", "4:1.2-3.fc40".to_owned()), ("valve", "7".to_owned())];
        assert_eq!(names(&found), expect, "{place}");
        let pump = &found.rows[0];
        assert_eq!(pump.source.as_deref(), Some("pump-suite"));
        assert_eq!(pump.source_version, None);
        assert_eq!(pump.files, [b"/usr/bin/pump".to_vec(), b"/etc/pump.conf".to_vec()]);
        assert_eq!(pump.supplier.as_deref(), Some("Acme"));
        let component = crate::packages::component(pump, None);
        assert_eq!(
            component.purl.unwrap().0,
            "pkg:rpm/rpm/pump@1.2-3.fc40?arch=armv7hl&epoch=4&\
             upstream=pump-suite-1.2-3.fc40.src.rpm"
        );
        // The place is that of the row.
        let at = usize::try_from(pump.locator.offset.unwrap()).unwrap();
        assert!(at > 0 && at < bytes.len());
    }
}

#[test]
fn a_log_that_is_not_read_is_told() {
    let files = Files::new().file("var/lib/rpm/rpmdb.sqlite", 0o644, sqlite(&headers())).file(
        "var/lib/rpm/rpmdb.sqlite-wal",
        0o644,
        "changes",
    );
    let found = packages(&files);
    assert_eq!(found.rows.len(), 2);
    assert!(found.problems[0].why.contains("7 bytes of a write-ahead log"), "{:?}", found.problems);
}

#[test]
fn damage_costs_a_row_and_is_told() {
    for whole in [ndb(&headers()), berkeley(&headers(), false), sqlite(&headers())] {
        for length in (0..whole.len()).step_by(7) {
            let found = look(&whole[..length]);
            assert!(found.list.len() >= 3 || !found.faults.is_empty(), "{length}");
        }
        for at in 0..whole.len() {
            for value in [0xff, 0x00, 0x80] {
                let mut broken = whole.clone();
                broken[at] = value;
                look(&broken);
            }
        }
    }
    let mut two = ndb(&headers());
    two[32..36].copy_from_slice(b"gone");
    let found = look(&two);
    assert_eq!((found.list.len(), found.faults.len()), (2, 1));
}

#[test]
fn source_packages_are_split_at_the_last_two_dashes() {
    for (file, expect) in [
        ("gcc-c++-13.2-1.fc40.src.rpm", Some(("gcc-c++", "13.2-1.fc40"))),
        ("x-1-2.nosrc.rpm", Some(("x", "1-2"))),
        ("x.src.rpm", None),
        ("(none)", None),
    ] {
        assert_eq!(split_source(file), expect, "{file}");
    }
}

fn run(folder: &Path, script: &str) -> bool {
    let mut command = Command::new("sh");
    let done = command.current_dir(folder).args(["-c", script]).output().unwrap();
    done.status.success()
}

const SPEC: &str = "Name: pump\nVersion: 1.2\nRelease: 3\nEpoch: 4\nSummary: A pump\n\
    License: MIT and Zlib\nVendor: Acme\nBuildArch: noarch\n%description\nd\n\
    %package tools\nSummary: t\n%description tools\nd\n\
    %install\nmkdir -p %{buildroot}/usr/bin %{buildroot}/usr/share/many\n\
    echo program > %{buildroot}/usr/bin/pump\n\
    for i in $(seq 1 300); do echo > %{buildroot}/usr/share/many/file-with-a-long-name-$i; done\n\
    %files\n/usr/bin/pump\n%files tools\n/usr/share/many\n";

/// Builds two packages and installs them with rpm itself; the folder of the database.
fn database_of_rpm(folder: &Path) -> Option<Vec<u8>> {
    fs::write(folder.join("pump.spec"), SPEC).unwrap();
    let made = run(
        folder,
        "rpmbuild -bb --define \"_topdir $PWD/top\" pump.spec >log 2>&1 && mkdir root && \
         rpm --root $PWD/root --dbpath /var/lib/rpm --define '_db_backend sqlite' --nodeps \
         --noscripts --justdb -i top/RPMS/noarch/*.rpm >log 2>&1",
    );
    made.then(|| fs::read(folder.join("root/var/lib/rpm/rpmdb.sqlite")).unwrap())
}

#[test]
fn databases_of_the_reference_tools() {
    let folder = tempfile::tempdir().unwrap();
    let Some(database) = database_of_rpm(folder.path()) else {
        eprintln!("SKIPPED: needs rpm and rpmbuild");
        return;
    };
    let found = packages(&Files::new().file("var/lib/rpm/rpmdb.sqlite", 0o644, &database));
    assert_eq!(found.problems, []);
    let expect = [("pump", "4:1.2-3".to_owned()), ("pump-tools", "4:1.2-3".to_owned())];
    let sorted = |packages: &Packages| {
        let mut names: Vec<_> =
            names(packages).into_iter().map(|(name, version)| (name.to_owned(), version)).collect();
        names.sort();
        names
    };
    let expect = expect.map(|(name, version)| (name.to_owned(), version));
    assert_eq!(sorted(&found), expect);
    let files: usize = found.rows.iter().map(|row| row.files.len()).sum();
    assert_eq!(files, 302);
    // The same headers as Berkeley DB's own tool stores them.
    let headers = look(&database).list;
    let mut dump =
        "VERSION=3\nformat=bytevalue\ntype=hash\ndb_pagesize=4096\nHEADER=END\n".to_owned();
    let hexadecimal = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    };
    dump.push_str(" 00000000\n 02000000\n");
    for (index, (_, blob)) in headers.iter().enumerate() {
        let blob = hexadecimal(&blob.read_all().unwrap());
        write!(dump, " 0{}000000\n {blob}\n", index + 1).unwrap();
    }
    dump.push_str("DATA=END\n");
    fs::write(folder.path().join("dump"), dump).unwrap();
    if !run(folder.path(), "db_load -f dump Packages") {
        eprintln!("SKIPPED: needs db_load");
        return;
    }
    let database = fs::read(folder.path().join("Packages")).unwrap();
    assert!(bdb::is_hash(&database));
    let found = packages(&Files::new().file("var/lib/rpm/Packages", 0o644, &database));
    assert_eq!(found.problems, []);
    assert_eq!(sorted(&found), expect);
}
