//! The version that a program or library tells of itself, for components without a pattern that
//! reads it.
//!
//! Rules know how a component writes its version where that is peculiar. Most write it plainly, and
//! four plain forms are safe enough to be read without a rule of their own (measured by `cargo
//! xtask oracle`):
//!
//! * behind its own name at the start of a string: `igmpproxy 0.3`, `iw version 5.19`;
//! * as a whole string that the file's name ends in as well: `2.66` in `libcap.so.2.66`;
//! * in the folder that it was built in: `/build/reproducible-path/vim-9.0.1378=`, as compilers leave
//!   it in asserts and in their own options;
//! * as the only whole string of three numbers, where a rule knows the file by its name.
//!
//! Several different answers are none. A library's version that a macro left in the caller
//! (`deflateInit_`, `png_create_read_struct`), the compiler's, and standards that look like versions
//! are left out.

use std::collections::BTreeMap;

use memchr::memmem;
use serde::{Deserialize, Serialize};

use crate::{
    foreign::{Foreign, foreign},
    signatures::{FileKind, Rule},
};

/// The forms in which a file tells its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Form {
    /// Behind its name, and again as a whole string or in the file's name.
    Confirmed,
    /// A whole string and the end of the file's name.
    InFileName,
    /// Behind its name.
    BehindName,
    /// Behind its name in the path of the folder in which it was built.
    BuildPath,
    /// The only whole string of three numbers.
    Alone,
}

impl Form {
    /// How much it is believed, in percent.
    pub(crate) fn confidence(self) -> u8 {
        match self {
            Self::Confirmed => 90,
            Self::InFileName => 85,
            Self::BehindName | Self::BuildPath => 80,
            Self::Alone => 70,
        }
    }
}

/// The longest version, and how far its name may stand in front of it.
const VERSION_BYTES_MAX: usize = 32;
const BEFORE_BYTES_MAX: usize = 64;
/// A name of one letter stands in front of any number.
const NAME_BYTES_MIN: usize = 2;
/// Parts of paths under which software is built: by Debian, Fedora, OpenWrt, Buildroot, Yocto, hands.
const BUILD_FOLDERS: &[&str] =
    &["/build/", "/builddir/", "/build_dir/", "/work/", "/usr/src/debug/", "/home/", "/tmp/"];
/// Places that are looked at; a table of numbers has thousands.
const PLACES_MAX: usize = 65_536;

/// What a file says of its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwnVersion {
    pub(crate) version: String,
    /// Where the telling string starts in the bytes.
    pub(crate) offset: usize,
    /// The telling string, shortened.
    pub(crate) matched: String,
    pub(crate) form: Form,
}

/// Reads the version that an ELF file tells of itself. With a rule the file is known to be of that
/// component; without one only what stands behind the file's own name counts.
pub(crate) fn read(
    path: &[u8],
    kind: FileKind,
    rule: Option<&Rule>,
    bytes: &[u8],
) -> Option<OwnVersion> {
    if kind != FileKind::Elf {
        return None;
    }
    let file = std::str::from_utf8(path.rsplit(|&byte| byte == b'/').next()?).ok()?;
    let names = names(file, rule);
    let projects = project_names(&names, rule);
    let (mut behind, mut built, mut alone) = (Told::default(), Told::default(), Told::default());
    for text in VersionTexts::new(bytes).take(PLACES_MAX) {
        if text.is_alone() {
            alone.add(&text);
        }
        if text.is_build_path(&projects) {
            built.add(&text);
        }
        if names.iter().any(|name| text.is_behind(name)) {
            behind.add(&text);
        }
    }
    if let Some(found) = behind.only() {
        let suffix = file.split_once(".so.").is_some_and(|(_, end)| end == found.version);
        let confirmed = suffix || alone.0.contains_key(&found.version);
        let form = if confirmed { Form::Confirmed } else { Form::BehindName };
        return Some(OwnVersion { form, ..found });
    }
    if !behind.0.is_empty() {
        return None;
    }
    if let Some(found) = built.only() {
        return Some(OwnVersion { form: Form::BuildPath, ..found });
    }
    if rule.is_none_or(|rule| !rule.own_version) {
        return None;
    }
    if let Some((_, numbers)) = file.split_once(".so.")
        && numbers.contains('.')
        && let Some(found) = alone.0.get(numbers)
    {
        return Some(OwnVersion { form: Form::InFileName, ..found.clone() });
    }
    if compares_kernels(bytes) {
        return None;
    }
    alone.forget(&foreign(bytes));
    alone.only()
}

