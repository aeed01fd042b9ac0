//! Decisions: the FDA's worked examples, paths, would-change sentences, and the law that a missing
//! fact never lowers a priority.

use auscult_model::{
    AdvisoryId, AffectedMatch, CompensatingControl, CvssScore, DeviceContext, Exploitation,
    Exposure, Finding, HarmSeverity, HazardousFunction, KevEntry, Known, MatchSource,
    MeasuredExposure, MissionImpact, NetworkReach, Outcome, Perspective, RiskDecision, Severity,
    Version, Vex, VexStatus,
};
use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::{DecisionPolicy, HumanImpactPolicy, decide, word};

const AS_OF: Date = date(2026, 11, 23);

pub(crate) fn finding(component: &str, vector: Option<&str>) -> Finding {
    let score = |vector: &str| CvssScore {
        source: "nvd".into(),
        vector: vector.into(),
        score_tenths: 98,
        severity: Severity::Critical,
    };
    Finding {
        id: AdvisoryId("CVE-2026-0001".into()),
        aliases: Vec::new(),
        component: component.into(),
        version: Version("1.0".into()),
        purl: None,
        locators: Vec::new(),
        matches: Vec::new(),
        vex: Vex {
            status: VexStatus::Affected,
            justification: None,
            strength: None,
            evidence: Vec::new(),
        },
        kev: None,
        epss: None,
        cvss: vector.map(score).into_iter().collect(),
        exploitation: Exploitation::None,
        automatable: None,
        technical_impact_total: None,
        exposure: Finding::unmeasured(),
        decisions: Vec::new(),
    }
}

fn function(severity: HarmSeverity, several: Option<bool>) -> HazardousFunction {
    HazardousFunction {
        name: "therapy".into(),
        severity,
        essential_performance: true,
        multi_patient_harm: several,
        components: Vec::new(),
        source: None,
    }
}

fn of(decisions: &[RiskDecision], perspective: Perspective, policy: &str) -> RiskDecision {
    let found = decisions
        .iter()
        .find(|one| one.perspective == perspective && one.policy.starts_with(policy));
    found.unwrap().clone()
}

const REMOTE: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";

#[test]
fn without_any_fact_everything_is_worst_and_says_so() {
    let decisions = decide(
        &finding("busybox", None),
        None,
        AS_OF,
        DecisionPolicy { kev_consulted: false, ..DecisionPolicy::default() },
    );
    let outcomes: Vec<_> = decisions.iter().map(|decision| decision.outcome).collect();
    assert_eq!(outcomes, [Outcome::Immediate, Outcome::Within3DaysForensic, Outcome::Uncontrolled]);
    for step in decisions.iter().flat_map(|decision| decision.path.iter()) {
        assert!(!step.known, "{step:?}");
    }
    let dues: Vec<_> = decisions.iter().map(|decision| decision.due).collect();
    assert_eq!(dues, [None, Some(date(2026, 11, 26)), Some(date(2026, 12, 23))]);
}

#[test]
fn the_path_names_every_fact_and_what_would_change_the_outcome() {
    let mut finding = finding("busybox", Some(REMOTE));
    finding.kev = Some(KevEntry { added: date(2025, 1, 7), ransomware: false });
    let context = DeviceContext {
        exposure: Some(Exposure::Open),
        mission_impact: Some(MissionImpact::MefFailure),
        functions: vec![function(HarmSeverity::Critical, Some(false))],
        ..DeviceContext::default()
    };
    let decisions = decide(&finding, Some(&context), AS_OF, DecisionPolicy::default());
    let ssvc = of(&decisions, Perspective::Hospital, "ssvc:deployer");
    assert_eq!(ssvc.outcome, Outcome::Immediate);
    let path: Vec<String> =
        ssvc.path.iter().map(|step| format!("{}={}", step.point, step.value)).collect();
    assert_eq!(
        path,
        [
            "exploitation=active",
            "system-exposure=open",
            "automatable=yes",
            "safety-impact=critical",
            "mission-impact=mef-failure",
            "human-impact=high",
        ]
    );
    assert_eq!(ssvc.path[0].because, "in CISA KEV since 2025-01-07");
    assert_eq!(
        *ssvc.would_change,
        [
            "immediate -> scheduled if exploitation were none",
            "immediate -> out-of-cycle if exploitation were public-poc",
            "immediate -> out-of-cycle if system-exposure were small",
            "immediate -> out-of-cycle if system-exposure were controlled",
            "immediate -> out-of-cycle if automatable were no",
            "immediate -> out-of-cycle if safety-impact were negligible",
        ]
    );
}

