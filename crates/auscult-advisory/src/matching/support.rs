//! Until when the components of an image are maintained: finds the product of each, and the release
//! cycle that its version belongs to.
//!
//! Only what is certain is told. A version that is not known, one that may be of two cycles, and a
//! name that stands for two products give no row.

use std::collections::{BTreeMap, BTreeSet};

use auscult_model::{
    Component, ComponentId, ComponentKind, EvidenceClass, Facts, Known, Locator, Origin, Support,
    SupportState, component_ids,
};
use jiff::civil::Date;

use super::{
    distribution::publishes,
    subject::{Told, database, given},
};
use crate::{
    Result, Snapshot,
    cpe::Name,
    feeds::endoflife::SOURCE,
    names::normalise,
    support::{Cycle, End},
};

/// Databases of packages that a distribution, where there is one, maintains.
const SYSTEM_DATABASES: &[&str] =
    &["dpkg", "rpm", "apk", "opkg", "ipkg", "pacman", "yocto", "openwrt", "buildroot"];

/// Package types of distributions.
const SYSTEM_TYPES: &[&str] = &["deb", "rpm", "apk", "alpm"];

/// How packages of kernels are named in distributions that repair kernels themselves.
const KERNEL_PACKAGES: &[&str] = &["linux-image", "linux-lts", "linux-virt", "linux-rpi", "kernel"];

/// The `ID` of an os-release file and the product, where their names differ.
const SYSTEMS: &[(&str, &str)] = &[
    ("alpine", "alpine-linux"),
    ("amzn", "amazon-linux"),
    ("lede", "openwrt"),
    ("ol", "oracle-linux"),
    ("opensuse-leap", "opensuse"),
    ("poky", "yocto"),
    ("pop", "pop-os"),
    ("rocky", "rocky-linux"),
];

/// Tells until when the components are maintained, at a date: a row for each whose release cycle is
/// known. Unknown where the snapshot holds no source of it.
///
/// # Errors
/// A part of the snapshot that is asked for is damaged.
pub fn support(snapshot: &Snapshot, facts: &Facts, as_of: Date) -> Result<Known<Vec<Support>>> {
    if !snapshot.tells_support() {
        return Ok(Known::unknown("the snapshot holds no source of end-of-life dates"));
    }
    let ids = component_ids(&facts.components);
    let maintained = Maintained::of(facts, &ids);
    let mut rows = Vec::new();
    for (id, component) in ids.into_iter().zip(&facts.components) {
        if maintained.holds(component) {
            continue;
        }
        if let Some((product, cycle)) = cycle_of(snapshot, component)? {
            rows.extend(row(id, product, cycle, as_of));
        }
    }
    Ok(Known::Known(rows))
}

/// A row; none where the source does not tell how the cycle stands.
fn row(component: ComponentId, product: String, cycle: Cycle, as_of: Date) -> Option<Support> {
    let (state, date) = match cycle.end {
        End::NotTold => return None,
        End::Ended => (SupportState::Ended, None),
        End::Open => (SupportState::Supported, None),
        End::On(day) if day <= as_of => (SupportState::Ended, Some(day)),
        End::On(day) => (SupportState::Ends, Some(day)),
    };
    Some(Support {
        component,
        product,
        cycle: cycle.name,
        state,
        date,
        extended_until: cycle.extended_until,
        latest: Some(cycle.latest).filter(|latest| !latest.is_empty()),
        source: SOURCE.to_owned(),
    })
}

/// What a distribution maintains: upstream's end says nothing of it.
struct Maintained<'a> {
    /// Files of its packages.
    files: BTreeSet<&'a Locator>,
    /// Series of the kernels that it repairs, such as `6.1`.
    kernels: BTreeSet<String>,
}

impl<'a> Maintained<'a> {
    fn of(facts: &'a Facts, ids: &[ComponentId]) -> Self {
        let components: BTreeMap<&ComponentId, &Component> =
            ids.iter().zip(&facts.components).collect();
        let packed = |id| components.get(id).is_some_and(|owner| is_distributed(owner));
        let files = facts.owned.iter().filter(|owned| packed(&owned.component));
        let kernels = facts.components.iter().filter(|one| is_repaired_kernel(one));
        Self {
            files: files.map(|owned| &owned.locator).collect(),
            kernels: kernels.filter_map(series).collect(),
        }
    }