/// Whether the file asks for the kernel's release and takes it apart: then a lone number may be that
/// of a kernel.
fn compares_kernels(bytes: &[u8]) -> bool {
    let holds = |text: &[u8]| memmem::find(bytes, text).is_some();
    holds(b"\0uname\0") && (holds(b"%d.%d") || holds(b"%u.%u"))
}

/// A name that the file may give itself, in lower case, and how many numbers must follow it at
/// least: `SSL 3.0` is a protocol and not libssl.
struct OwnName {
    text: String,
    parts_min: usize,
}

/// What the file may call itself: its name, without `lib` and a number at the end, and its rule's.
fn names(file: &str, rule: Option<&Rule>) -> Vec<OwnName> {
    let stem = file.split_once(".so").map_or(file, |(stem, _)| stem);
    let numberless = stem.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    let whole = [stem, numberless].into_iter().chain(rule.map(|rule| rule.name.as_str()));
    let short = [stem, numberless].into_iter().filter_map(|name| name.strip_prefix("lib"));
    let mut names: Vec<OwnName> = Vec::new();
    for (text, parts_min) in whole.map(|name| (name, 2)).chain(short.map(|name| (name, 3))) {
        let text = text.to_ascii_lowercase();
        if text.len() >= NAME_BYTES_MIN && names.iter().all(|known| known.text != text) {
            names.push(OwnName { text, parts_min });
        }
    }
    names
}

/// What the folder may be called that the file was built in, in lower case.
fn project_names(names: &[OwnName], rule: Option<&Rule>) -> Vec<String> {
    let of_rule = rule.into_iter().flat_map(|rule| rule.aliases.iter().chain([&rule.id]));
    let own = names.iter().map(|name| &name.text).chain(of_rule);
    own.map(|name| format!("/{}-", name.to_ascii_lowercase())).collect()
}

/// The different versions told in one form, each with its first place.
#[derive(Default)]
struct Told(BTreeMap<String, OwnVersion>);

impl Told {
    fn add(&mut self, text: &VersionText<'_>) {
        self.0.entry(text.version().to_owned()).or_insert_with(|| OwnVersion {
            version: text.version().to_owned(),
            offset: text.string_start(),
            matched: text.string(),
            form: Form::Alone,
        });
    }

    fn only(&self) -> Option<OwnVersion> {
        let mut all = self.0.values();
        all.next().filter(|_| all.next().is_none()).cloned()
    }

    /// Leaves what may be the component's own: three numbers, and none of something else.
    fn forget(&mut self, foreign: &[Foreign]) {
        let plain = |c: char| c.is_ascii_digit() || c == '.';
        self.0.retain(|version, _| {
            version.split('.').count() == 3
                && version.chars().all(plain)
                && !foreign.iter().any(|other| other.is(version))
        });
    }
}

/// A dotted number with what stands around it in its string.
struct VersionText<'b> {
    bytes: &'b [u8],
    start: usize,
    end: usize,
}

impl VersionText<'_> {
    fn version(&self) -> &str {
        let text = self.bytes.get(self.start..self.end).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }

    /// The part of its string in front of it, as far as a name may stand away.
    fn before(&self) -> &[u8] {
        let from = self.start.saturating_sub(BEFORE_BYTES_MAX);
        let window = self.bytes.get(from..self.start).unwrap_or_default();
        let cut = window.iter().rposition(|byte| !is_text(*byte)).map_or(0, |at| at + 1);
        window.get(cut..).unwrap_or_default()
    }

    fn string_start(&self) -> usize {
        self.start - self.before().len()
    }

    /// The string from its start, shortened.
    fn string(&self) -> String {
        let rest = self.bytes.get(self.string_start()..).unwrap_or_default();
        let rest = rest.get(..BEFORE_BYTES_MAX + VERSION_BYTES_MAX).unwrap_or(rest);
        let end = rest.iter().position(|byte| !is_text(*byte)).unwrap_or(rest.len());
        String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned()
    }

    /// Whether it is a whole string, but for a `v`.
    fn is_alone(&self) -> bool {
        let ended = matches!(self.bytes.get(self.end), Some(0 | b'\n'));
        ended && matches!(self.before(), [] | [b'v' | b'V'])
    }

    /// Whether it ends the name of a folder of one of these names in which software is built.
    fn is_build_path(&self, projects: &[String]) -> bool {
        if !self.before().ends_with(b"-") {
            return false;
        }
        let before = String::from_utf8_lossy(self.before()).to_ascii_lowercase();
        let Some(around) = projects.iter().find_map(|name| before.strip_suffix(name.as_str()))
        else {
            return false;
        };
        // Builders change the name a little: `2.25.2+dfsg`, `1.8.4-2-g1a2b3c`. What `~rc2` and
        // `+really1.3` stand behind is another release.
        let rest = self.bytes.get(self.end..).unwrap_or_default();
        let appended = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+~.-".contains(byte);
        let end = rest.iter().take(VERSION_BYTES_MAX).take_while(appended).count();
        let is_folder = matches!(rest.get(end), Some(b'/' | b'='));
        let appended = rest.get(..end).unwrap_or_default();
        let is_same = appended.starts_with(b"+") || appended.starts_with(b"-");
        is_folder
            && (end == 0 || is_same && memmem::find(appended, b"really").is_none())
            && BUILD_FOLDERS.iter().any(|folder| format!("{around}/").contains(folder))
    }

    /// Whether the string begins with this name and goes on with the version.
    fn is_behind(&self, name: &OwnName) -> bool {
        let before = String::from_utf8_lossy(self.before()).to_ascii_lowercase();
        let Some(between) = before.strip_prefix(&name.text) else { return false };
        let (between, is_library) =
            between.strip_prefix(".so").map_or((between, false), |rest| (rest, true));
        let (plain, worded) = without_word(between);
        let parts = self.version().split('.').count();
        if parts < name.parts_min {
            return false;
        }
        match plain {
            " " | ", " | ": " | "\t" => true,
            "" => worded && !between.is_empty() && between != "v",
            // Interfaces and protocols are written so: `SSH-2.0`, `gstreamer-1.0`.
            // The format of the loader's cache: `glibc-ld.so.cache1.1`, `ld.so-1.7.0`.
            "/" | "-" => parts >= 3 && !is_library,
            _ => false,
        }
    }
}