#[test]
fn bod_dates_count_from_the_as_of_date() {
    let mut finding = finding("busybox", Some("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:N/A:N"));
    let context = |publicly_exposed| DeviceContext { publicly_exposed, ..Default::default() };
    let due = |finding: &Finding, exposed| {
        let context = context(exposed);
        let decisions = decide(finding, Some(&context), AS_OF, DecisionPolicy::default());
        let decision = of(&decisions, Perspective::Hospital, "cisa:bod-26-04:1.0.0");
        (decision.outcome, decision.due)
    };
    assert_eq!(due(&finding, Some(false)), (Outcome::FixOnSystemUpgrade, None));
    assert_eq!(due(&finding, None), (Outcome::Within60Days, Some(date(2027, 1, 22))));
    finding.kev = Some(KevEntry { added: date(2020, 1, 1), ransomware: true });
    assert_eq!(due(&finding, Some(false)), (Outcome::Within14Days, Some(date(2026, 12, 7))));
}

#[test]
fn findings_that_do_not_apply_get_no_decision() {
    for (status, expected) in [
        (VexStatus::Affected, 3),
        (VexStatus::UnderInvestigation, 3),
        (VexStatus::NotAffected, 0),
        (VexStatus::Fixed, 0),
    ] {
        let mut finding = finding("busybox", Some(REMOTE));
        finding.vex.status = status;
        assert_eq!(decide(&finding, None, AS_OF, DecisionPolicy::default()).len(), expected);
    }
}

#[test]
fn a_control_counts_until_the_day_before_it_expires_and_only_with_a_check() {
    for (expires, check, exposure) in [
        (date(2026, 11, 24), "weekly scan", "small"),
        (date(2026, 11, 23), "weekly scan", "open"),
        (date(2026, 11, 24), " ", "open"),
    ] {
        let control = CompensatingControl {
            name: "VLAN 40".into(),
            exposure: Some(Exposure::Small),
            check: check.into(),
            expires,
        };
        let context = DeviceContext {
            exposure: Some(Exposure::Open),
            compensating_controls: vec![control],
            ..DeviceContext::default()
        };
        let finding = finding("busybox", Some(REMOTE));
        let decisions = decide(&finding, Some(&context), AS_OF, DecisionPolicy::default());
        let hospital = of(&decisions, Perspective::Hospital, "ssvc:deployer");
        assert_eq!(hospital.path[1].value, exposure);
        // The maker may not rely on what hospitals build around the device.
        let maker = of(&decisions, Perspective::Maker, "fda");
        assert_eq!(maker.path[2].value, "open");
    }
}

#[test]
fn components_are_found_by_every_name_they_go_by() {
    let function = HazardousFunction {
        components: vec!["OpenSSL".into(), "linux_kernel".into()],
        ..function(HarmSeverity::Serious, None)
    };
    let context = DeviceContext { functions: vec![function], ..DeviceContext::default() };
    let severity = |finding: &Finding| {
        let decisions = decide(finding, Some(&context), AS_OF, DecisionPolicy::default());
        of(&decisions, Perspective::Maker, "fda").path[5].value.clone()
    };
    let mut package = finding("libssl1.0.0", Some(REMOTE));
    assert_eq!(severity(&package), "unassessed");
    package.matches.push(AffectedMatch {
        source: MatchSource { source: "nvd".into(), record: "CVE-2026-0001".into() },
        name: "cpe:2.3:a:openssl:openssl".into(),
        range: "< 1.0.1g".into(),
        fixed: None,
        confidence: 90,
    });
    assert_eq!(severity(&package), "serious");
    assert_eq!(severity(&finding("linux", Some(REMOTE))), "serious");
}