    fn holds(&self, component: &Component) -> bool {
        if is_distributed(component) {
            return true;
        }
        let code = || component.evidence.iter().filter(|e| e.class == EvidenceClass::ContainsCode);
        let whole = |locator: &Locator| Locator { offset: None, ..locator.clone() };
        let owned = code().next().is_some()
            && code().all(|evidence| self.files.contains(&whole(&evidence.locator)));
        let is_kernel = component.name == "linux";
        owned || (is_kernel && series(component).is_some_and(|one| self.kernels.contains(&one)))
    }
}

/// Whether a component is a package of a distribution, from its database or as an SBOM lists it.
fn is_distributed(component: &Component) -> bool {
    let purl = component.purl.as_ref();
    let by_purl = purl.is_some_and(|purl| {
        let qualifiers = purl.0.split_once('?').map_or("", |(_, qualifiers)| qualifiers);
        SYSTEM_TYPES.contains(&purl.kind())
            || qualifiers.split('&').any(|one| one.starts_with("distro="))
    });
    let named = component.package().is_some_and(|package| package.distribution.is_some());
    let listed = database(component).is_some_and(|database| SYSTEM_DATABASES.contains(&database));
    by_purl || (named && listed)
}

/// Whether a component is the kernel of a distribution that announces its own repairs.
fn is_repaired_kernel(component: &Component) -> bool {
    let distribution = component.package().and_then(|package| package.distribution.as_deref());
    distribution.is_some_and(publishes)
        && KERNEL_PACKAGES.iter().any(|name| component.name.starts_with(name))
}

/// The first two numbers of an exact version.
fn series(component: &Component) -> Option<String> {
    let Told::Exact(version) = Told::by(component) else { return None };
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    Some(format!("{}.{}", numbers.next()?, numbers.next()?))
}

/// The product and the cycle of a component. What names it most exactly is asked first; a name that
/// leads to cycles of two products leads nowhere.
fn cycle_of(snapshot: &Snapshot, component: &Component) -> Result<Option<(String, Cycle)>> {
    let told = Told::by(component);
    if told == Told::Nothing {
        return Ok(None);
    }
    for keys in keys(component) {
        let mut products = BTreeSet::new();
        for key in keys {
            products.extend(snapshot.products_with_cycles(&key)?);
        }
        let mut found = Vec::new();
        for product in products {
            let cycles = snapshot.cycles(&product)?;
            found.extend(told.cycle(&cycles).map(|cycle| (product, cycle.clone())));
        }
        if found.len() > 1 {
            return Ok(None);
        }
        if let Some(found) = found.pop() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The keys of a component by CPE, by purl and by name.
fn keys(component: &Component) -> [Vec<String>; 3] {
    let cpes = given(component).iter().map(Name::key).collect();
    let purl = component.purl.iter().map(|purl| format!("p:{}", purl.without_version()));
    [cpes, purl.collect(), names(component)]
}

/// The names by which a product may be found. In the world of a language a name means another thing,
/// and the name of a file is too little.
fn names(component: &Component) -> Vec<String> {
    let native = component.purl.as_ref().is_none_or(|purl| purl.kind() == "generic");
    if !native || component.origin == Origin::FileName {
        return Vec::new();
    }
    let mut names = vec![component.name.as_str()];
    if let Origin::Signature { rule } = &component.origin {
        names.push(rule);
    }
    if component.kind == ComponentKind::OperatingSystem {
        let known = SYSTEMS.iter().filter(|(id, _)| *id == component.name);
        names.extend(known.map(|(_, product)| *product));
    }
    names.into_iter().map(|name| format!("n:{}", normalise(name))).collect()
}

impl Told {
    /// The cycle that all of it belongs to.
    fn cycle<'a>(&self, cycles: &'a [Cycle]) -> Option<&'a Cycle> {
        match self {
            Self::Exact(version) => cycle_at(cycles, version),
            Self::Part(known) => {
                let parted = cycles.iter().any(|cycle| {
                    cycle.name.len() > known.len() && cycle.name.starts_with(known.as_str())
                });
                cycle_at(cycles, known).filter(|_| !parted)
            }
            Self::Between(Some(least), Some(limit)) => {
                let cycle = cycle_at(cycles, least)?;
                let inside = cycle_at(cycles, limit).is_some_and(|other| other.name == cycle.name);
                let parted = cycles.iter().any(|other| {
                    other.name.len() > cycle.name.len() && begins(&other.name, &cycle.name)
                });
                let whole = inside || next(&cycle.name).as_deref() == Some(limit.as_str());
                (whole && !parted).then_some(cycle)
            }
            Self::Between(..) | Self::Nothing => None,
        }
    }
}

