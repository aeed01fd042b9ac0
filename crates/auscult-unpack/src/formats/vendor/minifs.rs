//! TP-Link's file system `MINIFS`, as unblob and "Reverse Engineered `MiniFS` File System" (2024)
//! describe it: names, a table of files, a table of chunks, and chunks of LZMA that hold one file or
//! several.

use crate::{
    Endian::Big,
    Entry, EntryKind, Extent, Fault, Metadata, View,
    codec::{Codec, Decoding},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::gathering::Gathering;

pub(crate) static FORMAT: Format = Format {
    name: "minifs",
    magics: &[Magic::start(b"MINIFS\0\0\0\0\0\0\0\0\0\0\0\0\0\x03")],
    carve: true,
    open,
};

const HEADER_BYTES: u64 = 32;
const FILE_BYTES: usize = 20;
const CHUNK_BYTES: usize = 12;
const FILES_MAX: u32 = 1 << 16;
const NAME_BYTES_MAX: usize = 1024;
const CHUNK_BYTES_MAX: u64 = 64 << 20;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let (count, names_bytes) = (view.u32(20, Big)?, u64::from(view.u32(28, Big)?));
    if !(1..=FILES_MAX).contains(&count) || names_bytes == 0 {
        return Err(NotThis);
    }
    let names = candidate.extent.read(HEADER_BYTES, names_bytes)?;
    let files_at = HEADER_BYTES + names_bytes;
    let files = candidate.extent.read(files_at, u64::from(count) * 20)?;
    let last = files
        .chunks_exact(FILE_BYTES)
        .filter_map(|file| View(file).u32(8, Big).ok())
        .max()
        .filter(|&chunk| chunk < FILES_MAX)
        .ok_or(NotThis)?;
    let chunks_at = files_at + u64::from(count) * 20;
    let table = candidate.extent.read(chunks_at, (u64::from(last) + 1) * 12)?;
    let data_from = chunks_at + (u64::from(last) + 1) * 12;
    let (chunks, length) = chunks(&candidate.extent, &table, data_from)?;
    let mut gathering = Gathering::new(&candidate.extent);
    for file in files.chunks_exact(FILE_BYTES) {
        if gathering.is_full() {
            break;
        }
        match entry(View(file), &names, &chunks) {
            Ok(entry) => gathering.add(entry),
            Err(NotThis) => gathering.report(
                Fault::new(files_at, "read a file", "its name or its chunk is not there"),
                b"",
            ),
        }
    }
    let attributes = vec![("files", count.to_string()), ("chunks", chunks.len().to_string())];
    let (entries, faults) = gathering.finish();
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// The chunks without their packing, and where the last one ends.
fn chunks(extent: &Extent, table: &[u8], data_from: u64) -> Result<(Vec<Extent>, u64), NotThis> {
    let (mut chunks, mut end) = (Vec::new(), data_from);
    for record in table.chunks_exact(CHUNK_BYTES) {
        let view = View(record);
        let word = |at| view.u32(at, Big).map(u64::from);
        let (offset, packed, unpacked) = (data_from + word(0)?, word(4)?, word(8)?);
        if unpacked > CHUNK_BYTES_MAX || offset + packed > extent.len() {
            return Err(NotThis);
        }
        let input = extent.clamp(offset, packed);
        let transform = Decoding { codec: Codec::LzmaAlone, input };
        chunks.push(Extent::derived(extent.vault(), unpacked, transform));
        end = end.max(offset + packed);
    }
    Ok((chunks, end))
}

/// A file: directory and name in the table of names, chunk, place in it, length.
fn entry(file: View<'_>, names: &[u8], chunks: &[Extent]) -> Result<Entry, NotThis> {
    let word = |index: usize| file.u32(index * 4, Big);
    let text = |at: u32| -> Result<&[u8], NotThis> {
        let rest = usize::try_from(at).ok().and_then(|at| names.get(at..)).ok_or(NotThis)?;
        let end = rest.iter().take(NAME_BYTES_MAX).position(|&byte| byte == 0).ok_or(NotThis)?;
        rest.get(..end).ok_or(NotThis)
    };
    let (directory, name) = (text(word(0)?)?, text(word(1)?)?);
    if name.is_empty() {
        return Err(NotThis);
    }
    let directory = directory.strip_suffix(b"/").unwrap_or(directory);
    let path = if directory.is_empty() { name.to_vec() } else { [directory, b"/", name].concat() };
    let chunk = usize::try_from(word(2)?).ok().and_then(|index| chunks.get(index));
    let content =
        chunk.and_then(|chunk| chunk.slice(u64::from(word(3).ok()?), u64::from(word(4).ok()?)));
    let member = Entry::member(path, EntryKind::File, Metadata::default());
    Ok(member.with_content(content.ok_or(NotThis)?))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer, stream};

    use crate::{Tree, formats::testing::reference::assert_survives_damage};

    fn image() -> Vec<u8> {
        let names = b"/web\0index.htm\0a.css\0/\0config\0";
        // Directory, name, chunk, place, length.
        let files = [[0, 5, 0, 0, 6], [0, 15, 0, 6, 5], [21, 23, 1, 0, 9]];
        let chunks: [&[u8]; 2] = [b"<html>body{", b"a setting"];
        let mut writer = Writer::new(Endian::Big);
        writer.bytes(b"MINIFS").fill(0, 10).u32(3).u32(3).u32(11);
        writer.u32(u32::try_from(names.len()).unwrap()).bytes(names);
        for number in files.concat() {
            writer.u32(number);
        }
        let packed = chunks.map(stream::lzma_alone);
        let mut at = 0;
        for (chunk, packed) in chunks.iter().zip(&packed) {
            writer.u32(at).u32(u32::try_from(packed.len()).unwrap());
            writer.u32(u32::try_from(chunk.len()).unwrap());
            at += u32::try_from(packed.len()).unwrap();
        }
        writer.bytes(&packed.concat());
        writer.finish()
    }

    #[test]
    fn files_share_chunks() {
        let tree = Tree::from_bytes(image(), &Limits::default());
        for (path, content) in
            [("web/index.htm", "<html>"), ("web/a.css", "body{"), ("config", "a setting")]
        {
            let path = format!("image@0x0/minifs:/{path}").parse().unwrap();
            assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), content);
        }
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        assert_survives_damage(&image(), 150, 5);
    }
}
