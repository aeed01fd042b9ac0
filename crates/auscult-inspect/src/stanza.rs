//! Records of "Field: value" lines, as package databases are written.
//!
//! The grammar is that of Debian control files (deb822(5)), which opkg shares: records are parted
//! by empty lines, a line that starts with white space goes on with the field before. What real
//! images get wrong is mended and told: CRLF line ends, bytes that are no UTF-8, a missing empty
//! line before the next `Package:`, lines without a field name. No record is ever dropped.

use auscult_unpack::Fault;

/// One record.
#[derive(Debug, Default)]
pub(crate) struct Stanza {
    /// Offset of its first line in the file.
    pub(crate) offset: u64,
    fields: Vec<(String, String)>,
}

impl Stanza {
    /// The value of a field; names differ by more than case. Empty values count as absent.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }
}

/// Splits a file into its records.
pub(crate) fn read(bytes: &[u8]) -> (Vec<Stanza>, Vec<Fault>) {
    let mut reader = Reader::default();
    let mut offset = 0_u64;
    let body = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    offset += u64::try_from(bytes.len() - body.len()).unwrap_or(0);
    for line in body.split_inclusive(|&byte| byte == b'\n') {
        reader.line(offset, line);
        offset = offset.saturating_add(u64::try_from(line.len()).unwrap_or(0));
    }
    reader.finish();
    (reader.stanzas, reader.faults)
}

#[derive(Default)]
struct Reader {
    stanzas: Vec<Stanza>,
    current: Stanza,
    faults: Vec<Fault>,
}

impl Reader {
    fn line(&mut self, offset: u64, line: &[u8]) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            self.finish();
            return;
        }
        let text = String::from_utf8_lossy(line);
        if text.contains(char::REPLACEMENT_CHARACTER) {
            self.faults.push(Fault::new(offset, "read a database row", "a line is not UTF-8"));
        }
        if text.starts_with([' ', '\t']) {
            match self.current.fields.last_mut() {
                Some((_, value)) => {
                    value.push('\n');
                    value.push_str(text.trim());
                }
                None => self.stray(offset, "a continuation line without a field before it"),
            }
            return;
        }
        let Some((name, value)) = text.split_once(':') else {
            self.stray(offset, "a line without a field name");
            return;
        };
        if name.eq_ignore_ascii_case("package") && self.current.field("package").is_some() {
            self.stray(offset, "no empty line before the next row");
            self.finish();
        }
        if self.current.fields.is_empty() {
            self.current.offset = offset;
        }
        self.current.fields.push((name.trim().to_owned(), value.trim().to_owned()));
    }

    fn stray(&mut self, offset: u64, why: &str) {
        self.faults.push(Fault::new(offset, "read a database row", why));
    }

    fn finish(&mut self) {
        let done = std::mem::take(&mut self.current);
        if !done.fields.is_empty() {
            self.stanzas.push(done);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn damaged_records_are_told_and_kept() {
        let text = b"Package: one\r\nVersion: 1\r\nDescription: first\r\n second\r\n\r\n\
            Package: two\nno colon here\nVersion: 2\nPackage: three\nMaintainer: J\xf6rg\n";
        let (stanzas, faults) = read(text);
        let names: Vec<_> = stanzas.iter().filter_map(|stanza| stanza.field("Package")).collect();
        assert_eq!(names, ["one", "two", "three"]);
        assert_eq!(stanzas[0].field("description"), Some("first\nsecond"));
        assert_eq!(stanzas[1].field("Version"), Some("2"));
        assert_eq!(&text[usize::try_from(stanzas[2].offset).unwrap()..][..14], b"Package: three");
        assert_eq!(faults.len(), 3, "{faults:?}");
    }
}
