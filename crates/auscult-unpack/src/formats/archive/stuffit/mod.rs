//! StuffIt archives, as Macintosh computers had them. None of the four generations was described by
//! its makers: StuffIt X is read, after what the wiki of XADMaster says of it; those before it (up
//! to version 4, and version 5) are recognised.

use crate::{
    Endian::Big,
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

mod x;

pub(crate) static FORMAT: Format = Format {
    name: "stuffit",
    magics: &[
        Magic::at(10, b"rLau"),
        Magic::start(b"StuffIt (c)1997-"),
        Magic::start(b"StuffIt!"),
        Magic::start(b"StuffIt?"),
    ],
    carve: true,
    open,
};

/// Smallest archive of the generations before StuffIt X.
const CLASSIC_BYTES_MIN: u64 = 22;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read_up_to(0, 96)?;
    match head.get(..8) {
        Some(b"StuffIt!") => x::open(candidate),
        // An archive in digits and letters, for mail: its end is not told.
        Some(b"StuffIt?") if candidate.offset == 0 => {
            let unread = "not extracted: StuffIt X in an encoding for mail".to_owned();
            Ok(recognised(candidate.extent.len(), "X", unread))
        }
        Some(b"StuffIt?") => Err(NotThis),
        _ => open_classic(candidate, View(&head)),
    }
}

/// The generations before 1997 and of 1997 tell their size.
fn open_classic(candidate: &Candidate, view: View<'_>) -> Result<Opened, NotThis> {
    let (length, version) = match view.0 {
        [b'S', b't', ..] => (u64::from(view.u32(84, Big)?), "5"),
        [b'S', b'I' | b'T', b'T' | b'0'..=b'9', b'!' | b'0'..=b'9', ..] => {
            (u64::from(view.u32(6, Big)?), "1.5 to 4.5")
        }
        _ => return Err(NotThis),
    };
    if length < CLASSIC_BYTES_MIN || length > candidate.extent.len().saturating_mul(16) {
        return Err(NotThis);
    }
    Ok(recognised(length, version, "not extracted: StuffIt".to_owned()))
}

fn recognised(length: u64, version: &str, unread: String) -> Opened {
    let attributes = vec![("version", version.to_owned())];
    Opened { length, attributes, unread: Some(unread), ..Opened::default() }
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{self, attribute},
    };

    #[test]
    fn older_generations_are_named_and_unread() {
        let mut old = b"SIT!\0\x01\0\0\0\x40rLau".to_vec();
        old.resize(100, 1);
        let mut five = b"StuffIt (c)1997-2002 Aladdin Systems, Inc.".to_vec();
        five.resize(100, b' ');
        five[84..88].copy_from_slice(&[0, 0, 0, 100]);
        let mut mail = b"StuffIt?".to_vec();
        mail.resize(100, b'A');
        for (bytes, version) in [(old, "1.5 to 4.5"), (five, "5"), (mail, "X")] {
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            assert_eq!(attribute(&tree, "stuffit", "version").unwrap(), version);
            assert_eq!(tree.coverage().bytes_unread, 100, "{version}");
            hostile::check(&bytes, 30);
        }
    }
}
