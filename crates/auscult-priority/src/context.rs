//! Reading `device.toml`, the declared context of a device.

use auscult_model::DeviceContext;

use crate::{Error, toml_text};

/// Reads the declared context of a device.
///
/// Every key may be left out. An unknown key or word is an error, as a misspelt fact would else
/// count as a missing one.
///
/// # Errors
/// [`Error::Toml`] with the line, the key and the words allowed.
pub fn parse_context(text: &str) -> Result<DeviceContext, Error> {
    toml_text::parse("device context", text)
}

#[cfg(test)]
mod tests {
    use auscult_model::{Exposure, HarmSeverity, MissionImpact};

    use super::parse_context;

    #[test]
    fn dates_may_stand_bare_or_quoted() {
        for date in ["2027-01-31", "\"2027-01-31\""] {
            let text = format!(
                "exposure = \"open\"\n[[compensating-controls]]\nname = \"VLAN 40\"\n\
                 exposure = \"small\"\ncheck = \"weekly port scan\"\nexpires = {date}\n"
            );
            let context = parse_context(&text).unwrap();
            assert_eq!(context.compensating_controls[0].expires.to_string(), "2027-01-31");
        }
    }

    #[test]
    fn the_sample_is_complete() {
        let sample = parse_context(include_str!("../../../samples/device.toml")).unwrap();
        assert_eq!(sample.exposure, Some(Exposure::Controlled));
        assert_eq!(sample.mission_impact, Some(MissionImpact::MefFailure));
        let worst = sample.functions.iter().map(|function| function.severity).max();
        assert_eq!(worst, Some(HarmSeverity::Catastrophic));
    }

    #[test]
    fn errors_name_line_key_and_words() {
        for (text, expected) in [
            (
                "model = \"P1\"\nexposure = \"some\"\n",
                "read the device context at line 2: unknown variant `some`, expected one of \
                 `small`, `controlled`, `open`",
            ),
            ("\n\nexposur = \"open\"\n", "read the device context at line 3: unknown field"),
            ("model = \n", "read the device context at line 1: "),
        ] {
            let message = parse_context(text).unwrap_err().to_string();
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
