//! Members of tar and zip archives as documents.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use zip::{ZipArchive, result::ZipError};

use super::walk::{Batches, Document};

/// A larger member of an archive is refused; a record is a few kilobytes.
const MEMBER_BYTES_MAX: u64 = 64 << 20;
/// A larger archive in an archive is refused. The list of all CVEs is served so, with half a
/// gigabyte inside.
const NESTED_BYTES_MAX: u64 = 8 << 30;
/// Local file header, and the end of an archive without members (APPNOTE.TXT 4.3.7 and 4.3.16).
const ZIP_MARKS: [&[u8; 4]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];

/// Whether a file that begins so is a zip archive.
pub(super) fn is_zip(head: &[u8]) -> bool {
    ZIP_MARKS.iter().any(|mark| head.starts_with(*mark))
}

/// Reads the members of a tar archive.
pub(super) fn tar(
    reader: impl Read,
    file: &str,
    batches: &mut Batches,
    problems: &mut Vec<String>,
) -> io::Result<()> {
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries()? {
        let entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let member = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = format!("{file}/{member}");
        if entry.size() > MEMBER_BYTES_MAX {
            problems.push(too_large(&path));
            continue;
        }
        let archived = entry.header().mtime().ok().and_then(date);
        let mut bytes = Vec::new();
        entry.take(MEMBER_BYTES_MAX).read_to_end(&mut bytes)?;
        batches.member(Document::member(file, path, bytes, archived));
    }
    Ok(())
}

/// The day of a time stamp of an archive; 0 stands for none.
fn date(seconds: u64) -> Option<Date> {
    let seconds = i64::try_from(seconds).ok().filter(|seconds| *seconds > 0)?;
    Some(TimeZone::UTC.to_datetime(Timestamp::from_second(seconds).ok()?).date())
}

fn too_large(path: &str) -> String {
    format!("{path}: larger than {} MiB", MEMBER_BYTES_MAX >> 20)
}

/// Reads the members of a zip archive, and of those that it holds.
pub(super) fn zip(
    reader: File,
    file: &str,
    batches: &mut Batches,
    problems: &mut Vec<String>,
) -> io::Result<()> {
    members(reader, file, file, true, batches, problems)
}

/// One member that cannot be read does not lose the others. `place` is the path of the archive.
fn members(
    reader: File,
    file: &str,
    place: &str,
    nested: bool,
    batches: &mut Batches,
    problems: &mut Vec<String>,
) -> io::Result<()> {
    let mut archive = ZipArchive::new(BufReader::new(reader)).map_err(failed)?;
    for index in 0..archive.len() {
        let mut entry = match archive.by_index(index) {
            Ok(entry) if entry.is_file() => entry,
            Ok(_) => continue,
            Err(error) => {
                problems.push(format!("{place}: member {index}: {error}"));
                continue;
            }
        };
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let path = format!("{place}/{name}");
        let archived = entry.last_modified().and_then(|time| {
            let (month, day) = (i8::try_from(time.month()).ok()?, i8::try_from(time.day()).ok()?);
            Date::new(i16::try_from(time.year()).ok()?, month, day).ok()
        });
        let mut bytes = Vec::new();
        if let Err(error) = entry.by_ref().take(MEMBER_BYTES_MAX + 1).read_to_end(&mut bytes) {
            problems.push(format!("{path}: {error}"));
            continue;
        }
        let read = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if nested && is_zip(&bytes) {
            match spooled(&bytes, &mut entry) {
                Ok(inner) => members(inner, file, &path, false, batches, problems)
                    .unwrap_or_else(|error| problems.push(format!("{path}: {error}"))),
                Err(error) => problems.push(format!("{path}: {error}")),
            }
        } else if read > MEMBER_BYTES_MAX {
            problems.push(too_large(&path));
        } else {
            batches.member(Document::member(file, path, bytes, archived));
        }
    }
    Ok(())
}

fn failed(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

/// A nameless file with the bytes that were read and all that follow: a zip archive is read from its
/// end.
fn spooled(start: &[u8], rest: &mut impl Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    let mut whole = start.chain(rest).take(NESTED_BYTES_MAX + 1);
    if io::copy(&mut whole, &mut file)? > NESTED_BYTES_MAX {
        return Err(io::Error::other("an archive in an archive is larger than 8 GiB"));
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::super::walk::documents;

    fn packed(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn paths(bytes: &[u8]) -> (Vec<(String, usize)>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("all.zip"), bytes).unwrap();
        let mut found = Vec::new();
        let walked = documents(folder.path(), |batch| {
            found.extend(batch.iter().map(|one| (one.path.clone(), one.bytes.len())));
        });
        (found, walked.unwrap().problems)
    }

    #[test]
    fn members_of_nested_archives_are_documents() {
        let inner = packed(&[("a/CVE-2026-0001.json", b"{}"), ("b", b"text")]);
        let outer = packed(&[("cves.zip", &inner), ("README", b"words")]);
        let (found, problems) = paths(&outer);
        let expect = [
            ("all.zip/cves.zip/a/CVE-2026-0001.json".to_owned(), 2),
            ("all.zip/cves.zip/b".to_owned(), 4),
            ("all.zip/README".to_owned(), 5),
        ];
        assert_eq!((found.as_slice(), problems.len()), (&expect[..], 0));
    }

    #[test]
    fn a_damaged_archive_loses_only_itself() {
        let inner = packed(&[("a", b"text")]);
        let (found, problems) =
            paths(&packed(&[("cut.zip", &inner[..inner.len() - 30]), ("b", b"text")]));
        assert_eq!(found, [("all.zip/b".to_owned(), 4)]);
        assert!(problems[0].starts_with("all.zip/cut.zip: "), "{problems:?}");
    }
}
