//! RIFF files (Microsoft and IBM, Multimedia Programming Interface and Data Specifications 1.0): sound,
//! pictures and video in chunks. They are named by their form and read as media; nothing is unpacked.

use crate::{
    Endian::{self, Big, Little},
    Extent, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::layout::text_of;

pub(crate) static FORMAT: Format = Format {
    name: "riff",
    magics: &[Magic::start(b"RIFF"), Magic::start(b"RIFX")],
    carve: true,
    open,
};

/// The chunk that holds all others, and its form.
const HEADER_BYTES: u64 = 12;
const CHUNKS_MAX: u64 = 1 << 16;
/// Forms with their media types.
const FORMS: &[(&[u8], &str)] = &[
    (b"WAVE", "audio/wav"),
    (b"WEBP", "image/webp"),
    (b"AVI ", "video/avi"),
    (b"ACON", "image/animated-cursor"),
    (b"RMID", "audio/midi"),
    (b"sfbk", "audio/sound-font"),
];

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let endian = if head.starts_with(b"RIFX") { Big } else { Little };
    let length = u64::from(view.u32(4, endian)?) + 8;
    let form = view.bytes(8, 4)?;
    let media = FORMS.iter().find(|(known, _)| *known == form).ok_or(NotThis)?.1;
    let chunks = chunks(&candidate.extent.clamp(0, length), endian).ok_or(NotThis)?;
    let mut attributes = vec![("form", text_of(form)), ("media-type", media.to_owned())];
    attributes.push(("chunks", chunks.to_string()));
    Ok(Opened { length: length.next_multiple_of(2), attributes, ..Opened::default() })
}

/// How many chunks there are, if all that are there have a name of printable characters.
fn chunks(extent: &Extent, endian: Endian) -> Option<u64> {
    let (mut at, mut count) = (HEADER_BYTES, 0);
    while count < CHUNKS_MAX
        && let Ok(head) = extent.read(at, 8)
    {
        let name = head.get(..4)?;
        if !name.iter().all(|byte| (0x20..0x7f).contains(byte)) {
            return None;
        }
        let size = u64::from(View(&head).u32(4, endian).ok()?);
        at += 8 + size.next_multiple_of(2);
        count += 1;
    }
    (count > 0).then_some(count)
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn sound(endian: Endian) -> Vec<u8> {
        let mut writer = Writer::new(endian);
        writer.bytes(if endian == Endian::Big { b"RIFX" } else { b"RIFF" }).u32(4 + 24 + 8 + 4);
        writer.bytes(b"WAVEfmt ").u32(16).fill(1, 16).bytes(b"data").u32(3).bytes(b"abc\0");
        writer.finish()
    }

    #[test]
    fn sounds_of_both_byte_orders_are_media() {
        for endian in [Endian::Little, Endian::Big] {
            let tree = Tree::from_bytes(sound(endian), &Limits::default());
            assert_eq!(attribute(&tree, "riff", "media-type").unwrap(), "audio/wav");
            assert_eq!(attribute(&tree, "riff", "chunks").unwrap(), "2");
            assert_eq!(tree.coverage().bytes_unread, 0);
            check(&sound(endian), 24);
        }
        let mut odd = sound(Endian::Little);
        odd[12] = 1;
        let tree = Tree::from_bytes(odd, &Limits::default());
        assert!(!locators(&tree).iter().any(|locator| locator.contains("riff")));
    }
}
