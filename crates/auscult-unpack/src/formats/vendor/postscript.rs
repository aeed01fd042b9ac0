//! PostScript programs that carry data for a printer as Ascii85 text, which is how some are updated
//! (PostScript Language Reference, section 3.13). Without such data a program is a text as any other.

use memchr::memmem;

use crate::{
    Entry, Extent, Fault,
    codec::{self, Codec},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    layout::text_of,
    transform::{Dress, undressed},
};

pub(crate) static FORMAT: Format =
    Format { name: "postscript", magics: &[Magic::start(b"%!PS")], carve: false, open };

/// Text is read at once.
const TEXT_BYTES_MAX: u64 = 256 << 20;
const FILTER: &[u8] = b"currentfile /ASCII85Decode filter";
const STREAMS_MAX: usize = 4096;
/// A line with a filter that data follows is not longer.
const LINE_BYTES_MAX: usize = 512;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    if candidate.extent.len() > TEXT_BYTES_MAX {
        return Err(NotThis);
    }
    let text = candidate.extent.read_all()?;
    let (mut entries, mut faults, mut at) = (Vec::new(), Vec::new(), 0);
    while entries.len() < STREAMS_MAX
        && let Some(data) = next_data(&text, at)
    {
        at = data.end;
        let (start, end) = (as_offset(data.start), as_offset(data.end));
        let source = candidate.extent.clamp(start, end - start);
        match decoded(&source, data.deflated) {
            Ok((content, fault)) => {
                faults.extend(fault.map(|fault| fault.within(start)));
                entries.push(Entry::part(format!("data-{start:#x}").as_bytes(), content));
            }
            Err(fault) => faults.push(fault.within(start)),
        }
    }
    if entries.is_empty() {
        return Err(NotThis);
    }
    let length = candidate.extent.len();
    Ok(Opened { length, attributes: comments(&text), entries, faults, unread: None })
}

struct Data {
    start: usize,
    end: usize,
    deflated: bool,
}

/// The next text behind a filter: it may begin with `<~` and ends before `~>`.
fn next_data(text: &[u8], from: usize) -> Option<Data> {
    let filter = from + memmem::find(text.get(from..)?, FILTER)?;
    let rest = text.get(filter..)?;
    let newline = rest.iter().take(LINE_BYTES_MAX).position(|&byte| byte == b'\n')?;
    let line = rest.get(..newline)?;
    let mut start = filter + newline + 1;
    if text.get(start..)?.starts_with(b"<~") {
        start += 2;
    }
    let end = start + memmem::find(text.get(start..)?, b"~>")?;
    Some(Data { start, end, deflated: memmem::find(line, b"/FlateDecode filter").is_some() })
}

/// The data, or what is left of its dress where it does not unpack.
fn decoded(source: &Extent, deflated: bool) -> Result<(Extent, Option<Fault>), Fault> {
    let content = undressed(source, Dress::Ascii85)?;
    if !deflated {
        return Ok((content, None));
    }
    // The filter is zlib (RFC 1950): a header of two bytes around the raw stream.
    let payload = codec::payload(Codec::Deflate, &content.from(2), |_| false);
    let unpacked = if payload.extent.is_empty() { content } else { payload.extent };
    Ok((unpacked, payload.fault))
}

fn as_offset(at: usize) -> u64 {
    u64::try_from(at).unwrap_or(u64::MAX)
}

/// What the comments at the start tell of the update.
fn comments(text: &[u8]) -> Vec<(&'static str, String)> {
    const KEYS: &[(&str, &str)] = &[
        ("title", "Title"),
        ("for", "For"),
        ("product", "Product"),
        ("device", "TargetDevice"),
        ("release", "Release"),
        ("release-date", "ReleaseDate"),
        ("release-versions", "ReleaseVersions"),
    ];
    let head = text.get(..4096).unwrap_or(text);
    let mut attributes = Vec::new();
    for line in head.split(|&byte| byte == b'\n').map(text_of) {
        let Some((key, value)) = line.trim_start_matches('%').split_once(':') else { continue };
        let key: String = key.split_whitespace().collect();
        let known = KEYS.iter().find(|(_, known)| line.starts_with('%') && *known == key);
        let told = known.is_some_and(|(name, _)| attributes.iter().any(|(told, _)| told == name));
        attributes
            .extend(known.filter(|_| !told).map(|(name, _)| (*name, value.trim().to_owned())));
    }
    attributes
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    const PROGRAM: &[u8] = b"%!PS-Adobe\n%%Title: Firmware Update\n%%ReleaseDate: 2015-01-12\n\n\
        currentfile /ASCII85Decode filter cvx exec\n<~9jqo^~>\n/x 1 def\n\
        (a) currentfile /ASCII85Decode filter /FlateDecode filter flash\n<~GaurJc,n(/a?Yge3\\CVb~>\n";

    #[test]
    fn data_of_both_kinds_is_decoded() {
        let tree = Tree::from_bytes(PROGRAM.to_vec(), &Limits::default());
        assert_eq!(attribute(&tree, "postscript", "release-date").unwrap(), "2015-01-12");
        let found = locators(&tree);
        let data = |at: &str| {
            let path = format!("image@0x0/postscript:/data-{at}").parse().unwrap();
            let (node, _) = tree.resolve(&path).unwrap_or_else(|| panic!("{found:?}"));
            tree.bytes(node).unwrap()
        };
        assert_eq!(data("0x6c"), "Man ");
        assert_eq!(data("0xbf"), "hello hello hello");
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        let text = b"%!PS-Adobe\n%%Title: A page\n100 100 moveto (text) show\n".to_vec();
        let tree = Tree::from_bytes(text, &Limits::default());
        assert!(!locators(&tree).iter().any(|locator| locator.contains("postscript")));
        check(PROGRAM, 70);
    }
}
