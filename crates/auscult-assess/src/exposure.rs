//! How the network reaches a component, from what listens and what is loaded: the measured part of
//! a finding's exposure.
//!
//! What listens is told by its configuration or by the program's own default. A program of which
//! only the imported functions say that it could listen is told apart, and so is a listener that is
//! bound to one interface or stands behind a packet filter that drops by default: both are
//! restricted, in the sense of SSVC's "networked service with some access restrictions".

use std::collections::BTreeMap;

use auscult_model::{
    Certainty, Facts, Finding, FirewallRules, Known, Listener, MeasuredExposure, NetworkReach,
    ReachedBy, RootOperation, Step,
};

use crate::files::Files;

const KERNEL: &str = "which code of a kernel the network reaches is not told by what listens";
const NO_FILE: &str = "no program or library of the image is known to hold it";
const INCOMPLETE: &str = "nothing was seen that starts it, and not everything is known that starts";

/// The exposures of the binaries of a build.
pub(crate) struct Exposures<'a> {
    by_file: BTreeMap<&'a [Step], MeasuredExposure>,
    /// Whether silence says something: see [`crate::reach::is_complete`].
    complete: bool,
}

impl<'a> Exposures<'a> {
    pub(crate) fn of(facts: &'a Facts) -> Self {
        let mut by_file: BTreeMap<&[Step], MeasuredExposure> = BTreeMap::new();
        for root in facts.operation.roots() {
            for one in root.reached.known().into_iter().flatten() {
                let measured = match one.by {
                    ReachedBy::Network => network(root, &one.chain),
                    ReachedBy::Boot => {
                        inside(NetworkReach::Running, "runs from boot on, behind no listener", one)
                    }
                    ReachedBy::OnDemand => {
                        let how = "runs when something asks for it, behind no listener";
                        inside(NetworkReach::OnDemand, how, one)
                    }
                    ReachedBy::MayBeLoaded => {
                        let how = "may be loaded by name by a program that runs";
                        inside(NetworkReach::MayBeLoaded, how, one)
                    }
                };
                let place = by_file.entry(&one.program.steps).or_insert_with(|| measured.clone());
                if measured.reach > place.reach {
                    *place = measured;
                }
            }
        }
        Self { by_file, complete: crate::reach::is_complete(facts) }
    }

    /// The nearest that the network comes to a file of the finding's component.
    pub(crate) fn measure(&self, files: &Files<'_>, finding: &Finding) -> Known<MeasuredExposure> {
        if finding.component == "linux" {
            return Known::unknown(KERNEL);
        }
        let binaries = files.of_finding(finding);
        if binaries.is_empty() {
            return Known::unknown(NO_FILE);
        }
        let ways = binaries.iter().filter_map(|binary| self.by_file.get(binary));
        match ways.max_by_key(|way| way.reach) {
            Some(way) => Known::Known(way.clone()),
            None if self.complete => Known::Known(MeasuredExposure {
                reach: NetworkReach::NotSeen,
                because: format!("nothing was seen that starts or loads {}", finding.component),
                remedy: None,
            }),
            None => Known::unknown(INCOMPLETE),
        }
    }
}

fn inside(reach: NetworkReach, how: &str, one: &auscult_model::Reached) -> MeasuredExposure {
    let because = format!("it {how}: {}", one.chain.join(" → "));
    MeasuredExposure { reach, because, remedy: None }
}

/// The exposure behind a chain that begins with a listener: `network:tcp/22`, the program, and what
/// it loads.
fn network(root: &RootOperation, chain: &[String]) -> MeasuredExposure {
    let path = chain.get(1).map(String::as_bytes).unwrap_or_default();
    let is_program = |listener: &&Listener| {
        listener.is_started()
            && !listener.is_loopback()
            && listener
                .program
                .as_ref()
                .and_then(auscult_model::Locator::path)
                .is_some_and(|program| !path.is_empty() && program.as_bytes().ends_with(path))
    };
    let filter = filter(root);
    let listeners = root.listeners.known().into_iter().flatten().filter(is_program);
    let nearest = listeners.map(|listener| of_listener(listener, filter));
    let mut measured = nearest
        .reduce(|one, other| if other.reach > one.reach { other } else { one })
        .unwrap_or_else(|| MeasuredExposure {
            reach: NetworkReach::MayListen,
            because: "a program on the way could listen".to_owned(),
            remedy: None,
        });
    if chain.len() > 2 {
        measured.because = format!("{}; the way there: {}", measured.because, chain.join(" → "));
    }
    measured
}

/// What one listener exposes.
fn of_listener(listener: &Listener, filter: Option<&FirewallRules>) -> MeasuredExposure {
    let (name, socket, place) = (&listener.name, listener.socket(), &listener.locator);
    let one = listener.address.known().filter(|address| !is_everywhere(address));
    let mut reach = NetworkReach::Open;
    let (does, on) = match (listener.certainty, one) {
        (Certainty::MayListen, _) => ("could listen", "an address that is not known".to_owned()),
        (_, Some(address)) => ("listens", format!("{address} only")),
        (_, None) => ("listens", "every interface".to_owned()),
    };
    let guard = match filter {
        Some(rules) => {
            reach = NetworkReach::Restricted;
            format!(
                "behind the {} rules at {}, which {} what they do not name",
                rules.kind,
                rules.locator,
                rules.input_policy.known().map_or("drop", String::as_str)
            )
        }
        None => "and no packet filter that drops by default was seen".to_owned(),
    };
    if one.is_some() {
        reach = NetworkReach::Restricted;
    }
    if listener.certainty == Certainty::MayListen {
        reach = NetworkReach::MayListen;
    }
    MeasuredExposure {
        reach,
        because: format!("{name} {does} on {socket} of {on} ({place}) {guard}"),
        remedy: Some(format!("{name} were not started or {socket} bound to 127.0.0.1")),
    }
}

