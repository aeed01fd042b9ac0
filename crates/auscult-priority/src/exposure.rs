//! System exposure, from what is declared of the device and what was measured in the build.
//!
//! What is measured takes part as a lower bound, and never lowers anything: nobody can tell from an
//! image that an attacker does not come near. A declaration holds unless a measured fact speaks
//! against it; then the worse of the two is taken, and the answer says so. The bound differs by
//! perspective:
//!
//! | a program with the component listens | maker | hospital |
//! |---|---|---|
//! | on every interface, no packet filter shipped | open | controlled |
//! | on one interface, or behind a filter that drops by default | controlled | controlled |
//! | perhaps, or not at all | none | none |
//!
//! The maker must assume that an adversary controls the network. The hospital's network is its own:
//! that a service is there rules out only "small", unless a control with a check says otherwise.

use auscult_model::{CompensatingControl, DeviceContext, Exposure, MeasuredExposure, NetworkReach};
use jiff::civil::Date;

use crate::answers::Answer;

const POINT: &str = "system-exposure";

/// System exposure as designed. What hospitals put around a device does not count for its maker
/// (MDCG 2019-16 section 3.6 asks for a justification): the maker declares the exposure instead.
pub(crate) fn by_design(
    measured: Option<&MeasuredExposure>,
    context: Option<&DeviceContext>,
) -> Answer {
    let bound = |reach| match reach {
        NetworkReach::Open => Some(Exposure::Open),
        NetworkReach::Restricted => Some(Exposure::Controlled),
        _ => None,
    };
    bounded(measured, context, bound).1
}

/// System exposure as the hospital sees it: declared and measured, or as low as a control in force
/// keeps it.
///
/// A control is in force before the day it expires, and only when it names its check.
pub(crate) fn on_site(
    measured: Option<&MeasuredExposure>,
    context: Option<&DeviceContext>,
    as_of: Date,
) -> Answer {
    let bound = |reach| (reach >= NetworkReach::Restricted).then_some(Exposure::Controlled);
    let (exposure, answer) = bounded(measured, context, bound);
    let controls = context.map_or(&[][..], |context| &context.compensating_controls);
    let in_force = controls.iter().filter(|control| control.is_in_force(as_of));
    let lowest = in_force
        .filter_map(|control| control.exposure.map(|exposure| (exposure, control)))
        .min_by_key(|(exposure, _)| *exposure);
    match lowest {
        Some((kept, control)) if kept < exposure => of_control(kept, control),
        _ => answer,
    }
}

fn of_control(exposure: Exposure, control: &CompensatingControl) -> Answer {
    let because = format!(
        "compensating control \"{}\", checked by \"{}\", until {}",
        control.name, control.check, control.expires
    );
    Answer::known(POINT, word(exposure), because)
}

/// The worse of the declared exposure and of what the measured reach leaves possible.
fn bounded(
    measured: Option<&MeasuredExposure>,
    context: Option<&DeviceContext>,
    bound: impl Fn(NetworkReach) -> Option<Exposure>,
) -> (Exposure, Answer) {
    let declared = context.and_then(|context| context.exposure);
    let bound = measured.and_then(|measured| bound(measured.reach));
    let exposure = declared
        .map_or(Exposure::Open, |declared| bound.map_or(declared, |bound| declared.max(bound)));
    let seen = measured.map(|measured| measured.because.as_str());
    let mut answer = match (declared, seen) {
        (None, Some(seen)) if bound == Some(Exposure::Open) => {
            Answer::known(POINT, word(exposure), format!("measured: {seen}"))
        }
        (None, _) => {
            let seen = seen.map_or_else(String::new, |seen| format!("; measured: {seen}"));
            let missing = format!("the device context has no exposure{seen}");
            Answer::worst(POINT, word(exposure), &missing)
        }
        (Some(declared), Some(seen)) if exposure > declared => {
            let because = format!(
                "measured: {seen}; the device context says {}, the worse is taken",
                word(declared)
            );
            Answer::known(POINT, word(exposure), because)
        }
        (Some(_), Some(seen)) => Answer::known(
            POINT,
            word(exposure),
            format!("device context: exposure; measured: {seen}"),
        ),
        (Some(_), None) => Answer::known(POINT, word(exposure), "device context: exposure"),
    };
    answer.remedy = remedy(declared, exposure, bound, measured);
    (exposure, answer)
}

/// What would lower the exposure: a change of the build where it is the build that raises it.
fn remedy(
    declared: Option<Exposure>,
    exposure: Exposure,
    bound: Option<Exposure>,
    measured: Option<&MeasuredExposure>,
) -> Option<String> {
    let raised = bound == Some(exposure) && declared.is_none_or(|declared| declared < exposure);
    let change = measured.filter(|_| raised)?.remedy.as_deref()?;
    let declared = if declared.is_none() { " and the device context said so" } else { "" };
    Some(format!("{change}{declared}"))
}

