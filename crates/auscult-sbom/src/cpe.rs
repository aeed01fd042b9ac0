//! CPE names as SBOMs carry them: CycloneDX allows the 2.2 URI (`cpe:/a:vendor:product:1.0`) and the
//! 2.3 formatted string.

use auscult_model::{Cpe, CpeName};

/// Reads either form, or returns `None` when the text is neither.
pub(crate) fn parse(text: &str) -> Option<Cpe> {
    CpeName::parse(text).ok().map(|name| name.formatted())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn both_forms_give_the_formatted_string() {
        for (text, expected) in [
            ("cpe:2.3:a:acme:app:1.0:*:*:*:*:*:*:*", "cpe:2.3:a:acme:app:1.0:*:*:*:*:*:*:*"),
            ("cpe:/o:Linux:linux_kernel:6.1", "cpe:2.3:o:linux:linux_kernel:6.1:*:*:*:*:*:*:*"),
        ] {
            assert_eq!(parse(text).unwrap().0, expected);
        }
        for text in ["", "cpe:", "cpe:/x:y:z", "cpe:2.3:a:b", "cpe:/a:b:c%0"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