/// The cycle with the longest name that a version begins with. Only names made of numbers are
/// compared: others, such as `10-1507-ltsb`, name more than a version tells.
fn cycle_at<'a>(cycles: &'a [Cycle], version: &str) -> Option<&'a Cycle> {
    let version = version.strip_prefix('v').unwrap_or(version);
    let numbers = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let held = cycles.iter().filter(|cycle| {
        !cycle.name.is_empty() && numbers(&cycle.name) && begins(version, &cycle.name)
    });
    held.max_by_key(|cycle| cycle.name.len())
}

/// Whether a version begins with the numbers of a cycle, the last of them whole.
fn begins(version: &str, cycle: &str) -> bool {
    let rest = version.strip_prefix(cycle);
    rest.is_some_and(|rest| !rest.starts_with(|character: char| character.is_ascii_digit()))
}

/// The numbers after those of a cycle: 2.10 after 2.9.
fn next(cycle: &str) -> Option<String> {
    let (head, last) = cycle.rsplit_once('.').map_or(("", cycle), |(head, last)| (head, last));
    let last = last.parse::<u64>().ok()?.checked_add(1)?;
    Some(if head.is_empty() { last.to_string() } else { format!("{head}.{last}") })
}

#[cfg(test)]
mod tests {
    use super::{Told, cycle_at};
    use crate::support::{Cycle, End};

    fn cycles(names: &[&str]) -> Vec<Cycle> {
        let cycle = |name: &&str| Cycle {
            name: (*name).to_owned(),
            end: End::Open,
            extended_until: None,
            latest: String::new(),
        };
        names.iter().map(cycle).collect()
    }

    #[test]
    fn the_longest_cycle_holds_a_version() {
        let cycles = cycles(&["1.1", "1.1.1", "3", "3.0", "3.10", "6.1", "10-ltsb"]);
        for (version, expected) in [
            ("1.1.1w", Some("1.1.1")),
            ("1.1.0l", Some("1.1")),
            ("3.0.16", Some("3.0")),
            ("3.1.4", Some("3")),
            ("v3.10.2", Some("3.10")),
            ("6.1.176", Some("6.1")),
            ("6.1-rc3", Some("6.1")),
            ("6.10", None),
            ("10-ltsb", None),
            ("36", None),
        ] {
            assert_eq!(cycle_at(&cycles, version).map(|cycle| &*cycle.name), expected, "{version}");
        }
    }

    #[test]
    fn what_is_not_wholly_in_one_cycle_is_in_none() {
        let cycles = cycles(&["1.0.2", "1.1", "2.9", "2.10", "4", "4.2"]);
        let between = |least: &str, limit: &str| {
            Told::Between(Some(least.to_owned()), Some(limit.to_owned()))
        };
        for (told, expected) in [
            (Told::Part("1.0.2".to_owned()), Some("1.0.2")),
            (Told::Part("1.0".to_owned()), None),
            (Told::Part("4".to_owned()), None),
            (between("2.9.11", "2.9.14"), Some("2.9")),
            (between("2.9.11", "2.10"), Some("2.9")),
            (between("2.9.11", "2.10.3"), None),
            (between("4.1", "4.3"), None),
            (Told::Between(Some("2.9.1".to_owned()), None), None),
            (Told::Nothing, None),
        ] {
            assert_eq!(told.cycle(&cycles).map(|cycle| &*cycle.name), expected, "{told:?}");
        }
    }
}