fn word(exposure: Exposure) -> &'static str {
    match exposure {
        Exposure::Small => "small",
        Exposure::Controlled => "controlled",
        Exposure::Open => "open",
    }
}

#[cfg(test)]
mod tests {
    use auscult_model::{
        CompensatingControl, DeviceContext, Exposure, Known, MeasuredExposure, NetworkReach,
    };
    use jiff::civil::date;

    use super::{by_design, on_site};
    use crate::decide::tests::finding;

    const TODAY: jiff::civil::Date = date(2026, 6, 1);

    fn measured(reach: Option<NetworkReach>) -> auscult_model::Finding {
        let mut finding = finding("openssh", None);
        if let Some(reach) = reach {
            finding.exposure = Known::Known(MeasuredExposure {
                reach,
                because: "sshd listens on tcp/22 of every interface (image@0x10)".into(),
                remedy: Some("sshd were not started".into()),
            });
        }
        finding
    }

    fn context(exposure: Option<Exposure>) -> DeviceContext {
        DeviceContext { exposure, ..DeviceContext::default() }
    }

    /// Every declaration with every measured reach: the values for maker and hospital, and whether
    /// they are known.
    #[test]
    fn the_table_of_declared_and_measured() {
        use NetworkReach::{MayBeLoaded, MayListen, NotSeen, OnDemand, Open, Restricted, Running};
        const REACHES: [Option<NetworkReach>; 8] = [
            None,
            Some(NotSeen),
            Some(MayBeLoaded),
            Some(OnDemand),
            Some(Running),
            Some(MayListen),
            Some(Restricted),
            Some(Open),
        ];
        let rows: [(Option<Exposure>, [&str; 8], [&str; 8]); 4] = [
            (None, ["open?"; 8], ["open?"; 8]),
            (
                Some(Exposure::Small),
                ["small", "small", "small", "small", "small", "small", "controlled", "open"],
                ["small", "small", "small", "small", "small", "small", "controlled", "controlled"],
            ),
            (
                Some(Exposure::Controlled),
                [
                    "controlled",
                    "controlled",
                    "controlled",
                    "controlled",
                    "controlled",
                    "controlled",
                    "controlled",
                    "open",
                ],
                ["controlled"; 8],
            ),
            (Some(Exposure::Open), ["open"; 8], ["open"; 8]),
        ];
        for (declared, makers, hospitals) in rows {
            let context = context(declared);
            for ((reach, maker), hospital) in REACHES.into_iter().zip(makers).zip(hospitals) {
                let finding = measured(reach);
                let design = by_design(finding.exposure.known(), Some(&context)).step();
                let site = on_site(finding.exposure.known(), Some(&context), TODAY).step();
                let case = format!("{declared:?} {reach:?}");
                // What is measured to be open is no guess, though nobody declared it.
                let expected =
                    if declared.is_none() && reach == Some(Open) { "open" } else { maker };
                let shown = |step: &auscult_model::DecisionPoint| {
                    format!("{}{}", step.value, if step.known { "" } else { "?" })
                };
                assert_eq!(
                    (shown(&design), shown(&site)),
                    (expected.into(), hospital.into()),
                    "{case}"
                );
                // The fact stands in the path whether or not it decides.
                assert_eq!(reach.is_some(), design.because.contains("image@0x10"), "{case}");
            }
        }
    }

    #[test]
    fn a_conflict_is_told_with_what_would_lower_it() {
        let finding = measured(Some(NetworkReach::Open));
        let answer = by_design(finding.exposure.known(), Some(&context(Some(Exposure::Small))));
        assert_eq!(
            answer.step().because,
            "measured: sshd listens on tcp/22 of every interface (image@0x10); the device context \
             says small, the worse is taken"
        );
        assert_eq!(answer.remedy.as_deref(), Some("sshd were not started"));
        // Where the declaration is as bad, a change of the build changes nothing.
        let answer = by_design(finding.exposure.known(), Some(&context(Some(Exposure::Open))));
        assert_eq!(answer.remedy, None);
    }

    #[test]
    fn a_control_in_force_lowers_what_was_measured_for_the_hospital_alone() {
        let finding = measured(Some(NetworkReach::Open));
        let mut context = context(Some(Exposure::Small));
        context.compensating_controls = vec![CompensatingControl {
            name: "VLAN 40".into(),
            exposure: Some(Exposure::Small),
            check: "weekly scan".into(),
            expires: date(2026, 6, 2),
        }];
        assert_eq!(on_site(finding.exposure.known(), Some(&context), TODAY).value, "small");
        assert_eq!(
            on_site(finding.exposure.known(), Some(&context), date(2026, 6, 2)).value,
            "controlled"
        );
        assert_eq!(by_design(finding.exposure.known(), Some(&context)).value, "open");
    }
}
