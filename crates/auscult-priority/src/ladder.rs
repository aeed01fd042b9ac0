//! What a hospital can do about a finding, the first rung that holds it: the maker's approved patch,
//! a compensating control, isolation, or else a risk that nobody manages and that is registered as
//! such.

use auscult_model::{DeviceContext, Finding};
use jiff::civil::Date;

/// The rungs below a patch, which are the same for all findings of a device.
#[derive(Debug)]
pub(crate) struct Ladder {
    meanwhile: String,
}

impl Ladder {
    pub(crate) fn of(context: Option<&DeviceContext>, as_of: Date) -> Self {
        Self { meanwhile: without_patch(context, as_of) }
    }

    /// The action in a sentence. A rung counts only where a fact says that it can be stood on.
    pub(crate) fn action(&self, finding: &Finding) -> String {
        let meanwhile = &self.meanwhile;
        let repaired = finding.matches.iter().filter_map(|one| one.fixed.as_ref());
        match repaired.map(|version| version.0.as_str()).find(|version| !version.is_empty()) {
            Some(version) => format!(
                "patch: upstream repaired it in {version}; install it when the maker approves, \
                 until then {meanwhile}"
            ),
            None => format!("no repaired version is known: ask the maker, until then {meanwhile}"),
        }
    }
}

fn without_patch(context: Option<&DeviceContext>, as_of: Date) -> String {
    let controls = context.map_or(&[][..], |context| &context.compensating_controls);
    if let Some(control) = controls.iter().find(|control| control.is_in_force(as_of)) {
        return format!(
            "rely on \"{}\", which is checked by \"{}\" and ends on {}",
            control.name, control.check, control.expires
        );
    }
    match context.and_then(|context| context.safe_without_network) {
        Some(true) => "isolate it: it keeps its essential performance without a network".to_owned(),
        Some(false) => {
            "register the risk as unmanaged: it is not safe without a network".to_owned()
        }
        None => {
            "register the risk as unmanaged: whether it can be isolated is not known".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use auscult_model::{
        AffectedMatch, CompensatingControl, DeviceContext, Finding, MatchSource, Version,
    };
    use jiff::civil::{Date, date};

    use super::Ladder;
    use crate::decide::tests::finding;

    fn action(finding: &Finding, context: Option<&DeviceContext>, as_of: Date) -> String {
        Ladder::of(context, as_of).action(finding)
    }

    #[test]
    fn the_first_rung_that_holds_is_taken() {
        let today = date(2026, 6, 1);
        let mut finding = finding("curl", None);
        let control = |expires| CompensatingControl {
            name: "VLAN".into(),
            exposure: None,
            check: "flows".into(),
            expires,
        };
        let mut context = DeviceContext::default();
        assert!(action(&finding, None, today).ends_with("can be isolated is not known"));
        context.safe_without_network = Some(false);
        assert!(action(&finding, Some(&context), today).contains("unmanaged"));
        context.safe_without_network = Some(true);
        assert!(action(&finding, Some(&context), today).contains("isolate it"));
        context.compensating_controls = vec![control(date(2026, 6, 1))];
        assert!(action(&finding, Some(&context), today).contains("isolate it"), "it ended");
        context.compensating_controls = vec![control(date(2026, 6, 2))];
        assert!(action(&finding, Some(&context), today).contains("rely on \"VLAN\""));
        finding.matches = vec![AffectedMatch {
            source: MatchSource { source: "cve5".into(), record: "CVE-1".into() },
            name: "curl".into(),
            range: "< 8".into(),
            fixed: Some(Version("8".into())),
            confidence: 90,
        }];
        assert!(action(&finding, None, today).starts_with("patch: upstream repaired it in 8;"));
    }
}