#[test]
fn published_assessments_outweigh_the_vector() {
    let mut finding = finding("busybox", Some(REMOTE));
    finding.automatable = Some(false);
    finding.technical_impact_total = Some(false);
    let decisions = decide(&finding, None, AS_OF, DecisionPolicy::default());
    let bod = of(&decisions, Perspective::Hospital, "cisa");
    assert_eq!((bod.path[2].value.as_str(), bod.path[3].value.as_str()), ("no", "partial"));
}

#[test]
fn both_human_impact_policies_are_offered() {
    let context = DeviceContext {
        exposure: Some(Exposure::Open),
        mission_impact: Some(MissionImpact::Degraded),
        functions: vec![function(HarmSeverity::Critical, Some(false))],
        ..DeviceContext::default()
    };
    let outcome = |human_impact| {
        let policy = DecisionPolicy { human_impact, ..DecisionPolicy::default() };
        let mut finding = finding("busybox", Some(REMOTE));
        finding.exploitation = Exploitation::Active;
        let decisions = decide(&finding, Some(&context), AS_OF, policy);
        of(&decisions, Perspective::Hospital, "ssvc").outcome
    };
    assert_eq!(outcome(HumanImpactPolicy::MedicalStrict), Outcome::Immediate);
    assert_eq!(outcome(HumanImpactPolicy::CertccTable100), Outcome::OutOfCycle);
}

/// The examples of the FDA's postmarket guidance (2016), sections VII.A and VII.B, in our facts.
#[test]
fn the_worked_examples_of_the_fda_come_out_as_the_guidance_says() {
    use Exploitation::{Active, None as Unexploited, PublicPoc};
    use HarmSeverity::{Catastrophic, Critical, Minor, Negligible, Serious};
    use Outcome::{Controlled, Uncontrolled};
    const NEAR_WITH_LOGIN: &str = "CVSS:3.1/AV:A/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H";
    const HANDS_ON: &str = "CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
    const READS_ONLY: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N";
    for (case, vector, exploitation, severity, expected) in [
        ("malware that alters no data", REMOTE, Active, Minor, Controlled),
        ("database exposes records, read-only", READS_ONLY, Unexploited, Negligible, Controlled),
        ("unused port, downloads blocked, hands-on", HANDS_ON, Unexploited, Critical, Controlled),
        ("adware on a class III programmer", REMOTE, Active, Negligible, Controlled),
        ("unused port takes unsigned firmware", REMOTE, Unexploited, Serious, Uncontrolled),
        ("class III, hardcoded password", NEAR_WITH_LOGIN, Unexploited, Critical, Uncontrolled),
        ("off-the-shelf flaw, no mitigation", REMOTE, PublicPoc, Serious, Uncontrolled),
        ("exploit contributed to a death", REMOTE, Active, Catastrophic, Uncontrolled),
    ] {
        let mut finding = finding("firmware", Some(vector));
        finding.exploitation = exploitation;
        let context = DeviceContext {
            exposure: Some(Exposure::Open),
            functions: vec![function(severity, Some(false))],
            ..DeviceContext::default()
        };
        let decisions = decide(&finding, Some(&context), AS_OF, DecisionPolicy::default());
        let decision = of(&decisions, Perspective::Maker, "fda");
        assert_eq!(decision.outcome, expected, "{case}: {:?}", decision.path);
        if case.starts_with("class III") {
            assert_eq!(decision.path[4].value, "medium", "the guidance calls it moderate");
        }
    }
}

/// The sample device: the same kind of flaw weighs differently by what its component can harm.
#[test]
fn the_sample_device_tells_components_apart() {
    use Outcome::{Controlled, OutOfCycle, Scheduled, Uncontrolled, Within60Days};
    let context = crate::parse_context(include_str!("../../../samples/device.toml")).unwrap();
    let outcomes = |component, exploited| {
        let mut finding = finding(component, Some(REMOTE));
        if exploited {
            finding.exploitation = Exploitation::Active;
        }
        let decisions = decide(&finding, Some(&context), AS_OF, DecisionPolicy::default());
        decisions.iter().map(|decision| decision.outcome).collect::<Vec<_>>()
    };
    assert_eq!(outcomes("linux", true), [OutOfCycle, Within60Days, Uncontrolled]);
    assert_eq!(outcomes("linux", false), [Scheduled, Within60Days, Uncontrolled]);
    assert_eq!(outcomes("lighttpd", true), [OutOfCycle, Within60Days, Controlled]);
    // Nobody said what this one can harm.
    assert_eq!(outcomes("libmicrohttpd", false), [Scheduled, Within60Days, Uncontrolled]);
}

