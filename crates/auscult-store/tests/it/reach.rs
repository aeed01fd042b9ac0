//! What accounts reach: kept with them, and lists and totals of that alone.

use auscult_model::{DateOrder, Device, DeviceField, FieldValue};
use auscult_store::{
    Account, AccountSource, BuildFilter, BuildId, CustodyStep, DeviceBuild, DeviceFilter, Error,
    NewAccount, NewProduct, OrganisationId, PageRequest, ProductId, Reach, Released, Store,
    Telling, Told, Total, Waiver, Within,
};

use crate::{
    builds::uploaded,
    databases::{at, on_each},
};

fn reach(sites: &[&str], products: &[ProductId]) -> Reach {
    let sites = sites.iter().map(|site| (*site).to_owned()).collect();
    Reach { sites, products: products.iter().copied().collect() }
}

fn named(name: &str, reach: Reach) -> NewAccount {
    let roles = vec!["viewer".to_owned()];
    let name = name.to_owned();
    NewAccount { display_name: name.clone(), name, roles, reach, ..NewAccount::default() }
}

async fn product(store: &Store, of: OrganisationId, name: &str) -> ProductId {
    let new = NewProduct { name: name.to_owned(), ..NewProduct::default() };
    store.create_product(of, &new, at(0)).await.unwrap().id
}

#[test]
fn what_an_account_reaches_is_kept_with_it() {
    on_each(async |database| {
        let (store, of) = (&database.store, database.organisation().await.id);
        let pump = product(store, of, "Pump").await;
        let is = named("ada", reach(&["North", "100 %_'\""], &[pump]));
        let made = store.create_account(of, &is, at(1)).await.unwrap();
        assert_eq!(made.is, is);
        assert_eq!(store.account(of, made.id).await.unwrap(), Some(made.clone()));
        assert_eq!(store.account_by_name(of, "ada").await.unwrap(), Some(made.clone()));
        let all = store.create_account(of, &named("bob", reach(&[], &[])), at(1)).await.unwrap();
        let page = store.accounts(of, &PageRequest::first(9)).await.unwrap();
        assert_eq!(page.items, [made.clone(), all.clone()]);
        assert_eq!(all.within(), Within::ALL);
        assert_ne!(made.within(), Within::ALL);
        let elsewhere = named("ada", reach(&["South"], &[]));
        store.update_account(of, made.id, &elsewhere, at(2)).await.unwrap();
        assert_eq!(store.account(of, made.id).await.unwrap().unwrap().is, elsewhere);
        // Another organisation's products are nobody's, and a site has a name.
        let other = store.ensure_organisation("Hospital", at(0)).await.unwrap().id;
        let error = store.create_account(other, &named("x", reach(&[], &[pump])), at(3)).await;
        assert!(matches!(error, Err(Error::NotFound { what: "product", .. })), "{error:?}");
        assert_eq!(store.account_by_name(other, "x").await.unwrap(), None);
        let error = store.create_account(of, &named("x", reach(&[" "], &[])), at(3)).await;
        assert!(matches!(error, Err(Error::Invalid { .. })), "{error:?}");
        // What another system says of somebody takes the place of what it said before.
        let source = AccountSource { word: "ldap".to_owned(), subject: Some("cn=g".to_owned()) };
        for said in [reach(&["North"], &[pump]), reach(&["South"], &[]), reach(&[], &[])] {
            let is = named("grace", said);
            let account = store.external_account(of, &source, &is, at(4)).await.unwrap();
            assert_eq!(account.is, is);
            assert_eq!(store.account(of, account.id).await.unwrap().unwrap().is, is);
        }
    });
}

/// An organisation with two products, one build each, and devices at two sites and at none.
struct World<'a> {
    store: &'a Store,
    of: OrganisationId,
    products: [ProductId; 2],
    builds: [BuildId; 2],
}

impl<'a> World<'a> {
    async fn of(store: &'a Store, of: OrganisationId) -> Self {
        let products = [product(store, of, "Pump").await, product(store, of, "Monitor").await];
        let build = async |product: ProductId| {
            uploaded(store, of, product, product.to_string().as_bytes()).await
        };
        let builds = [build(products[0]).await, build(products[1]).await];
        let world = Self { store, of, products, builds };
        for (tag, site, build) in [
            ("1", Some("North"), Some(builds[0])),
            ("2", Some("North"), Some(builds[1])),
            ("3", Some("South"), Some(builds[0])),
            ("4", Some("South"), None),
            ("5", None, Some(builds[1])),
        ] {
            world.device(tag, site, build).await;
        }
        for build in builds {
            let told = Told { digest: auscult_model::Sha256::of(b"x"), body: b"x".to_vec() };
            let telling = Telling { build, was: None, is: &told, event: Some("{}"), rules: &[] };
            assert!(store.tell(of, &telling, at(5)).await.unwrap());
        }
        world
    }

