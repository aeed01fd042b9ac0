//! How far roles reach: an account may be limited to some sites, to some products, or to both.
//!
//! - Who is limited to *products* reaches these, their builds, and what belongs to a build: findings,
//!   components, decisions, references, what changed. Of the devices those that run such a build; one
//!   of which nobody knows the build belongs to no product.
//! - Who is limited to *sites* reaches the devices at these, with everything of them, and in every
//!   count no others. A device without a site is at none. Products and builds are at no site.
//! - Who is limited to both reaches the devices that are within both.
//!
//! What is not reached is not there (404), like what belongs to another organisation, and lists and
//! totals are of what is reached. Whoever changes something must reach it before and after that: no
//! device is made at, moved to or from elsewhere, or given a build of another product.
//!
//! Nobody who is limited administers, reads the audit log, loads advisories, or reads the metrics, all
//! of which are of the whole organisation; and nobody who is limited to products makes another.

use std::collections::{BTreeMap, BTreeSet};

use auscult_model::{Device, DeviceField};
use auscult_store::{Account, KeptDevice, OrganisationId, ProductId, Reach as Said, Within};

use super::{Permission, Role};
use crate::{problem::Answer, state::App};

/// What somebody reaches.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    said: Said,
    within: Within,
}

impl Reach {
    pub(crate) fn of(account: &Account) -> Self {
        Self { said: account.is.reach.clone(), within: account.within() }
    }

    /// To what lists are limited.
    pub(crate) fn within(&self) -> Within {
        self.within
    }

    pub(crate) fn is_limited(&self) -> bool {
        self.within != Within::ALL
    }

    pub(crate) fn has_all_products(&self) -> bool {
        self.said.products.is_empty()
    }

    pub(crate) fn has_product(&self, product: ProductId) -> bool {
        self.has_all_products() || self.said.products.contains(&product)
    }

    pub(crate) fn has_site(&self, site: Option<&str>) -> bool {
        self.said.sites.is_empty() || site.is_some_and(|site| self.said.sites.contains(site))
    }

    /// Whether a device is within, as far as its build does not matter.
    pub(crate) fn has_place_of(&self, device: &Device) -> bool {
        self.has_site(device.text(DeviceField::Site))
    }

    /// Whether a device is within.
    pub(crate) async fn has_device(
        &self,
        app: &App,
        organisation: OrganisationId,
        device: &KeptDevice,
    ) -> Answer<bool> {
        if !self.has_place_of(&device.is) {
            return Ok(false);
        }
        if self.has_all_products() {
            return Ok(true);
        }
        let Some(build) = device.build.build() else { return Ok(false) };
        let build = app.store.build(organisation, build).await?;
        Ok(build.is_some_and(|build| self.has_product(build.product)))
    }

    /// Why a device may not be, or become, what is said of it.
    pub(crate) fn refusal_of(&self, device: &Device) -> Option<String> {
        if self.has_place_of(device) {
            return None;
        }
        Some(device.text(DeviceField::Site).map_or_else(
            || "it says no site, and you reach only some sites".to_owned(),
            |site| format!("you do not reach the site {site:?}"),
        ))
    }

    /// Why a new device may not be made: its build is not known yet.
    pub(crate) fn refusal_of_new(&self, device: &Device) -> Option<String> {
        if self.has_all_products() {
            return self.refusal_of(device);
        }
        Some(
            "you reach only devices that run builds of your products; a new one runs none"
                .to_owned(),
        )
    }

    /// Whether a permission is left to who reaches no more than this.
    pub(crate) fn leaves(&self, permission: Permission) -> bool {
        use Permission::{Administer, Advisories, Audit};
        !self.is_limited() || !matches!(permission, Administer | Advisories | Audit)
    }
}

/// Refuses an administrator who does not reach everything.
pub(crate) fn check(roles: &[String], reach: &Said) -> Result<(), String> {
    let administers = roles.iter().any(|role| role == Role::Administrator.word());
    if administers && *reach != Said::default() {
        return Err(
            "an administrator reaches all sites and products: limit another role".to_owned()
        );
    }
    Ok(())
}

/// What somebody reaches to whom groups gave these roles, each with a reach; none where they have
/// nothing in common.
///
/// An account has one reach for all its roles, and no group may widen what another gave: a role that
/// several groups give reaches what any of them does, and of several roles what each of them does.
pub(super) fn in_common<'a>(given: impl IntoIterator<Item = (&'a str, Said)>) -> Option<Said> {
    let mut by_role: BTreeMap<&str, Vec<Said>> = BTreeMap::new();
    for (role, said) in given {
        by_role.entry(role).or_default().push(said);
    }
    if by_role.contains_key(Role::Administrator.word()) {
        // Who may do everything everywhere is given nothing by a limit of another role.
        return Some(Said::default());
    }
    let mut all = by_role.into_values().map(|given| of_role(&given));
    let first = all.next()??;
    all.try_fold(first, |one, other| narrowed(&one, &other?))
}

/// What groups reach that give the same role.
fn of_role(given: &[Said]) -> Option<Said> {
    let (first, rest) = given.split_first()?;
    let are_same_sites = rest.iter().all(|one| one.sites == first.sites);
    let are_same_products = rest.iter().all(|one| one.products == first.products);
    if are_same_sites || are_same_products {
        return Some(Said {
            sites: joined(given.iter().map(|one| &one.sites)),
            products: joined(given.iter().map(|one| &one.products)),
        });
    }
    // Side by side, sites of one and products of another would be reached that no group gave.
    rest.iter().try_fold(first.clone(), |one, other| narrowed(&one, other))
}

