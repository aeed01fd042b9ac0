//! Tells whether a file is what its feed serves, without reading what is in it.
//!
//! A server that answers an error page with status 200, a body that was cut where no length was
//! told, and a feed that changed its schema must not replace a good copy. What is looked at is
//! the packing to its end, the first and last character, and words that the schema cannot lack.

use std::{
    fs::File,
    io::{BufReader, Read, Seek as _, SeekFrom},
    path::Path,
};

use flate2::read::MultiGzDecoder;
use memchr::memmem;

use crate::{Error, Result};

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    /// RFC 1952; the checksum at its end is verified.
    Gzip,
    /// APPNOTE; the record at its end is looked for.
    Zip,
}

/// What the text inside is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// An object or array of JSON.
    Json,
    /// Anything else.
    Any,
}

/// What a file of a feed looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) packing: Packing,
    pub(crate) text: Text,
    /// Words that are in every such file.
    pub(crate) words: &'static [&'static str],
}

impl Shape {
    pub(crate) const fn json(words: &'static [&'static str]) -> Self {
        Self { packing: Packing::Plain, text: Text::Json, words }
    }

    pub(crate) const fn json_gz(words: &'static [&'static str]) -> Self {
        Self { packing: Packing::Gzip, text: Text::Json, words }
    }

    pub(crate) const fn text(words: &'static [&'static str]) -> Self {
        Self { packing: Packing::Plain, text: Text::Any, words }
    }

    pub(crate) const fn text_gz(words: &'static [&'static str]) -> Self {
        Self { packing: Packing::Gzip, text: Text::Any, words }
    }

    pub(crate) const fn zip() -> Self {
        Self { packing: Packing::Zip, text: Text::Any, words: &[] }
    }

    /// Looks at a file; `unpacked_limit` bounds what its packing may put out.
    pub(crate) fn check(&self, path: &Path, name: &str, unpacked_limit: u64) -> Result<()> {
        let wrong = |reason: String| Error::Shape { name: name.to_owned(), reason };
        let mut file = File::open(path).map_err(Error::io(path))?;
        match self.packing {
            Packing::Zip => check_zip(&mut file).map_err(wrong),
            Packing::Plain => self.check_text(BufReader::new(file), unpacked_limit).map_err(wrong),
            Packing::Gzip => {
                let reader = MultiGzDecoder::new(BufReader::new(file));
                self.check_text(reader, unpacked_limit).map_err(wrong)
            }
        }
    }

    fn check_text(&self, mut reader: impl Read, limit: u64) -> std::result::Result<(), String> {
        let longest = self.words.iter().map(|word| word.len()).max().unwrap_or(0);
        let mut missing = self.words.to_vec();
        let (mut window, mut buffer) = (Vec::new(), vec![0; 1 << 17]);
        let (mut first, mut last, mut total) = (None, None, 0_u64);
        loop {
            let read = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(format!("it cannot be unpacked: {error}")),
            };
            total = total.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
            if total > limit {
                return Err(format!("it unpacks to more than {limit} bytes"));
            }
            let bytes = buffer.get(..read).unwrap_or_default();
            let mut visible = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace());
            first = first.or_else(|| visible.clone().next());
            last = visible.next_back().or(last);
            if !missing.is_empty() {
                window.extend_from_slice(bytes);
                missing.retain(|word| memmem::find(&window, word.as_bytes()).is_none());
                // A word may lie across two reads.
                let keep = window.len().saturating_sub(longest);
                window.drain(..keep);
            }
        }
        if self.text == Text::Json
            && !matches!((first, last), (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')))
        {
            return Err("it is no whole JSON document".to_owned());
        }
        match missing.first() {
            None => Ok(()),
            Some(word) => Err(format!("{word} is missing; the feed may have changed its schema")),
        }
    }
}

/// The end record of a ZIP archive (APPNOTE 4.3.16) must stand at the end, and the directory that
/// it names before it.
fn check_zip(file: &mut File) -> std::result::Result<(), String> {
    const RECORD_BYTES: usize = 22;
    const COMMENT_BYTES_MAX: u64 = 0xffff;
    let failed = |error: std::io::Error| format!("it cannot be read: {error}");
    let mut mark = [0; 4];
    file.read_exact(&mut mark).map_err(|_| "it is no ZIP archive".to_owned())?;
    if !matches!(&mark, b"PK\x03\x04" | b"PK\x05\x06") {
        return Err("it is no ZIP archive".to_owned());
    }
    let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
    let record_bytes = u64::try_from(RECORD_BYTES).unwrap_or(22);
    let start = length.saturating_sub(record_bytes + COMMENT_BYTES_MAX);
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    let mut tail = Vec::new();
    file.take(record_bytes + COMMENT_BYTES_MAX).read_to_end(&mut tail).map_err(failed)?;
    let whole = memmem::rfind_iter(&tail, b"PK\x05\x06").any(|at| {
        let record = tail.get(at..).unwrap_or_default();
        let comment = record.get(20..22).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes);
        comment.is_some_and(|comment| record.len() == RECORD_BYTES + usize::from(comment))
    });
    if whole { Ok(()) } else { Err("the end of the ZIP archive is missing".to_owned()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use auscult_testkit::zip::{ZipMember, ZipMethod, zip};

    use super::Shape;

    fn check(shape: Shape, bytes: &[u8]) -> Result<(), String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        shape.check(file.path(), "file", 1 << 20).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_is_taken_only_if_it_is_whole_and_of_its_schema() {
        let json = Shape::json(&["\"catalogVersion\"", "\"vulnerabilities\""]);
        let good = br#"{"catalogVersion":"1","vulnerabilities":[]}"#;
        assert_eq!(check(json, good), Ok(()));
        for bad in [
            &b"<html>503</html>"[..],
            b"",
            br#"{"catalogVersion":"1","vulnerabilities":["#,
            br#"{"catalogVersion":"2","entries":[]}"#,
        ] {
            assert!(check(json, bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        let gz = auscult_testkit::stream::gzip(good);
        let packed = Shape::json_gz(&["\"vulnerabilities\""]);
        assert_eq!(check(packed, &gz), Ok(()));
        assert!(check(packed, &gz[..gz.len() - 4]).is_err(), "cut");
        assert!(check(packed, good).is_err(), "not packed");
        let bomb = auscult_testkit::stream::gzip(&vec![b' '; 2 << 20]);
        assert!(check(packed, &bomb).unwrap_err().contains("more than"));
        let archive = zip(&[ZipMember::file("a.json", ZipMethod::Deflate, good)]);
        assert_eq!(check(Shape::zip(), &archive), Ok(()));
        assert!(check(Shape::zip(), &archive[..archive.len() - 1]).is_err());
        assert!(check(Shape::zip(), good).is_err());
    }

    #[test]
    fn a_word_is_found_across_two_reads() {
        let mut text = vec![b' '; (1 << 17) - 3];
        text.extend_from_slice(b"needle");
        assert_eq!(check(Shape::text(&["needle"]), &text), Ok(()));
    }
}
