//! CPE names as SBOMs carry them, brought to the formatted string of version 2.3.
//!
//! CycloneDX allows the 2.2 URI (`cpe:/a:vendor:product:1.0`) and the 2.3 formatted string. The
//! URI is unbound and bound again as NISTIR 7695 section 6.1.3 and 6.2.2 describe, except that its
//! special wildcards `%01` and `%02` are refused.

use auscult_model::Cpe;

/// Attributes of a formatted string: part, vendor, product, version, update, edition, language,
/// software edition, target software, target hardware, other.
const ATTRIBUTES: usize = 11;

/// Reads either form, or returns `None` when the text is neither.
pub(crate) fn parse(text: &str) -> Option<Cpe> {
    let text = text.trim();
    if text.starts_with("cpe:2.3:") {
        let cpe = Cpe(text.to_owned());
        return (cpe.attributes().len() == ATTRIBUTES).then_some(cpe);
    }
    from_uri(text.strip_prefix("cpe:/")?)
}

fn from_uri(body: &str) -> Option<Cpe> {
    let parts: Vec<&str> = body.split(':').collect();
    let part = parts.first()?.to_ascii_lowercase();
    if !matches!(part.as_str(), "a" | "o" | "h") || parts.len() > 7 {
        return None;
    }
    let mut attributes = vec![part];
    for index in 1..5 {
        attributes.push(bind(parts.get(index).copied().unwrap_or_default())?);
    }
    let edition = parts.get(5).copied().unwrap_or_default();
    let language = bind(parts.get(6).copied().unwrap_or_default())?;
    if let Some(packed) = edition.strip_prefix('~') {
        let mut extended = packed.split('~');
        attributes.push(bind(extended.next().unwrap_or_default())?);
        attributes.push(language);
        for _ in 0..4 {
            attributes.push(bind(extended.next().unwrap_or_default())?);
        }
    } else {
        attributes.extend([bind(edition)?, language]);
        attributes.extend(std::iter::repeat_n("*".to_owned(), 4));
    }
    Some(Cpe(format!("cpe:2.3:{}", attributes.join(":"))))
}

/// Decodes one URI component and escapes it for the formatted string; an empty one means any.
fn bind(component: &str) -> Option<String> {
    if component.is_empty() {
        return Some("*".to_owned());
    }
    if component == "-" {
        return Some("-".to_owned());
    }
    let mut bound = String::with_capacity(component.len());
    let mut bytes = component.bytes();
    while let Some(byte) = bytes.next() {
        let decoded = if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            u8::try_from(high * 16 + low).ok()?
        } else {
            byte
        };
        if !decoded.is_ascii_graphic() {
            return None;
        }
        if !(decoded.is_ascii_alphanumeric() || matches!(decoded, b'_' | b'.' | b'-')) {
            bound.push('\\');
        }
        bound.push(char::from(decoded).to_ascii_lowercase());
    }
    Some(bound)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn both_forms_give_the_formatted_string() {
        for (text, expected) in [
            ("cpe:2.3:a:acme:app:1.0:*:*:*:*:*:*:*", "cpe:2.3:a:acme:app:1.0:*:*:*:*:*:*:*"),
            ("cpe:/a:acme:app:1.0", "cpe:2.3:a:acme:app:1.0:*:*:*:*:*:*:*"),
            ("cpe:/o:Linux:linux_kernel:6.1", "cpe:2.3:o:linux:linux_kernel:6.1:*:*:*:*:*:*:*"),
            ("cpe:/a:treck:tcp%2fip", r"cpe:2.3:a:treck:tcp\/ip:*:*:*:*:*:*:*:*"),
            (
                "cpe:/a:hp:insight:7.4:-:~~online~win2003~x64~",
                "cpe:2.3:a:hp:insight:7.4:-:*:*:online:win2003:x64:*",
            ),
        ] {
            assert_eq!(parse(text).unwrap().0, expected);
        }
        for text in ["", "cpe:", "cpe:/x:y:z", "cpe:2.3:a:b", "cpe:/a:b:c%0", "cpe:/a:b:%01"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
