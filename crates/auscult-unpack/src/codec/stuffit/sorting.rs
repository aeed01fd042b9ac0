//! What undoes the sorted blocks of Cyanide and Iron: the Burrows-Wheeler transform, Schindler's
//! variant of it that sorts by four bytes only, and the list that gives ranks their bytes back.

use super::super::Step;

const OUTSIDE: &str = "a place outside of the block";

/// Where the rows begin whose first byte is each value.
fn starts(last: &[u8]) -> [usize; 256] {
    let mut starts = [0; 256];
    for &byte in last {
        if let Some(count) = starts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let mut total = 0;
    for start in &mut starts {
        total += std::mem::replace(start, total);
    }
    starts
}

fn index(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// Undoes the Burrows-Wheeler transform: `last` is the last column of the sorted rows, `first` the
/// row from which reading starts.
///
/// # Errors
/// Where the row is not in the block.
pub(super) fn unsort(last: &[u8], first: usize) -> Step<Vec<u8>> {
    let mut places = starts(last);
    let mut links = vec![0_u32; last.len()];
    for (row, &byte) in (0_u32..).zip(last) {
        if let Some(place) = places.get_mut(usize::from(byte)) {
            if let Some(link) = links.get_mut(*place) {
                *link = row;
            }
            *place += 1;
        }
    }
    let mut output = Vec::with_capacity(last.len());
    let mut row = first;
    for _ in last {
        row = index(*links.get(row).ok_or(OUTSIDE)?);
        output.push(*last.get(row).ok_or(OUTSIDE)?);
    }
    Ok(output)
}

/// Undoes Schindler's transform of order four. Rows whose four bytes are the same were not sorted:
/// they are read in their order, by one cursor for each of them that lead to the same byte.
///
/// # Errors
/// Where a row is not in the block.
pub(super) fn unsort_by_four(last: &[u8], first: usize) -> Step<Vec<u8>> {
    let begins = group_begins(last);
    let mut places = starts(last);
    // For each row: the row that keeps the cursor, and the cursor.
    let mut owners = vec![0_u32; last.len()];
    let mut cursors = vec![0_u32; last.len()];
    // The row of this group that keeps the cursor of each byte, plus one.
    let mut keepers = [0_usize; 256];
    let mut group = 0;
    for (row, &byte) in last.iter().enumerate() {
        if begins.get(row).is_some_and(|begin| *begin) {
            group = row;
        }
        let byte = usize::from(byte);
        let (Some(keeper), Some(place)) = (keepers.get_mut(byte), places.get_mut(byte)) else {
            continue;
        };
        if *keeper <= group {
            *keeper = row + 1;
        }
        if let (Some(owner), Some(cursor)) = (owners.get_mut(row), cursors.get_mut(row)) {
            *owner = u32::try_from(*keeper - 1).unwrap_or(u32::MAX);
            *cursor = u32::try_from(*place).unwrap_or(u32::MAX);
        }
        *place += 1;
    }
    let mut output = Vec::with_capacity(last.len());
    let mut row = first;
    for _ in last {
        let owner = index(*owners.get(row).ok_or(OUTSIDE)?);
        let cursor = cursors.get_mut(owner).ok_or(OUTSIDE)?;
        row = index(*cursor);
        *cursor += 1;
        output.push(*last.get(row).ok_or(OUTSIDE)?);
    }
    Ok(output)
}

/// The rows at which three bytes begin that the row before does not have.
fn group_begins(last: &[u8]) -> Vec<bool> {
    let mut places = starts(last);
    let mut pairs = vec![0_usize; 1 << 16];
    let ends = places.iter().skip(1).copied().chain([last.len()]);
    for (byte, (&start, end)) in places.iter().zip(ends).enumerate() {
        for &before in last.get(start..end).unwrap_or_default() {
            if let Some(count) = pairs.get_mut(usize::from(before) << 8 | byte) {
                *count += 1;
            }
        }
    }
    let mut begins = vec![false; last.len()];
    // The group in which each byte was met last: by where it starts, plus one.
    let mut met = [0_usize; 256];
    let mut start = 0;
    for count in pairs {
        for &byte in last.get(start..start + count).unwrap_or_default() {
            let byte = usize::from(byte);
            let (Some(met), Some(place)) = (met.get_mut(byte), places.get_mut(byte)) else {
                continue;
            };
            if *met != start + 1 {
                *met = start + 1;
                if let Some(begin) = begins.get_mut(*place) {
                    *begin = true;
                }
            }
            *place += 1;
        }
        start += count;
    }
    begins
}

/// Turns ranks into bytes, in place, by a list to whose front a byte only gets from the second
/// place, and not while the front was used just before ("M1FF2" of Balkenhol and Shtarkov).
pub(super) fn unrank(block: &mut [u8]) {
    let mut list: [u8; 256] = std::array::from_fn(|place| place.to_le_bytes()[0]);
    let mut since_front = 1_u32;
    for rank in block {
        let place = usize::from(*rank);
        if place == 0 {
            since_front = 0;
        }
        *rank = list.get(place).copied().unwrap_or(0);
        let target = if place == 1 && since_front >= 2 { 0 } else { place.min(1) };
        if let Some(moved) = list.get_mut(target..=place) {
            moved.rotate_right(1);
        }
        since_front = since_front.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::{unrank, unsort, unsort_by_four};

    #[test]
    fn sorted_blocks_come_back() {
        let text = b"she sells sea shells by the sea shore; the shells she sells are sea shells";
        let rotation = |row: usize| [&text[row..], &text[..row]].concat();
        let mut rows: Vec<usize> = (0..text.len()).collect();
        rows.sort_by_key(|&row| rotation(row));
        let first = rows.iter().position(|&row| row == 0).unwrap();
        // The last column of all rotations in order.
        let last: Vec<u8> = rows.iter().map(|&row| *rotation(row).last().unwrap()).collect();
        assert_eq!(unsort(&last, first).unwrap(), text);
        assert!(unsort(&last, text.len()).is_err() && unsort(&[], 0) == Ok(Vec::new()));
        assert!(unsort_by_four(&last, text.len()).is_err());
    }

    #[test]
    fn blocks_sorted_by_four_bytes_come_back() {
        let text = b"aaaaaaaabaaaaaaaabaaaaaaaaccaaaaaaaabaaaaaaaabaaaaabcabcabcabcabc";
        let before = |at: usize, back: usize| text[(at + text.len() - back) % text.len()];
        let mut rows: Vec<usize> = (0..text.len()).collect();
        rows.sort_by_key(|&at| [1, 2, 3, 4].map(|back| before(at, back)));
        let first = rows.iter().position(|&at| at == text.len() - 1).unwrap();
        let last: Vec<u8> = rows.iter().map(|&at| text[at]).collect();
        assert_eq!(unsort_by_four(&last, first).unwrap(), text);
        assert_eq!(unsort_by_four(&[], 0), Ok(Vec::new()));
    }

    #[test]
    fn ranks_become_bytes() {
        let mut block = *b"\x61\x00\x01\x01\x01\x00\x02";
        unrank(&mut block);
        assert_eq!(block, *b"\x61\x00\x61\x61\x00\x00\x01");
    }
}
