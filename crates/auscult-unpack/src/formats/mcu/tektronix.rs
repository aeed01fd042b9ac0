//! Hexadecimal files of Tektronix (`srec_tektronix(5)` and `srec_tektronix_extended(5)` of SRecord, from
//! the makers' manuals): records with `/`, and those with `%` for longer addresses.
//!
//! Checksums must hold up to the record that ends the file, or to what is no record. Symbols are passed
//! over.

use super::memory::{self, Memory, line, number, unhex};
use crate::format::{Candidate, Format, Magic, NotThis, Opened};

pub(crate) static FORMAT: Format = Format {
    name: "tektronix-hex",
    magics: &[Magic::start(b"/"), Magic::start(b"%")],
    carve: false,
    open,
};

/// Records of a file that is more than chance.
const RECORDS_MIN: usize = 2;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    memory::open(candidate, parse)
}

/// What a record says.
enum Record {
    Data(u64, Vec<u8>),
    Symbols,
    End(u64),
}

fn parse(text: &[u8]) -> Option<Memory> {
    let mut memory = Memory::default();
    let (mut at, mut records) = (0, 0);
    while let Some((line, next)) = line(text, at) {
        let record = match line.split_first()? {
            (b'/', digits) => plain(digits),
            (b'%', characters) => extended(characters),
            _ => None,
        };
        let Some(record) = record else { break };
        at = next;
        records += 1;
        match record {
            Record::Data(address, data) => memory.store(address, &data)?,
            Record::Symbols => {}
            Record::End(start) => {
                memory.attributes.push(("entry-point", format!("{start:#010x}")));
                break;
            }
        }
    }
    memory.text_bytes = at;
    (records >= RECORDS_MIN && !memory.runs.is_empty()).then_some(memory)
}

/// The sum of the values of hexadecimal digits.
fn digit_sum(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0_u8, |sum, &byte| {
        Some(sum.wrapping_add(u8::try_from(char::from(byte).to_digit(16)?).ok()?))
    })
}

/// Address, count and their sum; data and its sum.
fn plain(digits: &[u8]) -> Option<Record> {
    let (head, rest) = digits.split_at_checked(8)?;
    let (covered, sum) = head.split_at_checked(6)?;
    let (address, count) = covered.split_at_checked(4)?;
    if u64::from(digit_sum(covered)?) != number(sum)? {
        return None;
    }
    let (address, count) = (number(address)?, number(count)?);
    if count == 0 {
        return Some(Record::End(address));
    }
    let (data, sum) = rest.split_at_checked(usize::try_from(count).ok()? * 2)?;
    (u64::from(digit_sum(data)?) == number(sum)?).then_some(())?;
    Some(Record::Data(address, unhex(data)?))
}

/// What a character counts for in the sum.
fn value_of(character: u8) -> Option<u8> {
    Some(match character {
        b'0'..=b'9' => character - b'0',
        b'A'..=b'Z' => character - b'A' + 10,
        b'$' => 36,
        b'%' => 37,
        b'.' => 38,
        b'_' => 39,
        b'a'..=b'z' => character - b'a' + 40,
        _ => return None,
    })
}

/// Length in characters, type, sum; an address that tells its own length; data.
fn extended(characters: &[u8]) -> Option<Record> {
    let (head, rest) = characters.split_at_checked(5)?;
    let &[l0, l1, kind, c0, c1] = head else { return None };
    if number(&[l0, l1])? != u64::try_from(characters.len()).ok()? {
        return None;
    }
    let covered = [l0, l1, kind].into_iter().chain(rest.iter().copied());
    let mut sum = 0_u8;
    for character in covered {
        sum = sum.wrapping_add(value_of(character)?);
    }
    if u64::from(sum) != number(&[c0, c1])? {
        return None;
    }
    if kind == b'3' {
        return Some(Record::Symbols);
    }
    let (&digits, rest) = rest.split_first()?;
    // Sixteen digits are written as none.
    let digits = match number(&[digits])? {
        0 => 16,
        digits => usize::try_from(digits).ok()?,
    };
    let (address, data) = rest.split_at_checked(digits)?;
    let address = number(address)?;
    match kind {
        b'6' => Some(Record::Data(address, unhex(data)?)),
        b'8' => Some(Record::End(address)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile::check,
            reference::{run, sample},
        },
    };

    #[test]
    fn files_of_the_reference_tool_in_both_forms() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        fs::write(path("raw"), sample(1000, 1)).unwrap();
        let forms = [("-tektronix", "0x1234"), ("-tektronix-extended", "0x12345678")];
        for (form, offset) in forms {
            let (raw, output) = (path("raw"), path("hex"));
            let arguments = [&raw, "-binary", "-offset", offset, "-o", &output, form];
            if !run("srec_cat", &arguments) {
                return;
            }
            let bytes = fs::read(&output).unwrap();
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            let address = u32::from_str_radix(offset.trim_start_matches("0x"), 16).unwrap();
            let part = format!("image@0x0/tektronix-hex:/{address:#010x}").parse().unwrap();
            let (part, _) = tree.resolve(&part).unwrap();
            assert_eq!(tree.bytes(part).unwrap(), sample(1000, 1), "{form}");
            check(&bytes[..300], 40);
        }
    }
}