fn any_vector() -> impl Strategy<Value = Option<String>> {
    let metrics = (
        prop::sample::select(vec!["N", "A", "L", "P"]),
        prop::sample::select(vec!["L", "H"]),
        prop::sample::select(vec!["N", "L", "H"]),
        prop::sample::select(vec!["N", "R"]),
        prop::sample::select(vec!["N", "L", "H"]),
    );
    prop::option::of(metrics.prop_map(|(av, ac, pr, ui, impact)| {
        format!("CVSS:3.1/AV:{av}/AC:{ac}/PR:{pr}/UI:{ui}/S:U/C:{impact}/I:{impact}/A:H")
    }))
}

fn any_finding() -> impl Strategy<Value = Finding> {
    let exploitation = prop::sample::select(vec![
        Exploitation::None,
        Exploitation::PublicPoc,
        Exploitation::Active,
    ]);
    let published = any::<(Option<bool>, Option<bool>, bool)>();
    let parts = (any_vector(), exploitation, published, any_reach());
    parts.prop_map(|(vector, exploitation, published, exposure)| {
        let mut finding = finding("busybox", vector.as_deref());
        finding.exposure = exposure;
        finding.exploitation = exploitation;
        let in_kev;
        (finding.automatable, finding.technical_impact_total, in_kev) = published;
        finding.kev = in_kev.then_some(KevEntry { added: AS_OF, ransomware: false });
        finding
    })
}

fn any_reach() -> impl Strategy<Value = Known<MeasuredExposure>> {
    let reach = prop::sample::select(vec![
        NetworkReach::NotSeen,
        NetworkReach::MayBeLoaded,
        NetworkReach::OnDemand,
        NetworkReach::Running,
        NetworkReach::MayListen,
        NetworkReach::Restricted,
        NetworkReach::Open,
    ]);
    prop::option::of(reach).prop_map(|reach| match reach {
        Some(reach) => {
            Known::Known(MeasuredExposure { reach, because: "seen".into(), remedy: None })
        }
        None => Finding::unmeasured(),
    })
}

fn any_exposure() -> impl Strategy<Value = Option<Exposure>> {
    prop::option::of(prop::sample::select(vec![
        Exposure::Small,
        Exposure::Controlled,
        Exposure::Open,
    ]))
}

fn any_function() -> impl Strategy<Value = HazardousFunction> {
    let severity = prop::sample::select(vec![
        HarmSeverity::Negligible,
        HarmSeverity::Minor,
        HarmSeverity::Serious,
        HarmSeverity::Critical,
        HarmSeverity::Catastrophic,
    ]);
    let components = prop::sample::select(vec![vec![], vec!["busybox"], vec!["openssl"]]);
    (severity, any::<Option<bool>>(), components).prop_map(|(severity, several, components)| {
        let components = components.into_iter().map(str::to_owned).collect();
        HazardousFunction { components, ..function(severity, several) }
    })
}

fn any_context() -> impl Strategy<Value = DeviceContext> {
    let mission = prop::option::of(prop::sample::select(vec![
        MissionImpact::Degraded,
        MissionImpact::MefSupportCrippled,
        MissionImpact::MefFailure,
        MissionImpact::MissionFailure,
    ]));
    let control = (any_exposure(), any::<bool>()).prop_map(|(exposure, valid)| {
        let expires = if valid { date(2027, 1, 1) } else { date(2026, 1, 1) };
        CompensatingControl { name: "VLAN".into(), exposure, check: "scan".into(), expires }
    });
    (
        any_exposure(),
        any::<Option<bool>>(),
        mission,
        prop::collection::vec(any_function(), 0..3),
        prop::collection::vec(control, 0..2),
    )
        .prop_map(|(exposure, publicly_exposed, mission_impact, functions, controls)| {
            DeviceContext {
                exposure,
                publicly_exposed,
                mission_impact,
                functions,
                compensating_controls: controls,
                ..DeviceContext::default()
            }
        })
}

