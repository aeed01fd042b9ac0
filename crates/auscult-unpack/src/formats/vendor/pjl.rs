//! Jobs for printers in HP's Printer Job Language (Printer Job Language Technical Reference Manual):
//! firmware comes as an `UPGRADE` command, other jobs as data of a printer language.
//!
//! The text is read here; what the commands carry are parts. A fingerprint that signs the file is told.

use memchr::memmem;

use crate::{
    Extent,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::layout::{Layout, text_of};

pub(crate) static FORMAT: Format =
    Format { name: "pjl", magics: &[Magic::start(b"\x1b%-12345X@PJL")], carve: true, open };

/// Universal Exit Language; some firmware repeats it without its escape character.
const EXITS: [&[u8]; 2] = [b"\x1b%-12345X", b"%-12345X"];
const LINE_BYTES_MAX: u64 = 4096;
const COMMANDS_MAX: usize = 1 << 16;
/// Where data of a printer language is searched for its end at once.
const SEARCH_BYTES: u64 = 1 << 20;
/// What stands around a signature over the file.
const FINGERPRINT: (&[u8], &[u8]) =
    (b"--=</Begin HP Signed File Fingerprint", b"--=</End HP Signed File Fingerprint\\>=--");
const FINGERPRINT_BYTES_MAX: u64 = 16 << 10;
/// A header in front of firmware with the model's name and a version.
const RECORD: &[u8] = &[0x03, 0x00, 0xa8, 0x01];
const RECORD_BYTES: u64 = 100;

struct Job<'extent> {
    extent: &'extent Extent,
    at: u64,
    attributes: Vec<(&'static str, String)>,
    /// Name, offset, length.
    parts: Vec<(String, u64, u64)>,
    /// What of the parts is read here.
    heads: Vec<(u64, u64)>,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let mut job = Job {
        extent: &candidate.extent,
        at: 0,
        attributes: Vec::new(),
        parts: Vec::new(),
        heads: Vec::new(),
    };
    let mut commands = 0;
    while commands < COMMANDS_MAX && job.step() {
        commands += 1;
    }
    if commands < 2 {
        return Err(NotThis);
    }
    let length = job.at.min(candidate.extent.len());
    let mut layout = Layout::disjoint(candidate.extent.clamp(0, job.at));
    let mut text_from = 0;
    for (name, offset, bytes) in &job.parts {
        layout.consumed(text_from, offset.saturating_sub(text_from));
        layout.part(name.as_str(), *offset, *bytes);
        text_from = offset.saturating_add(*bytes);
    }
    layout.consumed(text_from, length.saturating_sub(text_from));
    for (offset, bytes) in job.heads {
        layout.consumed(offset, bytes);
    }
    let laid = layout.finish();
    Ok(Opened {
        length: job.at,
        attributes: job.attributes,
        entries: laid.entries,
        faults: laid.faults,
        unread: None,
    })
}

impl Job<'_> {
    /// Reads what comes next; false where nothing of the language does.
    fn step(&mut self) -> bool {
        let Ok(bytes) = self.extent.read_up_to(self.at, LINE_BYTES_MAX) else { return false };
        if let Some(exit) = EXITS.iter().find(|exit| bytes.starts_with(exit)) {
            self.at += length_of(exit);
            return true;
        }
        let blanks = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if blanks > 0 {
            self.at += u64::try_from(blanks).unwrap_or(0);
            return true;
        }
        if bytes.starts_with(b"@PJL") {
            let end = bytes.iter().position(|&byte| byte == b'\n' || byte == 0x1b);
            let line = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
            let newline = u64::from(end.and_then(|end| bytes.get(end)) == Some(&b'\n'));
            self.at += length_of(line) + newline;
            self.command(line.trim_ascii());
            return true;
        }
        self.fingerprint(&bytes) || self.other_data()
    }

    /// Data without a command before it, if the language goes on behind it.
    fn other_data(&mut self) -> bool {
        let Some(end) = self.next_exit().filter(|&end| end > self.at) else { return false };
        self.parts.push((format!("data-{:#x}", self.at), self.at, end - self.at));
        self.at = end;
        true
    }

    /// Where the language is left or entered next.
    fn next_exit(&self) -> Option<u64> {
        let exit = EXITS.first()?;
        let mut at = self.at;
        loop {
            let bytes = self.extent.read_up_to(at, SEARCH_BYTES).ok()?;
            if let Some(found) = memmem::find(&bytes, exit) {
                return Some(at + u64::try_from(found).ok()?);
            }
            if bytes.len() < exit.len() {
                return None;
            }
            // It may lie across the seam.
            at += length_of(&bytes).saturating_sub(length_of(exit) - 1);
        }
    }

    fn command(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line).into_owned();
        let text = text.trim_start_matches("@PJL").trim();
        let keyed = |key: &str| {
            let rest = text.strip_prefix("COMMENT")?.trim_start().strip_prefix(key)?;
            Some(rest.strip_prefix('=')?.trim().to_owned())
        };
        for (key, name) in [("MODEL", "model"), ("VERSION", "version"), ("DATECODE", "date-code")] {
            let value = keyed(key).filter(|value| !value.is_empty());
            let told = self.attributes.iter().any(|(known, _)| *known == name);
            self.attributes.extend(value.filter(|_| !told).map(|value| (name, value)));
        }
        if let Some(size) = text.strip_prefix("UPGRADE") {
            let size = size
                .trim()
                .strip_prefix("SIZE")
                .and_then(|size| size.trim().strip_prefix('=')?.trim().parse::<u64>().ok());
            self.upgrade(size.unwrap_or(0));
        } else if text.starts_with("ENTER") {
            self.language_data(text);
        }
    }

    /// Firmware of this size, right behind the command or behind the end of the language.
    fn upgrade(&mut self, size: u64) {
        let head = self.extent.read_up_to(self.at, 16).unwrap_or_default();
        let exit = EXITS.iter().find(|exit| head.starts_with(exit));
        if let Some(exit) = exit {
            let newline = u64::from(head.get(exit.len()) == Some(&b'\n'));
            self.at += length_of(exit) + newline;
        }
        let (place, end) = (self.at, self.at.saturating_add(size));
        let record = self.extent.read_up_to(place, RECORD_BYTES.min(size)).unwrap_or_default();
        let is_record = record.starts_with(RECORD) && size > RECORD_BYTES;
        let name = format!("upgrade-{place:#x}");
        if is_record {
            self.heads.push((place, RECORD_BYTES));
            let told = record.get(4..).unwrap_or_default();
            let told = told.split(|byte| !(0x20..0x7f).contains(byte)).next().unwrap_or_default();
            let words: Vec<_> = text_of(told).split_whitespace().map(str::to_owned).collect();
            self.attributes.push(("upgrade", words.join(" ")));
            self.parts.push((name, place + RECORD_BYTES, size - RECORD_BYTES));
        } else {
            self.parts.push((name, place, size));
        }
        self.at = end;
    }

    /// Data of a printer language, up to the end of the language.
    fn language_data(&mut self, command: &str) {
        let language = command.rsplit('=').next().unwrap_or_default().trim().to_lowercase();
        let place = self.at;
        let end = self.next_exit().unwrap_or(self.extent.len());
        if end > place {
            self.parts.push((format!("{language}-{place:#x}"), place, end - place));
        }
        self.at = end;
    }

    /// The signature at the end.
    fn fingerprint(&mut self, bytes: &[u8]) -> bool {
        let start = memmem::find(bytes.get(..64).unwrap_or(bytes), FINGERPRINT.0);
        let Some(_) = start else { return false };
        let block = self.extent.read_up_to(self.at, FINGERPRINT_BYTES_MAX).unwrap_or_default();
        let Some(end) = memmem::find(&block, FINGERPRINT.1) else { return false };
        let text = block.get(..end).unwrap_or_default();
        let hash = memmem::find(text, b"Hash: ").and_then(|at| text.get(at + 6..));
        let hash = hash.map(|rest| rest.split(u8::is_ascii_whitespace).next());
        let hash = hash.flatten().map(text_of).unwrap_or_default();
        let told = format!("{hash} fingerprint, not verified: the key is not known");
        self.attributes.push(("signature", told.trim_start().to_owned()));
        self.at += u64::try_from(end).unwrap_or(0) + length_of(FINGERPRINT.1);
        true
    }
}