fn joined<'a, T: Clone + Ord + 'a>(
    sets: impl Iterator<Item = &'a BTreeSet<T>> + Clone,
) -> BTreeSet<T> {
    if sets.clone().any(BTreeSet::is_empty) {
        return BTreeSet::new();
    }
    sets.flatten().cloned().collect()
}

fn narrowed(one: &Said, other: &Said) -> Option<Said> {
    let sites = both(&one.sites, &other.sites)?;
    Some(Said { sites, products: both(&one.products, &other.products)? })
}

/// What is in both, of which an empty one has all; none where that is nothing.
fn both<T: Clone + Ord>(one: &BTreeSet<T>, other: &BTreeSet<T>) -> Option<BTreeSet<T>> {
    match (one.is_empty(), other.is_empty()) {
        (true, _) => Some(other.clone()),
        (_, true) => Some(one.clone()),
        _ => Some(one & other).filter(|both| !both.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use auscult_model::{DateOrder, Device, DeviceField, FieldValue};
    use auscult_store::{ProductId, Reach as Said, Within};

    use super::{Permission, Reach, check, in_common};

    fn product(number: u8) -> ProductId {
        format!("00000000-0000-7000-8000-0000000000{number:02}").parse().unwrap()
    }

    fn said(sites: &[&str], products: &[u8]) -> Said {
        Said {
            sites: sites.iter().map(|site| (*site).to_owned()).collect(),
            products: products.iter().map(|number| product(*number)).collect(),
        }
    }

    /// What an account with this reach reaches.
    fn reach(sites: &[&str], products: &[u8]) -> Reach {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let is = auscult_store::NewAccount { reach: said(sites, products), ..Default::default() };
        let source = auscult_store::AccountSource::default();
        let id = "00000000-0000-7000-8000-000000000000".parse().unwrap();
        Reach::of(&auscult_store::Account { id, is, source, created_at: at, changed_at: at })
    }

    fn at(site: &str) -> Device {
        let mut device = Device::default();
        let value = FieldValue::parse(DeviceField::Site, site, DateOrder::Unsaid).unwrap();
        device.set(DeviceField::Site, value);
        device
    }

    #[test]
    fn who_is_limited_to_nothing_reaches_all() {
        let all = reach(&[], &[]);
        assert!(!all.is_limited() && all.within() == Within::ALL);
        assert!(all.has_product(product(1)) && all.has_site(None) && all.has_site(Some("North")));
        assert!(Permission::ALL.into_iter().all(|one| all.leaves(one)));
        assert_eq!(all.refusal_of_new(&Device::default()), None);
    }

    #[test]
    fn sites_are_compared_exactly_and_a_device_without_one_is_at_none() {
        let north = reach(&["North"], &[]);
        for (site, is_reached) in
            [(Some("North"), true), (Some("north"), false), (Some("North "), false), (None, false)]
        {
            assert_eq!(north.has_site(site), is_reached, "{site:?}");
        }
        assert!(north.is_limited() && north.has_product(product(1)));
        assert_eq!(north.refusal_of_new(&at("North")), None);
        assert!(north.refusal_of(&at("South")).unwrap().contains("\"South\""));
        assert!(north.refusal_of(&Device::default()).unwrap().contains("no site"));
    }

    #[test]
    fn products_are_reached_by_id_and_no_new_device_is_of_one() {
        let one = reach(&[], &[1]);
        assert!(one.has_product(product(1)) && !one.has_product(product(2)));
        assert!(one.is_limited() && one.has_site(None));
        assert!(one.refusal_of_new(&at("North")).is_some());
    }

    #[test]
    fn what_is_of_the_whole_organisation_is_left_to_nobody_who_is_limited() {
        let fall_away = [Permission::Administer, Permission::Advisories, Permission::Audit];
        for limited in [reach(&["North"], &[]), reach(&[], &[1])] {
            for one in Permission::ALL {
                assert_eq!(limited.leaves(one), !fall_away.contains(&one), "{one:?}");
            }
        }
        let administrator = ["administrator".to_owned(), "viewer".to_owned()];
        assert!(check(&administrator, &said(&["North"], &[])).is_err());
        assert!(check(&administrator, &said(&[], &[1])).is_err());
        assert!(check(&administrator, &said(&[], &[])).is_ok());
        assert!(check(&["viewer".to_owned()], &said(&["North"], &[1])).is_ok());
    }

    #[test]
    fn no_group_widens_what_another_gave() {
        for (given, expect) in [
            (
                vec![("a", said(&["A"], &[1])), ("a", said(&["B"], &[1]))],
                Some(said(&["A", "B"], &[1])),
            ),
            (vec![("a", said(&["A"], &[])), ("a", said(&[], &[]))], Some(said(&[], &[]))),
            (vec![("a", said(&["A"], &[]))], Some(said(&["A"], &[]))),
            // Who may look everywhere and repair in one place does both there.
            (vec![("a", said(&["A"], &[])), ("b", said(&[], &[]))], Some(said(&["A"], &[]))),
            (
                vec![("a", said(&["A", "B"], &[])), ("b", said(&["B"], &[2]))],
                Some(said(&["B"], &[2])),
            ),
            (vec![("a", said(&["A"], &[])), ("b", said(&["B"], &[]))], None),
            (vec![("a", said(&["A"], &[1])), ("a", said(&[], &[2]))], None),
            (
                vec![("a", said(&["A"], &[1])), ("a", said(&["A", "B"], &[]))],
                Some(said(&["A"], &[1])),
            ),
            (
                vec![("administrator", said(&[], &[])), ("b", said(&["B"], &[]))],
                Some(said(&[], &[])),
            ),
            (vec![], None),
        ] {
            assert_eq!(in_common(given.clone()), expect, "{given:?}");
        }
    }
}
