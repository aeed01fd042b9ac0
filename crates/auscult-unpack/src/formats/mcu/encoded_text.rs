//! Memory images and other data as text in the middle of other bytes: Intel HEX files, S-records, and
//! base64 in lines.

use memchr::memchr3_iter;

use crate::{
    Entry, Extent,
    format::Opened,
    formats,
    probe::{Found, Probe, Region},
};

use super::{ihex, memory, srec};
use crate::formats::support::transform::{Dress, undressed};

pub(crate) static PROBE: Probe = Probe { name: "encoded-text", find };

/// Records in a row that are more than chance.
const RECORDS_MIN: usize = 4;
/// Lines of base64 have one length, as in MIME (76), PEM (64) and their like.
const LINE_BYTES: std::ops::RangeInclusive<usize> = 60..=76;
const LINES_MIN: usize = 4;
const FOUND_MAX: usize = 4096;

fn find(region: &Region) -> Vec<Found> {
    let Ok(bytes) = region.code.read_all() else { return Vec::new() };
    let (mut found, mut claimed) = (Vec::new(), 0);
    for mark in memchr3_iter(b':', b'S', b'\n', &bytes) {
        if mark < claimed || found.len() >= FOUND_MAX {
            continue;
        }
        let text = match bytes.get(mark) {
            Some(b':') => text_of_records(&bytes, mark, &region.code, "ihex"),
            Some(b'S') => text_of_records(&bytes, mark, &region.code, "srec"),
            _ => text_of_lines(&bytes, mark, claimed, &region.code),
        };
        match text {
            Some(Text::Whole(at, opened)) => {
                claimed = at.saturating_add(usize::try_from(opened.length).unwrap_or(usize::MAX));
                found.push(Found { offset: as_offset(at), opened });
            }
            Some(Text::Broken(end)) => claimed = end,
            None => {}
        }
    }
    found
}

/// What looks like a text of this kind.
enum Text {
    /// It starts here and decodes.
    Whole(usize, Opened),
    /// It ends here without its end: no other one starts inside it.
    Broken(usize),
}

fn as_offset(at: usize) -> u64 {
    u64::try_from(at).unwrap_or(u64::MAX)
}

/// A file of records that starts here.
fn text_of_records(bytes: &[u8], at: usize, code: &Extent, format: &str) -> Option<Text> {
    let text = bytes.get(at..)?;
    let is_record = |line: &[u8]| match format {
        "ihex" => ihex::record(line).is_some(),
        _ => srec::record(line).is_some(),
    };
    let (mut end, mut count) = (0, 0);
    while let Some((line, behind)) = memory::line(text, end)
        && is_record(line)
    {
        end = behind;
        count += 1;
    }
    if count < RECORDS_MIN {
        return None;
    }
    let source = code.from(as_offset(at));
    let Some(length) = formats::open_as(format, &source).map(|opened| opened.length) else {
        return Some(Text::Broken(at + end));
    };
    let encoding = if format == "ihex" { "Intel HEX" } else { "S-record" };
    Some(Text::Whole(at, opened(encoding, length, source.clamp(0, length))))
}

/// Lines of base64 of which the first ends here.
fn text_of_lines(bytes: &[u8], newline: usize, from: usize, code: &Extent) -> Option<Text> {
    let before = bytes.get(from..newline)?;
    let width = before.iter().rev().take(*LINE_BYTES.end() + 1).take_while(|&&byte| is_digit(byte));
    let at = newline - width.count();
    let (length, sound) = base64_bytes(bytes.get(at..)?)?;
    let source = code.clamp(as_offset(at), as_offset(length));
    match undressed(&source, Dress::Base64) {
        Ok(content) if sound => Some(Text::Whole(at, opened("base64", as_offset(length), content))),
        _ => Some(Text::Broken(at + length)),
    }
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

fn opened(encoding: &str, length: u64, content: Extent) -> Opened {
    let attributes = vec![("encoding", encoding.to_owned())];
    Opened { length, attributes, entries: vec![Entry::payload(content)], ..Opened::default() }
}

/// The length of lines of base64, all of one length but for the last, and whether they are enough.
fn base64_bytes(text: &[u8]) -> Option<(usize, bool)> {
    let line = |at: usize| {
        let rest = text.get(at..)?;
        let length = rest.iter().take(*LINE_BYTES.end() + 1).take_while(|&&byte| is_digit(byte));
        Some(length.count())
    };
    let width = line(0).filter(|width| LINE_BYTES.contains(width) && width % 4 == 0)?;
    let (mut at, mut lines) = (0, 0);
    while line(at) == Some(width) && text.get(at + width) == Some(&b'\n') {
        at += width + 1;
        lines += 1;
    }
    let last = line(at).unwrap_or(0);
    if last < width && last % 4 == 0 && last > 0 {
        at += last + usize::from(text.get(at + last) == Some(&b'\n'));
    }
    // Hexadecimal digits in lines are none of it, and words are not all of one length.
    let body = text.get(..at)?;
    let mixed = [u8::is_ascii_lowercase, u8::is_ascii_uppercase]
        .iter()
        .all(|is| body.iter().any(|byte| is(byte) && !byte.is_ascii_hexdigit()));
    Some((at, lines >= LINES_MIN && mixed))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile::{locators, noise},
            reference::assert_survives_damage,
        },
    };

    fn image() -> Vec<u8> {
        let ihex = ":0400000041424344F2\n:0400040045464748DE\n:0400080041424344EA\n\
                    :04000C0041424344E6\n:00000001FF\n";
        let srec = "S10710004142434 4DE\n".replace(' ', "").repeat(3) + "S9031000EC\n";
        let line = "QWJjZGVmZ2hpamts".repeat(4) + "\n";
        let base64 = line.repeat(4) + "TGFzdA==\n";
        let texts = [ihex.as_bytes(), srec.as_bytes(), base64.as_bytes()];
        texts.iter().fold(noise(50), |image, text| [&image[..], text, b"\0", &noise(9)].concat())
    }

    #[test]
    fn texts_between_other_bytes_are_decoded() {
        let tree = Tree::from_bytes(image(), &Limits::default());
        let found = locators(&tree);
        let memory = "image@0x32/encoded-text@0x0/ihex:/0x00000000";
        let (node, _) =
            tree.resolve(&memory.parse().unwrap()).unwrap_or_else(|| panic!("{found:?}"));
        assert_eq!(tree.bytes(node).unwrap(), "ABCDEFGHABCDABCD");
        let texts = tree.nodes().filter(|(_, node)| node.format() == Some("encoded-text"));
        assert_eq!(texts.count(), 3, "{found:?}");
        assert_survives_damage(&image(), 60, 17);
    }
}