fn length_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn jobs() -> Vec<u8> {
        let record = [&[3, 0, 0xa8, 1][..], &[b' '; 96], b"firmware"].concat();
        [
            &b"\x1b%-12345X@PJL JOB\n\x1b%-12345X@PJL\r\n@PJL COMMENT MODEL=Printer 9\r\n"[..],
            b"@PJL COMMENT VERSION=07\r\n@PJL UPGRADE SIZE=108\r\n",
            &record,
            b"%-12345X@PJL EOJ\n\x1b%-12345X@PJL UPGRADE SIZE=5\n\x1b%-12345X\npages",
            b"\x1b%-12345Xraw\x1b%-12345X@PJL ENTER LANGUAGE=PCL\r\n\x1bEtext\x1b%-12345X",
            b"|--=</Begin HP Signed File Fingerprint\\>=--\nHash: sha256\nSignature: YWJj\n",
            b"--=</End HP Signed File Fingerprint\\>=--",
        ]
        .concat()
    }

    #[test]
    fn upgrades_and_data_are_parts() {
        let tree = Tree::from_bytes(jobs(), &Limits::default());
        assert_eq!(attribute(&tree, "pjl", "model").unwrap(), "Printer 9");
        assert!(attribute(&tree, "pjl", "signature").unwrap().starts_with("sha256"));
        let found: Vec<_> = tree
            .nodes()
            .filter(|(id, _)| tree.locator(*id).to_string().matches(":/").count() == 1)
            .filter(|(_, node)| node.is_file())
            .map(|(id, _)| tree.bytes(id).unwrap())
            .collect();
        assert_eq!(found, ["raw", "\x1bEtext", "pages", "firmware"], "{:?}", locators(&tree));
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        check(&jobs(), 60);
    }
}