/// What stands between a name and a number without the word that announces a version, and whether
/// there was one.
fn without_word(between: &str) -> (&str, bool) {
    let text = between.strip_suffix('v').unwrap_or(between);
    let trimmed = text.trim_end_matches([' ', ':']);
    for word in ["version", "release", "ver.", "ver"] {
        if let Some(rest) = trimmed.strip_suffix(word) {
            let rest = rest.trim_end_matches([' ', ',', '-', ':', '(']);
            return (rest, true);
        }
    }
    (text, text.len() != between.len())
}

fn is_text(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte) || byte == b'\t'
}

/// Every dotted number that could be a version, in order.
struct VersionTexts<'b> {
    bytes: &'b [u8],
    dots: memchr::Memchr<'b>,
    done: usize,
}

impl<'b> VersionTexts<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, dots: memchr::memchr_iter(b'.', bytes), done: 0 }
    }

    /// The number around a dot, if it is one of two to four parts and ends where a version may.
    fn around(&mut self, dot: usize) -> Option<VersionText<'b>> {
        let digit = |at: usize| self.bytes.get(at).is_some_and(u8::is_ascii_digit);
        if dot < self.done || !digit(dot + 1) || !digit(dot.checked_sub(1)?) {
            return None;
        }
        let mut start = dot;
        while start > 0 && digit(start - 1) && dot - start < VERSION_BYTES_MAX {
            start -= 1;
        }
        let mut end = dot + 1;
        while digit(end) || self.bytes.get(end) == Some(&b'.') && digit(end + 1) {
            end += 1;
        }
        self.done = end;
        let parts = self.bytes.get(start..end)?.split(|&byte| byte == b'.').count();
        end += suffix(self.bytes.get(end..)?);
        let ended = self.bytes.get(end).is_none_or(|byte| !byte.is_ascii_alphanumeric());
        let begun = start.checked_sub(1).and_then(|at| self.bytes.get(at)) != Some(&b'.');
        ((2..=4).contains(&parts) && ended && begun && end - start <= VERSION_BYTES_MAX)
            .then_some(VersionText { bytes: self.bytes, start, end })
    }
}

impl<'b> Iterator for VersionTexts<'b> {
    type Item = VersionText<'b>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let dot = self.dots.next()?;
            if let Some(text) = self.around(dot) {
                return Some(text);
            }
        }
    }
}