/// The packet filter of a root that drops or refuses what it does not name. Which ports its rules
/// let through is not read, so that it restricts and never closes.
fn filter(root: &RootOperation) -> Option<&FirewallRules> {
    root.firewall.known()?.iter().find(|rules| {
        rules.input_policy.known().is_some_and(|policy| policy == "drop" || policy == "reject")
    })
}

fn is_everywhere(address: &str) -> bool {
    matches!(address, "0.0.0.0" | "::" | "*" | "any" | "all" | "")
}

#[cfg(test)]
mod tests {
    use auscult_model::{
        Certainty, Facts, FirewallRules, Known, Listener, ListenerSource, NetworkReach, Reached,
        ReachedBy, RootOperation, Started, Transport,
    };

    use super::Exposures;
    use crate::{files::Files, stated::made};

    const CURL: &str = "image@0x0/squashfs:/usr/bin/curl";

    fn listener(address: Option<&str>, certainty: Certainty, started: Started) -> Listener {
        Listener {
            name: "curl".into(),
            transport: Transport::Tcp,
            port: Known::Known(80),
            address: Known::from_option(address.map(str::to_owned), "not told"),
            program: Some(CURL.parse().unwrap()),
            source: ListenerSource::Configuration,
            certainty,
            started: Known::Known(started),
            locator: "image@0x0/squashfs:/etc/curl.conf@0x10".parse().unwrap(),
        }
    }

    fn drops() -> FirewallRules {
        FirewallRules {
            kind: "iptables".into(),
            input_policy: Known::Known("drop".into()),
            locator: "image@0x0/squashfs:/etc/iptables.rules".parse().unwrap(),
        }
    }

    fn measured(by: Option<ReachedBy>, root: RootOperation) -> (NetworkReach, String) {
        let mut facts: Facts = made::facts();
        made::own_curl(&mut facts, CURL);
        let first = if by == Some(ReachedBy::Network) { "network:tcp/80" } else { "cron" };
        let reached = by.map(|by| Reached {
            program: CURL.parse().unwrap(),
            by,
            chain: vec![first.into(), "/usr/bin/curl".into()],
        });
        let reached = Known::Known(reached.into_iter().collect());
        facts.operation.roots = Known::Known(vec![RootOperation { reached, ..root }]);
        let exposures = Exposures::of(&facts);
        let known = exposures.measure(&Files::of(&facts), &made::finding());
        let measured = known.known().unwrap();
        (measured.reach, measured.because.clone())
    }

    #[test]
    fn each_combination_of_facts_has_its_reach() {
        use Certainty::{Configured, DefaultOfProgram, MayListen};
        use NetworkReach::{Open, Restricted};
        let far = NetworkReach::MayListen;
        for (address, certainty, filtered, expected) in [
            (Some("0.0.0.0"), Configured, false, Open),
            (Some("::"), DefaultOfProgram, false, Open),
            // Where nothing restricts the address, every interface is meant.
            (None, DefaultOfProgram, false, Open),
            (Some("lan"), Configured, false, Restricted),
            (Some("192.168.1.1"), Configured, true, Restricted),
            (None, Configured, true, Restricted),
            (None, MayListen, false, far),
            (Some("0.0.0.0"), MayListen, true, far),
        ] {
            let rules = if filtered { vec![drops()] } else { Vec::new() };
            let root = RootOperation {
                listeners: Known::Known(vec![listener(address, certainty, Started::AtBoot)]),
                firewall: Known::Known(rules),
                ..made::root()
            };
            let (reach, because) = measured(Some(ReachedBy::Network), root);
            assert_eq!(reach, expected, "{address:?} {certainty:?} {filtered}: {because}");
            assert!(because.contains("squashfs:/etc/curl.conf@0x10"), "{because}");
        }
    }

    #[test]
    fn without_a_listener_on_the_way_nothing_is_exposed() {
        for (by, expected) in [
            (Some(ReachedBy::Boot), NetworkReach::Running),
            (Some(ReachedBy::OnDemand), NetworkReach::OnDemand),
            (Some(ReachedBy::MayBeLoaded), NetworkReach::MayBeLoaded),
            (None, NetworkReach::NotSeen),
        ] {
            assert_eq!(measured(by, made::root()).0, expected);
        }
    }

    #[test]
    fn what_is_not_known_is_not_measured() {
        let mut facts = made::facts();
        let finding = made::finding();
        let reason = |facts: &Facts| {
            let known = Exposures::of(facts).measure(&Files::of(facts), &finding);
            known.reason().map(str::to_owned)
        };
        assert_eq!(reason(&facts).as_deref(), Some(super::NO_FILE));
        made::own_curl(&mut facts, CURL);
        // How this root starts is not known.
        assert_eq!(reason(&facts).as_deref(), Some(super::INCOMPLETE));
        let mut kernel = made::finding();
        kernel.component = "linux".into();
        let known = Exposures::of(&facts).measure(&Files::of(&facts), &kernel);
        assert_eq!(known.reason(), Some(super::KERNEL));
    }
}
