//! The header of the second version: fixed fields, and a text of JSON behind them.

use serde_json::Value;

use super::Volume;
use crate::{
    Endian::Big, Extent, Fault, View, checksum::agrees, digest, format::NotThis,
    formats::support::layout::text_of,
};

/// Bytes of the fixed part, and place of its checksum.
const HEAD_BYTES: u64 = 4096;
const CHECKSUM: usize = 448;
const CHECKSUM_BYTES: usize = 64;
/// Largest header with its text (4 MiB).
const HEADER_BYTES_MAX: u64 = 4 << 20;

pub(super) fn read(image: &Extent, head: View<'_>) -> Result<Volume, NotThis> {
    let header_bytes = head.u64(8, Big)?;
    let fits = header_bytes.is_power_of_two()
        && (HEAD_BYTES * 4..=HEADER_BYTES_MAX).contains(&header_bytes)
        && head.u64(256, Big)? == 0;
    if !fits {
        return Err(NotThis);
    }
    let whole = image.read_up_to(0, header_bytes)?;
    let algorithm = text_of(head.text(72, 32)?);
    let mut faults = Vec::new();
    if verify(&whole, &algorithm, header_bytes) != Some(true) {
        let why = format!("its checksum ({algorithm}) is wrong");
        faults.push(Fault::new(0, "verify the header", why));
    }
    let mut attributes = vec![("version", "2".to_owned()), ("uuid", text_of(head.text(168, 40)?))];
    for (name, offset) in [("label", 24), ("subsystem", 208)] {
        let text = text_of(head.text(offset, 48)?);
        if !text.is_empty() {
            attributes.push((name, text));
        }
    }
    let text = whole.get(usize::try_from(HEAD_BYTES).unwrap_or(0)..).unwrap_or_default();
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let areas = match serde_json::from_slice::<Value>(text) {
        Ok(areas) => areas,
        Err(error) => {
            faults.push(Fault::new(HEAD_BYTES, "read the header's text", error.to_string()));
            Value::Null
        }
    };
    let segment = areas.get("segments").and_then(|all| all.as_object()?.values().next());
    let payload = segment.and_then(|segment| number(segment, "offset"));
    let payload_bytes = segment.and_then(|segment| number(segment, "size"));
    if let Some(segment) = segment {
        describe_segment(segment, &mut attributes);
    }
    attributes.push(("key-slots", slots(&areas).join("; ")));
    Ok(Volume {
        attributes,
        // What is known of a damaged header: two copies, and the slots behind them.
        payload: if areas.is_null() {
            Some(header_bytes * 2)
        } else {
            payload.filter(|&at| at > 0)
        },
        payload_bytes,
        header_bytes: header_bytes.saturating_mul(2).saturating_add(slots_bytes(&areas)),
        faults,
    })
}

/// Whether the checksum holds; nothing where its kind is not known.
fn verify(whole: &[u8], algorithm: &str, header_bytes: u64) -> Option<bool> {
    let mut bytes = whole.to_vec();
    if u64::try_from(bytes.len()).ok()? < header_bytes {
        return Some(false);
    }
    let field = bytes.get_mut(CHECKSUM..CHECKSUM + CHECKSUM_BYTES)?;
    let stored = field.to_vec();
    field.fill(0);
    let computed = digest::of(algorithm, &bytes)?;
    Some(agrees(stored.get(..computed.len()), Some(computed.as_slice())))
}

/// Numbers of 64 bits stand in the text as strings.
fn number(object: &Value, key: &str) -> Option<u64> {
    object.get(key)?.as_str()?.parse().ok()
}

fn text<'value>(object: &'value Value, key: &str) -> &'value str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn describe_segment(segment: &Value, attributes: &mut Vec<(&'static str, String)>) {
    attributes.push(("cipher", text(segment, "encryption").to_owned()));
    if let Some(bytes) = segment.get("sector_size").and_then(Value::as_u64) {
        attributes.push(("sector-size", bytes.to_string()));
    }
    if let Some(offset) = number(segment, "offset") {
        attributes.push(("payload-offset", offset.to_string()));
    }
    if let Some(integrity) = segment.get("integrity") {
        attributes.push(("integrity", text(integrity, "type").to_owned()));
    }
}

/// The key slots, each with how a key is made of a password.
fn slots(areas: &Value) -> Vec<String> {
    let slots = areas.get("keyslots").and_then(Value::as_object);
    let describe = |(number, slot): (&String, &Value)| {
        let kdf = slot.get("kdf").unwrap_or(&Value::Null);
        let kind = text(kdf, "type");
        let setting = |key: &str| kdf.get(key).and_then(Value::as_u64).unwrap_or(0);
        let bits = slot.get("key_size").and_then(Value::as_u64).unwrap_or(0).saturating_mul(8);
        let cost = if kind == "pbkdf2" {
            format!("{}, {} iterations", text(kdf, "hash"), setting("iterations"))
        } else {
            format!("time {}, memory {} KiB", setting("time"), setting("memory"))
        };
        format!("{number}: {kind} {cost}, {bits} bits")
    };
    slots.into_iter().flatten().map(describe).collect()
}

fn slots_bytes(areas: &Value) -> u64 {
    areas.get("config").and_then(|config| number(config, "keyslots_size")).unwrap_or(0)
}