    /// A device that is in service under a waiver.
    async fn device(&self, tag: &str, site: Option<&str>, build: Option<BuildId>) {
        let (store, of) = (self.store, self.of);
        let mut is = Device::default();
        for (field, text) in [(DeviceField::AssetTag, Some(tag)), (DeviceField::Site, site)] {
            if let Some(text) = text {
                is.set(field, FieldValue::parse(field, text, DateOrder::Unsaid).unwrap());
            }
        }
        let id = store.create_device(of, &is, "mia", at(1)).await.unwrap().id;
        if let Some(build) = build {
            let build = DeviceBuild::Exact { build, why: "read on it".to_owned() };
            store.set_device_build(of, id, &build, "mia", at(2)).await.unwrap();
        }
        let back = CustodyStep::Return { note: String::new() };
        store.step_custody(of, id, &back, "mia", at(3)).await.unwrap();
        let record = store.put_blob(of, b"record", at(3)).await.unwrap().sha256;
        let seen = store.device(of, id).await.unwrap().unwrap().revision;
        let waiver = Waiver {
            approver: "ben".to_owned(),
            reason: "no reference".to_owned(),
            until: jiff::civil::date(2099, 1, 1),
        };
        let (released, waiver) = (Released::UnderWaiver, Some(waiver));
        let release = CustodyStep::Release { released, record, seen, waiver };
        store.step_custody(of, id, &release, "mia", at(4)).await.unwrap();
    }

    async fn account(&self, name: &str, reach: Reach) -> Account {
        self.store.create_account(self.of, &named(name, reach), at(6)).await.unwrap()
    }

    /// Tags of the devices within, page by page, after a check that every other list of devices agrees.
    async fn tags(&self, within: Within) -> Vec<String> {
        let (store, of) = (self.store, self.of);
        let filter = DeviceFilter { within, ..DeviceFilter::default() };
        let (mut request, mut tags, mut totals) = (PageRequest::first(1), Vec::new(), Vec::new());
        loop {
            let page = store.devices(of, &filter, &request).await.unwrap();
            let tag = |device: &auscult_store::KeptDevice| {
                device.is.text(DeviceField::AssetTag).unwrap().to_owned()
            };
            tags.extend(page.items.iter().map(tag));
            totals.push(page.total);
            let Some(next) = page.next else { break };
            request.after = Some(next);
        }
        let count = tags.len() as u64;
        assert!(totals.iter().all(|total| *total == Total::Exact(count)), "{totals:?} of {count}");
        assert_eq!(store.waivers(of, within).await.unwrap().len() as u64, count);
        let by_build = store.devices_by_build(of, within).await.unwrap();
        assert_eq!(by_build.iter().map(|one| one.devices).sum::<u64>(), count);
        for one in by_build {
            let Some(build) = one.build else { continue };
            let places = store.places_of_builds(of, &[build], within).await.unwrap();
            assert_eq!(places.iter().map(|place| place.devices).sum::<u64>(), one.devices);
        }
        tags
    }

    /// Names of the products within, after a check that builds and events agree.
    async fn names(&self, within: Within) -> Vec<String> {
        let (store, of, request) = (self.store, self.of, PageRequest::first(9));
        let products = store.products(of, within, &request).await.unwrap();
        let filter = BuildFilter::Reached(within);
        let builds = store.builds(of, filter, &request).await.unwrap();
        let events = store.events(of, None, within, &request).await.unwrap();
        let count = products.items.len() as u64;
        for total in [products.total, builds.total, events.total] {
            assert_eq!(total, Total::Exact(count));
        }
        assert!(builds.items.iter().all(|build| events.items.iter().any(|e| e.build == build.id)));
        products.items.into_iter().map(|product| product.is.name).collect()
    }
}

#[test]
fn lists_and_totals_are_of_what_is_reached() {
    on_each(async |database| {
        let (store, of) = (&database.store, database.organisation().await.id);
        let world = World::of(store, of).await;
        let [pump, monitor] = world.products;
        for (name, said, tags, names) in [
            ("all", reach(&[], &[]), &["1", "2", "3", "4", "5"][..], &["Monitor", "Pump"][..]),
            ("north", reach(&["North"], &[]), &["1", "2"], &["Monitor", "Pump"]),
            ("both", reach(&["North", "South"], &[]), &["1", "2", "3", "4"], &["Monitor", "Pump"]),
            ("other", reach(&["north", "No%"], &[]), &[], &["Monitor", "Pump"]),
            ("pump", reach(&[], &[pump]), &["1", "3"], &["Pump"]),
            ("any", reach(&[], &[pump, monitor]), &["1", "2", "3", "5"], &["Monitor", "Pump"]),
            ("south pump", reach(&["South"], &[pump]), &["3"], &["Pump"]),
        ] {
            let within = world.account(name, said).await.within();
            assert_eq!(world.tags(within).await, tags, "{name}");
            assert_eq!(world.names(within).await, names, "{name}");
        }
        let request = PageRequest::first(9);
        let one = store.events(of, Some(world.builds[0]), Within::ALL, &request).await.unwrap();
        assert_eq!(one.total, Total::Exact(1));
    });
}
