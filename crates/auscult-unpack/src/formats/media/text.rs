//! Text that stands alone: the whole of what is between other formats, or the payload of a stream.
//!
//! A person can read it, so that it is not unknown. Only whole regions count: words inside of machine
//! code are part of the code.

use crate::{
    format::Opened,
    probe::{Found, Probe, Region},
};

pub(crate) static PROBE: Probe = Probe { name: "text", find };

/// Shorter texts are chance.
const BYTES_MIN: u64 = 16;
/// Text is looked at in pieces of this size.
const PIECE_BYTES: u64 = 1 << 20;

fn find(region: &Region) -> Vec<Found> {
    let code = &region.code;
    if code.len() < BYTES_MIN {
        return Vec::new();
    }
    let (mut at, mut lines, mut wide) = (0, 0_usize, false);
    while at < code.len() {
        let Ok(bytes) = code.read_up_to(at, PIECE_BYTES) else { return Vec::new() };
        let last = at + u64::try_from(bytes.len()).unwrap_or(u64::MAX) >= code.len();
        let Some(text) = readable(&bytes, last) else { return Vec::new() };
        lines += memchr::memchr_iter(b'\n', text.as_bytes()).count();
        wide |= !text.is_ascii();
        // A character that a piece cuts is read again with the next one.
        at += u64::try_from(text.len()).unwrap_or(u64::MAX).max(1);
    }
    let encoding = if wide { "UTF-8" } else { "ASCII" };
    let attributes = vec![("encoding", encoding.to_owned()), ("lines", lines.to_string())];
    let opened = Opened { length: code.len(), attributes, ..Opened::default() };
    vec![Found { offset: 0, opened }]
}

/// The bytes as text, if all of them are: up to three bytes at the end may be the start of a character
/// that a piece cuts, but not in the last one.
fn readable(bytes: &[u8], last: bool) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() && !last => {
            std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let plain = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\x0c' | '\x1b');
    text.chars().all(plain).then_some(text)
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::stream;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators, noise},
    };

    #[test]
    fn a_packed_text_is_read_and_words_in_code_are_not() {
        let text = "Zeile mit Umlauten: äöü\n".repeat(60_000);
        let tree = Tree::from_bytes(stream::gzip(text.as_bytes()), &Limits::default());
        assert_eq!(attribute(&tree, "text", "encoding").unwrap(), "UTF-8");
        assert_eq!(attribute(&tree, "text", "lines").unwrap(), "60000");
        assert_eq!(tree.coverage().bytes_unread, 0, "{:?}", locators(&tree));
        let code = [noise(100), text.into_bytes(), noise(100)].concat();
        let tree = Tree::from_bytes(code, &Limits::default());
        assert!(attribute(&tree, "text", "lines").is_none());
        check(b"a short text of a few words\n", 28);
    }
}
