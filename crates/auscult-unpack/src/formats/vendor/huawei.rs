//! Firmware of Huawei's optical network terminals (`HWNP`), as `HuaweiFirmwareTool` describes it: a
//! list of products and a table of items, each with a checksum. Items with a script run on the
//! device; signatures are items too, and not verified.

use crate::{
    Endian::Little,
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::{Algorithm, check},
    layout::{Layout, text_of},
};

pub(crate) static FORMAT: Format =
    Format { name: "huawei-hwnp", magics: &[Magic::start(b"HWNP")], carve: true, open };

const HEADER_BYTES: u64 = 36;
const ITEM_BYTES: usize = 360;
const ITEMS_MAX: u32 = 256;
const IMAGE_BYTES_MAX: u64 = 512 << 20;

struct Item<'data> {
    checksum: [u8; 4],
    offset: u64,
    length: u64,
    path: &'data [u8],
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let count = view.u32(20, Little)?;
    let products_bytes = u64::from(view.u16(26, Little)?);
    let item_bytes = usize::try_from(view.u32(28, Little)?).map_err(|_| NotThis)?;
    if !(1..=ITEMS_MAX).contains(&count) || item_bytes != ITEM_BYTES {
        return Err(NotThis);
    }
    let products = candidate.extent.read(HEADER_BYTES, products_bytes)?;
    let table_at = HEADER_BYTES + products_bytes;
    let table_bytes = u64::from(count) * 360;
    let table = candidate.extent.read(table_at, table_bytes)?;
    let items = items(&table, table_at + table_bytes)?;
    let length = items.iter().map(|item| item.offset + item.length).max().ok_or(NotThis)?;
    let image = candidate.extent.clamp(0, length);
    let mut layout = Layout::disjoint(image.clone());
    layout.consumed(0, table_at + table_bytes);
    let mut faults = Vec::new();
    for item in items {
        let name = text_of(item.path);
        let content = image.clamp(item.offset, item.length);
        let verdict =
            check(&name, Algorithm::Crc32, &item.checksum, &content, item.length, item.offset);
        faults.extend(verdict.fault());
        layout.part(name.trim_start_matches('/').replace('/', "_"), item.offset, item.length);
    }
    let laid = layout.finish();
    faults.extend(laid.faults);
    let products = text_of(products.split(|&byte| byte == 0).next().unwrap_or_default());
    let mut attributes = vec![("products", products.trim_end_matches('|').to_owned())];
    attributes.retain(|(_, text)| !text.is_empty());
    Ok(Opened { length, attributes, entries: laid.entries, faults, unread: None })
}

/// The items, if all of them have a path and lie behind the table.
fn items(table: &[u8], data_from: u64) -> Result<Vec<Item<'_>>, NotThis> {
    let item = |record| {
        let view = View(record);
        let (mut checksum, path) = (view.array::<4>(4)?, view.text(16, 256)?);
        checksum.reverse();
        let (offset, length) = (u64::from(view.u32(8, Little)?), u64::from(view.u32(12, Little)?));
        let named = !path.is_empty() && path.iter().all(u8::is_ascii_graphic);
        let fits = offset >= data_from && offset + length <= IMAGE_BYTES_MAX;
        if named && fits { Ok(Item { checksum, offset, length, path }) } else { Err(NotThis) }
    };
    table.chunks_exact(ITEM_BYTES).map(item).collect()
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer, checksum::crc32};

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, locators},
            reference::assert_survives_damage,
        },
    };

    fn image() -> Vec<u8> {
        let products = "164C|15AD|16AD|";
        let items = [
            ("file:/var/UpgradeCheck.xml", b"<upgrade/>".as_slice()),
            ("flash:kernelA", b"a kernel"),
        ];
        let mut data_at = 36 + products.len() + 8 + items.len() * 360;
        let mut writer = Writer::new(Endian::Little);
        writer.bytes(b"HWNP").u32(0).u32(0).u32(0).u32(0).u32(2).u8(0).u8(0);
        writer.u16(u16::try_from(products.len() + 8).unwrap()).u32(360).u32(0);
        writer.field(products, products.len() + 8);
        for (index, (path, data)) in items.iter().enumerate() {
            writer.u32(u32::try_from(index).unwrap()).u32(crc32(data));
            writer.u32(u32::try_from(data_at).unwrap()).u32(u32::try_from(data.len()).unwrap());
            writer.field(path, 256).field("UPGRDCHECK", 16).field("", 64).u32(0).u32(0);
            data_at += data.len();
        }
        for (_, data) in items {
            writer.bytes(data);
        }
        writer.finish()
    }

    #[test]
    fn items_are_parts_and_their_checksums_hold() {
        let bytes = image();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let found = locators(&tree);
        for name in ["file%3a_var_UpgradeCheck.xml", "flash%3akernelA"] {
            assert!(found.contains(&format!("image@0x0/huawei-hwnp:/{name}")), "{found:?}");
        }
        assert_eq!(attribute(&tree, "huawei-hwnp", "products").unwrap(), "164C|15AD|16AD");
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        assert_survives_damage(&bytes, 120, 29);
        let mut bad = bytes;
        *bad.last_mut().unwrap() ^= 1;
        let tree = Tree::from_bytes(bad, &Limits::default());
        assert!(tree.problems()[0].what.contains("kernelA"), "{:?}", tree.problems());
    }
}
