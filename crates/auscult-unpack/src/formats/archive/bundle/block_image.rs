//! File systems that updates of Android bring as new blocks and a list of transfers (`blockimg.py` of
//! AOSP, versions 1 to 4): `NAME.transfer.list` with `NAME.new.dat`, plain or packed with brotli.
//!
//! A full update is put together as a member of its own, `NAME.img`. One that moves or patches blocks
//! of the version before is told.

use crate::{
    Entry, Extent, Fault,
    codec::{Codec, Decoding},
    format::Opened,
    formats::support::runs::{Run, Runs},
};

use super::{DESCRIPTION_BYTES_MAX, bare, member};

const BLOCK_BYTES: u64 = 4096;
const LISTS_MAX: usize = 16;
const SUFFIX: &[u8] = b".transfer.list";

/// What a list makes of the new blocks.
#[derive(Default)]
struct Transfers {
    /// First block and the one behind the last of each run, in the order of the new data.
    runs: Vec<(u64, u64)>,
    /// Blocks of the whole.
    end: u64,
    /// A command that needs the version before.
    needs_source: Option<String>,
}

/// Puts together every file system of an archive that has a list of transfers.
pub(super) fn annotate(opened: &mut Opened) {
    let names = opened
        .entries
        .iter()
        .filter_map(|entry| Some(bare(entry.path.as_bytes()).strip_suffix(SUFFIX)?.to_vec()));
    let names: Vec<Vec<u8>> = names.take(LISTS_MAX).collect();
    let mut budget = u64::MAX;
    for name in names {
        if let Err(fault) = put_together(opened, &name, &mut budget) {
            opened.faults.push(fault);
        }
    }
}

fn put_together(opened: &mut Opened, name: &[u8], budget: &mut u64) -> Result<(), Fault> {
    let content = |suffix: &[u8]| {
        let path = [name, suffix].concat();
        member(opened, &path).and_then(|entry| entry.content.clone())
    };
    let shown = String::from_utf8_lossy(name).into_owned();
    let fault = |why: String| Fault::new(0, format!("put {shown} together"), why);
    let Some(list) = content(SUFFIX) else { return Ok(()) };
    let text = list.read_up_to(0, DESCRIPTION_BYTES_MAX)?;
    let Some(transfers) = transfers(&String::from_utf8_lossy(&text)) else {
        return Err(fault("its list of transfers is of no known version".to_owned()));
    };
    if let Some(command) = transfers.needs_source {
        let told = format!("{shown}: {command} and the like need the version before");
        opened.attributes.push(("not-a-full-update", told));
        return Ok(());
    }
    let packed = content(b".new.dat.br");
    let data = match (content(b".new.dat"), packed) {
        (Some(data), _) => data,
        (None, Some(input)) => {
            let vault = std::sync::Arc::clone(input.vault());
            let blocks = transfers.runs.iter().map(|(first, end)| end - first);
            let blocks = blocks.fold(0_u64, u64::saturating_add);
            let transform = Decoding { codec: Codec::Brotli, input };
            Extent::derived(&vault, blocks.saturating_mul(BLOCK_BYTES), transform)
        }
        (None, None) => return Err(fault("its new blocks are not there".to_owned())),
    };
    let size = transfers.end.saturating_mul(BLOCK_BYTES);
    // A few words may promise any number of blocks.
    let left = data.vault().limits().derived_bytes.min(*budget);
    *budget = left
        .checked_sub(size)
        .ok_or_else(|| fault(format!("{size} bytes (limit derived-bytes)")))?;
    let image = image(&data, &transfers, size, &mut opened.faults)?;
    opened.entries.push(Entry::part([name, b".img"].concat(), image));
    Ok(())
}

fn image(
    data: &Extent,
    transfers: &Transfers,
    size: u64,
    faults: &mut Vec<Fault>,
) -> Result<Extent, Fault> {
    let (mut runs, mut place) = (Runs::default(), 0_u64);
    for &(first, end) in &transfers.runs {
        let length = (end - first).saturating_mul(BLOCK_BYTES);
        runs.push(Run { logical: first.saturating_mul(BLOCK_BYTES), place, length })?;
        place = place.saturating_add(length);
    }
    Ok(runs.join(data, size, faults))
}

