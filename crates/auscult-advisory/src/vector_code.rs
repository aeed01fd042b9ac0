//! CVSS vectors in few bytes: one letter for each metric where only the base metrics stand in their
//! usual order, as nearly all published vectors have it; any other text as it is.

use crate::codec::{Decoded, Reader, Short, Writer};

/// The beginning of a vector and its metrics. Stored by place, so new ones come last.
const FORMS: [(&str, &[&str]); 4] = [
    ("CVSS:3.1/", &["AV", "AC", "PR", "UI", "S", "C", "I", "A"]),
    ("CVSS:3.0/", &["AV", "AC", "PR", "UI", "S", "C", "I", "A"]),
    ("CVSS:4.0/", &["AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA"]),
    ("", &["AV", "AC", "Au", "C", "I", "A"]),
];
/// In the place of a form: the text follows.
const TEXT: u8 = u8::MAX;

pub(crate) fn write(writer: &mut Writer, vector: &str) {
    let mut forms = (0..TEXT).zip(FORMS);
    let found = forms.find_map(|(code, form)| Some((code, letters(form, vector)?)));
    if let Some((code, letters)) = found {
        writer.byte(code);
        writer.bytes.extend_from_slice(&letters);
    } else {
        writer.byte(TEXT);
        writer.text(vector);
    }
}

/// The letters of a vector of this form; `None` where it is of another.
fn letters((beginning, metrics): (&str, &[&str]), vector: &str) -> Option<Vec<u8>> {
    let mut parts = vector.strip_prefix(beginning)?.split('/');
    let mut letters = Vec::with_capacity(metrics.len());
    for metric in metrics {
        match parts.next()?.strip_prefix(metric)?.strip_prefix(':')?.as_bytes() {
            [letter] => letters.push(*letter),
            _ => return None,
        }
    }
    parts.next().is_none().then_some(letters)
}

pub(crate) fn read(reader: &mut Reader<'_>) -> Decoded<String> {
    let code = reader.byte()?;
    if code == TEXT {
        return reader.string();
    }
    let (beginning, metrics) = FORMS.get(usize::from(code)).ok_or(Short)?;
    let mut vector = String::with_capacity(64);
    vector.push_str(beginning);
    for (at, metric) in metrics.iter().enumerate() {
        if at > 0 {
            vector.push('/');
        }
        vector.push_str(metric);
        vector.push(':');
        let letter = reader.byte()?;
        vector.push(if letter.is_ascii() { char::from(letter) } else { return Err(Short) });
    }
    Ok(vector)
}

#[cfg(test)]
mod tests {
    use super::{read, write};
    use crate::codec::{Reader, Writer};

    #[test]
    fn every_text_comes_back() {
        for (vector, most) in [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9),
            ("CVSS:3.0/AV:A/AC:H/PR:L/UI:R/S:C/C:H/I:H/A:N", 9),
            ("CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 12),
            ("AV:N/AC:M/Au:N/C:C/I:C/A:C", 7),
            ("CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L/E:P", 100),
            ("CVSS:3.1/AC:L/AV:N/PR:N/UI:N/S:U/C:H/I:H/A:H", 100),
            ("CVSS:3.1/AV:ü/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 100),
            ("(AV:N/AC:M/Au:N/C:C/I:C/A:C)", 100),
            ("AV:N/AC:M/Au:N/C:C/I:C", 100),
            ("CVSS:3.1/", 100),
            ("", 100),
        ] {
            let mut writer = Writer::default();
            write(&mut writer, vector);
            assert!(writer.bytes.len() <= most, "{vector}: {}", writer.bytes.len());
            let mut reader = Reader::new(&writer.bytes);
            assert_eq!(read(&mut reader).unwrap(), vector);
            assert!(reader.is_empty(), "{vector}");
        }
    }

    #[test]
    fn damaged_bytes_are_short() {
        for bytes in [&b""[..], b"\x00NLN", b"\x04NLNNUHHH", b"\x03N\xffNCCC", b"\xff\x05AV"] {
            assert!(read(&mut Reader::new(bytes)).is_err(), "{bytes:?}");
        }
    }
}