/// The same context with one fact left out, in every way there is. The components of a function are
/// no such fact: without them the function is declared for all components.
fn with_one_fact_less(context: &DeviceContext) -> Vec<(&'static str, DeviceContext)> {
    let mut poorer = vec![("all", DeviceContext::default())];
    let mut drop = |fact, change: &dyn Fn(&mut DeviceContext)| {
        let mut context = context.clone();
        change(&mut context);
        poorer.push((fact, context));
    };
    drop("exposure", &|context| context.exposure = None);
    drop("publicly-exposed", &|context| context.publicly_exposed = None);
    drop("mission-impact", &|context| context.mission_impact = None);
    drop("functions", &|context| context.functions.clear());
    drop("multi-patient-harm", &|context| {
        context.functions.iter_mut().for_each(|one| one.multi_patient_harm = None);
    });
    drop("compensating-controls", &|context| context.compensating_controls.clear());
    drop("exposure of controls", &|context| {
        context.compensating_controls.iter_mut().for_each(|one| one.exposure = None);
    });
    poorer
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_fact_lowers_a_priority_by_its_absence(
        finding in any_finding(),
        context in any_context(),
        kev_consulted in any::<bool>(),
    ) {
        let policy = DecisionPolicy { kev_consulted, ..DecisionPolicy::default() };
        let full = decide(&finding, Some(&context), AS_OF, policy);
        let mut poorer: Vec<_> = with_one_fact_less(&context)
            .into_iter()
            .map(|(fact, context)| (fact, decide(&finding, Some(&context), AS_OF, policy)))
            .collect();
        poorer.push(("context", decide(&finding, None, AS_OF, policy)));
        let unconsulted = DecisionPolicy { kev_consulted: false, ..policy };
        poorer.push(("kev", decide(&finding, Some(&context), AS_OF, unconsulted)));
        if finding.automatable.is_none() && finding.technical_impact_total.is_none() {
            let unscored = Finding { cvss: Vec::new(), ..finding.clone() };
            poorer.push(("cvss", decide(&unscored, Some(&context), AS_OF, policy)));
        }
        for (fact, decisions) in poorer {
            for (before, after) in full.iter().zip(&decisions) {
                prop_assert!(
                    after.outcome >= before.outcome,
                    "without {fact}: {} {} -> {}",
                    before.policy, word(before.outcome), word(after.outcome)
                );
            }
        }
    }
    /// What was measured only raises, the more the nearer the network comes, and a better word in the
    /// context never gives a worse outcome.
    #[test]
    fn what_is_measured_never_lowers_and_a_declaration_never_raises(
        finding in any_finding(),
        context in any_context(),
        other in any_reach(),
    ) {
        let policy = DecisionPolicy::default();
        let outcomes = |finding: &Finding, context: &DeviceContext| -> Vec<Outcome> {
            let decisions = decide(finding, Some(context), AS_OF, policy);
            decisions.iter().map(|decision| decision.outcome).collect()
        };
        let given = outcomes(&finding, &context);
        let not_below = |lower: &[Outcome], higher: &[Outcome]| {
            lower.iter().zip(higher).all(|(lower, higher)| lower <= higher)
        };
        let reach = |finding: &Finding| finding.exposure.known().map(|measured| measured.reach);
        let elsewhere = Finding { exposure: other, ..finding.clone() };
        let (near, far) = if reach(&finding) >= reach(&elsewhere) {
            (given.clone(), outcomes(&elsewhere, &context))
        } else {
            (outcomes(&elsewhere, &context), given.clone())
        };
        prop_assert!(not_below(&far, &near), "{far:?} {near:?}");
        for exposure in [Exposure::Small, Exposure::Controlled, Exposure::Open] {
            let declared = DeviceContext { exposure: Some(exposure), ..context.clone() };
            let outcomes = outcomes(&finding, &declared);
            let (lower, higher) = if context.exposure.is_none_or(|own| exposure <= own) {
                (&outcomes, &given)
            } else {
                (&given, &outcomes)
            };
            prop_assert!(not_below(lower, higher), "{exposure:?}: {lower:?} {higher:?}");
        }
    }
}