/// Reads a list; none for versions that are not known.
fn transfers(text: &str) -> Option<Transfers> {
    let mut lines = text.lines();
    let version: u32 = lines.next()?.trim().parse().ok()?;
    lines.next()?;
    match version {
        1 => {}
        // How much is stashed at once.
        2..=4 => drop((lines.next()?, lines.next()?)),
        _ => return None,
    }
    let mut transfers = Transfers::default();
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
        match command {
            "new" | "zero" | "erase" => {
                for (first, end) in ranges(rest.trim())? {
                    transfers.end = transfers.end.max(end);
                    if command == "new" {
                        transfers.runs.push((first, end));
                    }
                }
            }
            other => transfers.needs_source = Some(other.chars().take(16).collect()),
        }
    }
    Some(transfers)
}

/// A set of ranges: how many numbers follow, then the first block and the one behind the last of each.
fn ranges(text: &str) -> Option<Vec<(u64, u64)>> {
    let numbers: Option<Vec<u64>> = text.split(',').map(|number| number.parse().ok()).collect();
    let numbers = numbers?;
    let (count, places) = numbers.split_first()?;
    let (pairs, odd) = places.as_chunks::<2>();
    let sound = usize::try_from(*count) == Ok(places.len()) && odd.is_empty();
    let pairs: Vec<(u64, u64)> = pairs.iter().map(|&[first, end]| (first, end)).collect();
    (sound && pairs.iter().all(|(first, end)| first < end)).then_some(pairs)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;
    use auscult_testkit::zip::{ZipMember, ZipMethod, zip};

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, check},
            reference::{run, sample},
        },
    };

    fn archive(list: &str, name: &str, data: &[u8]) -> Vec<u8> {
        let file = |name, data: &[u8]| ZipMember::file(name, ZipMethod::Stored, data);
        zip(&[file("system.transfer.list", list.as_bytes()), file(name, data)])
    }

    const LIST: &str = "4\n4\n0\n0\nerase 2,0,6\nnew 4,4,5,0,2\nzero 2,5,6\nnew 2,2,3\n";

    fn image(tree: &Tree) -> Vec<u8> {
        let (part, _) = tree.resolve(&"image@0x0/zip:/system.img".parse().unwrap()).unwrap();
        tree.bytes(part).unwrap().to_vec()
    }

    fn truth(data: &[u8]) -> Vec<u8> {
        let block = |index: usize| &data[index * 4096..(index + 1) * 4096];
        [block(1), block(2), block(3), &[0; 4096], block(0), &[0; 4096]].concat()
    }

    #[test]
    fn blocks_are_put_where_the_list_says() {
        let data = sample(4 * 4096, 1);
        let tree = Tree::from_bytes(archive(LIST, "system.new.dat", &data), &Limits::default());
        assert_eq!(tree.problems(), []);
        assert!(image(&tree) == truth(&data));
        let moved = format!("{LIST}move abc 2,0,1 1 2,1,2\n");
        let tree = Tree::from_bytes(archive(&moved, "system.new.dat", &data), &Limits::default());
        assert!(attribute(&tree, "zip", "not-a-full-update").unwrap().contains("move"));
        let wrong = archive("4\n1\n0\n0\nnew 2,0,9999999999999\n", "system.new.dat", b"x");
        let tree = Tree::from_bytes(wrong, &Limits::default());
        assert!(tree.problems()[0].why.contains("limit derived-bytes"));
        check(&archive(LIST, "system.new.dat", b"short"), 100);
    }

    #[test]
    fn blocks_packed_by_the_reference_tool() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let data = sample(4 * 4096, 1);
        fs::write(path("data"), &data).unwrap();
        if !run("brotli", &[&path("data"), "-o", &path("packed")]) {
            return;
        }
        let packed = fs::read(path("packed")).unwrap();
        let bytes = archive(LIST, "system.new.dat.br", &packed);
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert_eq!(tree.problems(), []);
        assert!(image(&tree) == truth(&data));
        let cut = archive(LIST, "system.new.dat.br", &packed[..packed.len() - 99]);
        let tree = Tree::from_bytes(cut, &Limits::default());
        assert!(tree.problems().iter().any(|problem| problem.why == "the input ends early"));
    }
}
