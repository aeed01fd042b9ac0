//! What boot loaders of Android devices bring along: bundles of their own images (`BOOTLDR!`, the
//! `releasetools.py` of AOSP's msm8974 devices), and the state that they keep in a partition of its
//! own (`ANDROID-BOOT!`, `devinfo.h` of Qualcomm's Little Kernel and `DeviceInfo.h` of its UEFI).

use crate::{
    Endian::Little,
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::{Layout, text_of},
};

pub(in crate::formats::boot) static FORMAT: Format =
    Format { name: "android-bootloader", magics: &[Magic::start(b"BOOTLDR!")], carve: true, open };

pub(in crate::formats::boot) static DEVICE_STATE: Format = Format {
    name: "android-device-state",
    magics: &[Magic::start(STATE_MAGIC)],
    carve: false, // the text stands in the loaders' code too
    open: open_state,
};

const HEADER_BYTES: u64 = 20;
const ENTRY_BYTES: u64 = 68;
const IMAGES_MAX: u64 = 64;
const STATE_MAGIC: &[u8] = b"ANDROID-BOOT!";
/// The loaders write blocks of this size.
const STATE_BYTES: u64 = 512;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let word = |at| View(&head).u32(at, Little).map(u64::from);
    let (count, start, total) = (word(8)?, word(12)?, word(16)?);
    let header_bytes = HEADER_BYTES + count * ENTRY_BYTES;
    if !(1..=IMAGES_MAX).contains(&count) || start < header_bytes {
        return Err(NotThis);
    }
    let table = candidate.extent.read(HEADER_BYTES, count * ENTRY_BYTES)?;
    let (mut images, mut at) = (Vec::new(), start);
    for index in 0..IMAGES_MAX.min(count) {
        let place = usize::try_from(index * ENTRY_BYTES).map_err(|_| NotThis)?;
        let name = text_of(View(&table).text(place, 64)?);
        let size = u64::from(View(&table).u32(place + 64, Little)?);
        let plausible = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        if !plausible {
            return Err(NotThis);
        }
        images.push((name, at, size));
        at += size;
    }
    // The sizes are told twice.
    if at - start != total {
        return Err(NotThis);
    }
    let mut layout = Layout::new(candidate.extent.clamp(0, at));
    layout.consumed(0, header_bytes);
    layout.filling(header_bytes, start);
    let names: Vec<&str> = images.iter().map(|image| image.0.as_str()).collect();
    let attributes = vec![("images", names.join(", "))];
    for (name, place, size) in &images {
        layout.part(name.as_str(), *place, *size);
    }
    let laid = layout.finish();
    let (entries, faults) = (laid.entries, laid.faults);
    Ok(Opened { length: at, attributes, entries, faults, unread: None })
}

/// The flags stand right behind the magic, as bytes; older loaders align them as words.
fn open_state(candidate: &Candidate) -> Result<Opened, NotThis> {
    let state = candidate.extent.read(0, STATE_BYTES)?;
    let view = View(&state);
    let at_once = view.array::<3>(13)?;
    let words = [view.u32(16, Little)?, view.u32(20, Little)?];
    if at_once.iter().any(|&flag| flag > 1) {
        return Err(NotThis);
    }
    let aligned = at_once == [0; 3] && words.iter().all(|&word| word <= 1) && words != [0; 2];
    let unlocked = if aligned { words[0] == 1 } else { at_once[0] == 1 };
    let mut attributes = vec![("unlocked", unlocked.to_string())];
    if aligned {
        attributes.push(("tampered", (words[1] == 1).to_string()));
    }
    Ok(Opened { length: STATE_BYTES, attributes, ..Opened::default() })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn bundle() -> Vec<u8> {
        let mut bytes = b"BOOTLDR!".to_vec();
        for word in [2, 256, 9_u32] {
            bytes.extend(word.to_le_bytes());
        }
        for (name, size) in [("sbl1", 4_u32), ("aboot", 5)] {
            let mut field = name.as_bytes().to_vec();
            field.resize(64, 0);
            bytes.extend(field);
            bytes.extend(size.to_le_bytes());
        }
        bytes.resize(256, 0);
        bytes.extend(b"firstother");
        bytes
    }

    #[test]
    fn images_of_a_bundle_are_parts() {
        let tree = Tree::from_bytes(bundle(), &Limits::default());
        let (part, _) =
            tree.resolve(&"image@0x0/android-bootloader:/aboot".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(part).unwrap(), "tothe");
        assert_eq!(attribute(&tree, "android-bootloader", "images").unwrap(), "sbl1, aboot");
        assert!(locators(&tree).contains(&"image@0x109".to_owned()));
        check(&bundle(), 160);
    }

    #[test]
    fn a_lock_is_told_in_either_form() {
        let state = |place: usize| {
            let mut bytes = b"ANDROID-BOOT!".to_vec();
            bytes.resize(512, 0);
            bytes[place] = 1;
            Tree::from_bytes(bytes, &Limits::default())
        };
        for (place, unlocked) in [(13, "true"), (14, "false"), (16, "true"), (20, "false")] {
            let told = attribute(&state(place), "android-device-state", "unlocked");
            assert_eq!(told.unwrap(), unlocked, "{place}");
        }
    }
}
