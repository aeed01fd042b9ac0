//! ar archives (ar(5)): packages of Debian and OpenWrt, static libraries. GNU and BSD long names.
//!
//! Thin archives name the files that they are made of, which are elsewhere: the names are listed.

use crate::{
    Entry, EntryKind, Extent, Fault, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::unix_mode,
};

const MAGIC: &[u8] = b"!<arch>\n";

pub(crate) static FORMAT: Format =
    Format { name: "ar", magics: &[Magic::start(MAGIC), Magic::start(THIN)], carve: true, open };

const THIN: &[u8] = b"!<thin>\n";

const HEADER_BYTES: u64 = 60;
/// Largest table of long names read.
const NAMES_BYTES_MAX: u64 = 16 << 20;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let thin = extent.read_up_to(0, 8)? == THIN;
    let mut opened = Opened { length: 8, ..Opened::default() };
    if thin {
        opened.attributes.push(("variant", "thin".to_owned()));
    }
    let (mut at, mut names) = (8, Vec::new());
    let limit = extent.vault().limits().entries;
    for _ in 0..limit {
        let head = extent.read_up_to(at, HEADER_BYTES)?;
        // The last member may or may not be padded to an even offset.
        if head.is_empty() {
            break;
        }
        let Ok(header) = Header::parse(&head) else { break };
        let data_at = at + HEADER_BYTES;
        let elsewhere = thin && !matches!(header.name.as_slice(), b"/" | b"/SYM64/" | b"//");
        if elsewhere {
            let mut entry = header.entry(extent.clamp(0, 0), &names);
            entry.content = None;
            opened.entries.push(entry);
            at = data_at;
            opened.length = at;
            continue;
        }
        let Some(data) = extent.slice(data_at, header.size) else {
            opened.faults.push(Fault::new(at, "read an ar member", "it is cut off"));
            opened.length = extent.len();
            break;
        };
        at = (data_at + header.size).next_multiple_of(2);
        opened.length = at.min(extent.len());
        match header.name.as_slice() {
            // The index of symbols, which linkers use.
            b"/" | b"/SYM64/" | b"__.SYMDEF" => {}
            b"//" => names = data.read_up_to(0, NAMES_BYTES_MAX)?.to_vec(),
            _ => opened.entries.push(header.entry(data, &names)),
        }
    }
    // Eight bytes of text in a program are no archive.
    if opened.length == 8 && extent.len() > 8 {
        return Err(NotThis);
    }
    Ok(opened)
}

struct Header {
    name: Vec<u8>,
    modified: u64,
    user: u64,
    group: u64,
    mode: u64,
    size: u64,
}

impl Header {
    fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let view = View(bytes);
        if view.bytes(58, 2)? != b"`\n" {
            return Err(Fault::new(0, "read an ar header", "no end mark"));
        }
        let name = view.bytes(0, 16)?.trim_ascii_end().to_vec();
        Ok(Self {
            name,
            modified: number(view.bytes(16, 12)?, 10)?,
            user: number(view.bytes(28, 6)?, 10)?,
            group: number(view.bytes(34, 6)?, 10)?,
            mode: number(view.bytes(40, 8)?, 8)?,
            size: number(view.bytes(48, 10)?, 10)?,
        })
    }

    fn entry(&self, data: Extent, names: &[u8]) -> Entry {
        let (name, data) = self.long_name(data, names);
        let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        let modified = i64::try_from(self.modified).unwrap_or(0);
        let (mode, user, group) = (narrow(self.mode), narrow(self.user), narrow(self.group));
        let metadata = unix_mode::metadata(mode, user, group, modified);
        Entry::member(name, EntryKind::File, metadata).with_content(data)
    }

    /// GNU keeps long names in a member of their own (`/123`), BSD before the data (`#1/20`).
    fn long_name(&self, data: Extent, names: &[u8]) -> (Vec<u8>, Extent) {
        let digits = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<usize>().ok();
        if let Some(length) = self.name.strip_prefix(b"#1/").and_then(digits)
            && let Ok(length) = u64::try_from(length)
            && let Ok(name) = data.read(0, length.min(4096))
        {
            let name = View(&name).text(0, name.len()).unwrap_or_default().to_vec();
            return (name, data.from(length));
        }
        if let Some(offset) = self.name.strip_prefix(b"/").and_then(digits)
            && let Some(name) = names.get(offset..)
        {
            let name = name.split(|&byte| byte == b'\n').next().unwrap_or_default();
            return (name.strip_suffix(b"/").unwrap_or(name).to_vec(), data);
        }
        (self.name.strip_suffix(b"/").unwrap_or(&self.name).to_vec(), data)
    }
}

/// A field of digits filled up with spaces; an empty one is zero.
fn number(field: &[u8], radix: u32) -> Result<u64, Fault> {
    let text = std::str::from_utf8(field).map_or("?", str::trim_end);
    if text.is_empty() {
        return Ok(0);
    }
    u64::from_str_radix(text, radix)
        .map_err(|_| Fault::new(0, "read an ar header", "a field that is no number"))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Tree as Files, archive, stream};

    use crate::{
        Tree,
        formats::testing::{hostile, reference::run},
    };

    #[test]
    fn a_package_is_opened_down_to_its_files() {
        let data = stream::gzip(&archive::tar(&Files::new().file("usr/bin/a", 0o755, "program")));
        let package = archive::ar(&[("debian-binary", b"2.0\n"), ("data.tar.gz", &data)]);
        let tree = Tree::from_bytes(package, &Limits::default());
        assert_eq!((tree.problems(), tree.coverage().bytes_unread), (&[][..], 0));
        let locator = "image@0x0/ar:/data.tar.gz@0x0/gzip@0x0/tar:/usr/bin/a".parse().unwrap();
        let (node, _) = tree.resolve(&locator).unwrap();
        assert_eq!(tree.bytes(node).unwrap(), "program");
    }

    #[test]
    fn long_names_of_both_kinds_are_read() {
        let mut library = archive::ar(&[
            ("/", b"index"),
            ("//", b"a_long_name_of_an_object.o/\nb.o/\n"),
            ("/0", b"one"),
            ("/28", b"two"),
            ("short.o/", b"three"),
            ("#1/8", b"bsd.o\0\0\0four"),
        ]);
        library.extend(b"tail");
        let tree = Tree::from_bytes(library, &Limits::default());
        let root = tree.file_systems().next().unwrap();
        let cases = [
            ("/a_long_name_of_an_object.o", "one"),
            ("/b.o", "two"),
            ("/short.o", "three"),
            ("/bsd.o", "four"),
        ];
        for (path, content) in cases {
            let member = tree.member(root, path.as_bytes()).unwrap();
            assert_eq!(tree.bytes(member).unwrap(), content);
        }
        assert_eq!(tree.coverage().bytes_unread, 4);
    }

    #[test]
    fn thin_archives_name_what_they_are_made_of() {
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            "cd {} && echo text > an-object-with-a-long-name.o && ar rcST thin.a *.o",
            folder.path().display()
        );
        if !(run("ar", &["--version"]) && run("sh", &["-c", &script])) {
            return;
        }
        let bytes = std::fs::read(folder.path().join("thin.a")).unwrap();
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert_eq!((tree.problems(), tree.coverage().bytes_unread), (&[][..], 0));
        let root = tree.file_systems().next().unwrap();
        assert!(tree.member(root, b"/an-object-with-a-long-name.o").is_some());
    }

    #[test]
    fn hostile_variants_do_no_harm() {
        hostile::check(&archive::ar(&[("a", b"x"), ("//", b"long/\n"), ("/0", b"y")]), 200);
    }
}