/// Length of what may follow the numbers: a letter, `p1`, `-rc1`, `beta2`, `-beta.2`.
fn suffix(rest: &[u8]) -> usize {
    let letters = |from: usize| {
        let tail = rest.get(from..).unwrap_or_default();
        tail.iter().take_while(|byte| byte.is_ascii_alphabetic()).count()
    };
    let digits = |from: usize| {
        let tail = rest.get(from..).unwrap_or_default();
        tail.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let separator = usize::from(matches!(rest.first(), Some(b'-' | b'_' | b'.')));
    let word = rest.get(separator..separator + letters(separator)).unwrap_or_default();
    if matches!(word, b"rc" | b"beta" | b"alpha" | b"pre" | b"RC") {
        let end = separator + word.len();
        let dot = usize::from(rest.get(end) == Some(&b'.') && digits(end + 1) > 0);
        return end + dot + digits(end + dot);
    }
    match letters(0) {
        1 if rest.first() == Some(&b'p') => 1 + digits(1),
        1 if rest.first().is_some_and(u8::is_ascii_lowercase) && digits(1) == 0 => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::signatures::{FileKind, RuleSet};

    fn told(path: &str, rule: Option<&str>, text: &str) -> Option<String> {
        let rule = rule.and_then(|name| RuleSet::builtin().for_name(name));
        let bytes = [b"\x7fELF\0", text.as_bytes(), b"\0"].concat();
        read(path.as_bytes(), FileKind::Elf, rule, &bytes).map(|found| found.version)
    }

    #[test]
    fn a_version_behind_the_own_name() {
        for (path, text, expect) in [
            ("/bin/igmpproxy", "igmpproxy 0.3\n", Some("0.3")),
            ("/sbin/iw", "iw version 5.19", Some("5.19")),
            ("/bin/pumpd", "PumpD v2.4.1 (build 77)", Some("2.4.1")),
            ("/bin/pumpd", "pumpd-2.4.1-rc2", Some("2.4.1-rc2")),
            ("/bin/pumpd", "Pumpd 2.4.1-beta.2", Some("2.4.1-beta.2")),
            ("/lib/libpump.so.1", "pump/2.4.1", Some("2.4.1")),
            // Interfaces, other names, parts of other numbers, contradictions.
            ("/lib/libssh.so.4", "SSH-2.0-client", None),
            ("/lib/libssl.so.3", "SSL 3.0", None),
            ("/lib/ld.so.1", "ld.so-1.7.0", None),
            ("/bin/pumpd", "needs pumpd 2.4", None),
            ("/bin/pumpd", "pumpdata 2.4.1", None),
            ("/bin/pumpd", "pumpd 1.2.3.4.5", None),
            ("/bin/pumpd", "pumpd 1.2\0pumpd 1.3", None),
            ("/bin/pumpd", "PUMPD_1.2.3", None),
            ("/bin/pumpd", "2.4.1", None),
        ] {
            assert_eq!(told(path, None, text).as_deref(), expect, "{text:?}");
        }
    }

    #[test]
    fn the_folder_that_a_file_was_built_in() {
        for (path, rule, text, expect) in [
            ("/bin/pumpd", None, "/build/pumpd-2.4.1/src/main.c", Some("2.4.1")),
            ("/bin/pumpd", None, "-g -ffile-prefix-map=/build/x/pumpd-2.4=. -O2", Some("2.4")),
            ("/bin/pumpd", None, "/build/pumpd-2.4.1+dfsg/src/main.c", Some("2.4.1")),
            ("/bin/x", Some("gdb"), "/b/build_dir/target-mips/gdb-13.1/gdb/a.c", Some("13.1")),
            // Other projects, installed folders, names of archives, contradictions.
            ("/bin/pumpd", None, "/build/libpump-2.4.1/src/main.c", None),
            ("/bin/pumpd", None, "/usr/lib/pumpd-2.4/modules/", None),
            ("/bin/pumpd", None, "/build/pumpd-2.4.tar", None),
            ("/bin/pumpd", None, "/build/pumpd-2.5~rc2/a.c", None),
            ("/bin/pumpd", None, "/build/pumpd-2.5+really2.4/a.c", None),
            ("/bin/pumpd", None, "/build/pumpd-2.4xy/a.c", None),
            ("/bin/pumpd", None, "/build/pumpd-2.4/a.c\0/build/pumpd-2.5/a.c", None),
        ] {
            assert_eq!(told(path, rule, text).as_deref(), expect, "{text:?}");
        }
    }

    #[test]
    fn a_version_alone_where_a_rule_knows_the_file() {
        for (path, rule, text, expect) in [
            ("/bin/wget", "wget", "1.21.3\0", Some("1.21.3")),
            ("/bin/wget", "wget", "1.21.3\x002.0.1\0", None),
            // The least kernel that will do.
            ("/bin/wget", "wget", "uname\0%d.%d.%d\x003.0.0\0", None),
            ("/bin/wget", "wget", "1.21.3\x001.2.13\0deflateInit_\0", Some("1.21.3")),
            ("/bin/wget", "wget", "12.2.1\0GCC: (Debian 12.2.1-14) 12.2.1\0", None),
            ("/bin/wget", "wget", "802.15.4\x0014.0.0\0", None),
            ("/bin/wget", "wget", "1.2\0", None),
            ("/lib/libcap.so.2.66", "libcap", "2.66\x001.1\0", Some("2.66")),
        ] {
            assert_eq!(told(path, Some(rule), text).as_deref(), expect, "{text:?}");
        }
    }
}
