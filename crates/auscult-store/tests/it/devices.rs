//! Devices: imported whole or not at all, recognised by what is unique, released by nobody but a
//! person.

use auscult_model::{DateOrder, Device, DeviceField, DeviceIdentity, FieldValue};
use auscult_store::{
    BuildId, Custody, CustodyStep, DeviceBuild, DeviceFilter, DeviceUpdate, DevicesAtPlace, Error,
    KeptDevice, PageRequest, Released, Store, System, Total, Waiver, Within,
};
use jiff::civil::date;

use crate::{
    builds::uploaded,
    databases::{at, on_each},
    opening::drop_texts,
};

fn device(values: &[(DeviceField, &str)]) -> Device {
    let mut device = Device::default();
    for (field, text) in values {
        device.set(*field, FieldValue::parse(*field, text, DateOrder::Unsaid).unwrap());
    }
    device
}

/// A device that is known by its tag.
pub(crate) fn tagged(tag: &str) -> Device {
    device(&[(DeviceField::AssetTag, tag), (DeviceField::Site, "Main")])
}

#[test]
fn an_import_is_whole_or_not_there() {
    on_each(async |database| {
        let store = &database.store;
        let of = database.product().await.0.id;
        let import = async |new: &[Device], updates: &[DeviceUpdate], seconds| {
            store.import_devices(of, new, updates, "mia", at(seconds)).await
        };
        let done = import(&[tagged("1"), tagged("2")], &[], 1).await.unwrap();
        assert_eq!((done.created, done.updated), (2, 0));
        // The last of three is known by now: the others are not taken either.
        let error = import(&[tagged("3"), tagged("4"), tagged("2")], &[], 2).await.unwrap_err();
        assert!(matches!(&error, Error::Exists { name, .. } if name == "asset tag 2"), "{error}");
        let all = DeviceFilter::default();
        let page = store.devices(of, &all, &PageRequest::first(10)).await.unwrap();
        assert_eq!(page.total, Total::Exact(2));
        let (first, second) = (&page.items[0], &page.items[1]);
        let moved = first.is.updated(&device(&[(DeviceField::Room, "E 7")]));
        let update = DeviceUpdate { id: first.id, expected: 1, is: moved.clone() };
        import(&[], std::slice::from_ref(&update), 3).await.unwrap();
        // A plan that was made before that is refused, with all else in it.
        let error = import(&[tagged("5")], &[update], 4).await.unwrap_err();
        assert!(matches!(error, Error::Changed { expected: 1, found: 2, .. }), "{error}");
        assert_eq!(store.device(of, first.id).await.unwrap().unwrap().is, moved);
        let taken = DeviceUpdate { id: second.id, expected: 1, is: tagged("1") };
        let error = store.update_device(of, &taken, "mia", at(5)).await.unwrap_err();
        assert!(matches!(error, Error::Exists { .. }), "{error}");
        let events = store.device_events(of, first.id).await.unwrap();
        let actions: Vec<&str> = events.iter().map(|event| event.action.as_str()).collect();
        assert_eq!(actions, ["create", "change"]);
        assert_eq!(events[1].detail["changes"][0]["new"], "E 7");
    });
}

#[test]
fn devices_are_found_by_any_identity_once() {
    on_each(async |database| {
        let store = &database.store;
        let of = database.product().await.0.id;
        let full = device(&[
            (DeviceField::AssetTag, "A1"),
            (DeviceField::Serial, "S"),
            (DeviceField::Manufacturer, "Acme"),
            (DeviceField::Model, "P"),
        ]);
        store.create_device(of, &full, "mia", at(1)).await.unwrap();
        let mut wanted = full.identities();
        wanted.push(DeviceIdentity::AssetTag("none".to_owned()));
        let found = store.devices_with(of, &wanted).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].is, full);
        let other = database.store.ensure_organisation("Other", at(2)).await.unwrap();
        assert!(store.devices_with(other.id, &wanted).await.unwrap().is_empty());
        assert_eq!(store.device(other.id, found[0].id).await.unwrap(), None);
        let nameless = device(&[(DeviceField::Serial, "S")]);
        let error = store.create_device(of, &nameless, "mia", at(3)).await.unwrap_err();
        assert!(error.to_string().contains("asset_tag"), "{error}");
    });
}

#[test]
fn systems_are_what_their_parts_say() {
    on_each(async |database| {
        let store = &database.store;
        let of = database.product().await.0.id;
        let part = async |tag: &str, system: &str, due: &str| {
            let is = device(&[
                (DeviceField::AssetTag, tag),
                (DeviceField::System, system),
                (DeviceField::NextMaintenance, due),
            ]);
            store.create_device(of, &is, "mia", at(1)).await.unwrap()
        };
        part("1", "Monitoring Ä", "2026-01-01").await;
        let server = part("2", "Monitoring Ä", "2027-01-01").await;
        part("3", "Dialysis", "2026-01-01").await;
        store.create_device(of, &tagged("4"), "mia", at(1)).await.unwrap();
        let out = CustodyStep::CheckOut {
            custodian: "Acme".to_owned(),
            reason: "disk".to_owned(),
            work_order: String::new(),
            as_left: None,
        };
        store.step_custody(of, server.id, &out, "mia", at(2)).await.unwrap();
        let list = async |store: &Store, request: &PageRequest| {
            store.systems(of, Within::ALL, date(2026, 6, 1), request).await.unwrap()
        };
        let first = list(store, &PageRequest::first(1)).await;
        let system = |name: &str, counts: [u64; 4]| {
            let [devices, out_of_service, of_unknown_build, overdue] = counts;
            System { name: name.to_owned(), devices, out_of_service, of_unknown_build, overdue }
        };
        assert_eq!(
            (first.total, first.items),
            (Total::Exact(2), vec![system("Dialysis", [1, 0, 1, 1])])
        );
        let second = list(store, &PageRequest { after: first.next, limit: 1 }).await;
        assert_eq!(second.items, [system("Monitoring Ä", [2, 1, 2, 1])]);
        assert_eq!(second.next, None);
        let parts = async |store: &Store| {
            let filter =
                DeviceFilter { system: Some("Monitoring Ä".into()), ..DeviceFilter::default() };
            store.devices(of, &filter, &PageRequest::first(9)).await.unwrap().items.len()
        };
        assert_eq!(parts(store).await, 2);
        let moved = device(&[(DeviceField::AssetTag, "2"), (DeviceField::System, "Dialysis")]);
        let update = DeviceUpdate { id: server.id, expected: 2, is: moved };
        store.update_device(of, &update, "mia", at(3)).await.unwrap();
        assert_eq!(parts(store).await, 1);
        // Devices that are there before the column is are found by it, and by their texts.
        drop_texts(&database).await;
        for sql in [
            "DROP INDEX device_of_system",
            "ALTER TABLE device DROP COLUMN system",
            "DELETE FROM auscult_schema WHERE version > 9",
        ] {
            database.tamper(sql).await;
        }
        let newer = database.again().await;
        let all = list(&newer, &PageRequest::first(9)).await;
        let expect = [system("Dialysis", [2, 1, 2, 1]), system("Monitoring Ä", [1, 0, 1, 1])];
        assert_eq!(all.items, expect);
        assert_eq!(parts(&newer).await, 1);
        let filter = DeviceFilter { text: Some("dialysis".into()), ..DeviceFilter::default() };
        let found = newer.devices(of, &filter, &PageRequest::first(9)).await.unwrap();
        assert_eq!(found.items.len(), 2);
        newer.close().await;
    });
}

#[test]
fn lists_are_chosen_by_every_part_of_a_filter() {
    on_each(async |database| {
        let store = &database.store;
        let of = database.product().await.0.id;
        for number in 0..7 {
            let tag = format!("T{number}");
            let due = if number < 3 { "2026-01-01" } else { "2027-01-01" };
            let is = device(&[
                (DeviceField::AssetTag, &tag),
                (DeviceField::Site, if number % 2 == 0 { "North" } else { "South" }),
                (DeviceField::NextMaintenance, due),
                (DeviceField::Room, "50%_off"),
            ]);
            store.create_device(of, &is, "mia", at(number)).await.unwrap();
        }
        let all = DeviceFilter::default;
        let count = async |filter: DeviceFilter| {
            let page = store.devices(of, &filter, &PageRequest::first(100)).await.unwrap();
            assert_eq!(page.total, Total::Exact(page.items.len() as u64));
            page.items.len()
        };
        assert_eq!(count(DeviceFilter { site: Some("North".into()), ..all() }).await, 4);
        let due = Some(date(2026, 6, 1));
        assert_eq!(count(DeviceFilter { due_before: due, ..all() }).await, 3);
        let both = DeviceFilter { due_before: due, site: Some("South".into()), ..all() };
        assert_eq!(count(both).await, 1);
        assert_eq!(count(DeviceFilter { text: Some("t6".into()), ..all() }).await, 1);
        assert_eq!(count(DeviceFilter { text: Some("0%_O".into()), ..all() }).await, 7);
        for nowhere in ["0__o", "t\\6", "\\", "t!6"] {
            assert_eq!(count(DeviceFilter { text: Some(nowhere.into()), ..all() }).await, 0);
        }
        // What is known is searched, and not what it is called.
        assert_eq!(count(DeviceFilter { text: Some("room".into()), ..all() }).await, 0);
        assert_eq!(count(DeviceFilter { basis: Some("unknown".into()), ..all() }).await, 7);
        assert_eq!(count(DeviceFilter { custody: Some("held".into()), ..all() }).await, 0);
        let first = store.devices(of, &all(), &PageRequest::first(4)).await.unwrap();
        let next = PageRequest { after: first.next.clone(), limit: 4 };
        let second = store.devices(of, &all(), &next).await.unwrap();
        let tags: Vec<&str> = first
            .items
            .iter()
            .chain(&second.items)
            .filter_map(|one| one.is.text(DeviceField::AssetTag))
            .collect();
        assert_eq!(tags, ["T0", "T1", "T2", "T3", "T4", "T5", "T6"]);
        assert_eq!(second.next, None);
    });
}

#[test]
fn the_build_of_a_device_says_how_it_is_known() {
    on_each(async |database| {
        let store = &database.store;
        let (organisation, product) = database.product().await;
        let of = organisation.id;
        let build = uploaded(store, of, product.id, b"image").await;
        let id = store.create_device(of, &tagged("1"), "mia", at(2)).await.unwrap().id;
        let inferred = DeviceBuild::Inferred { build, why: "its screen shows 1.0".to_owned() };
        store.set_device_build(of, id, &inferred, "mia", at(3)).await.unwrap();
        let kept = store.device(of, id).await.unwrap().unwrap();
        assert_eq!((kept.build, kept.revision), (inferred, 2));
        let filter = DeviceFilter { build: Some(build), ..DeviceFilter::default() };
        let page = store.devices(of, &filter, &PageRequest::first(1)).await.unwrap();
        assert_eq!(page.total, Total::Exact(1));
    });
}

/// How many devices run each build; none is the unknown one.
type Counted = Vec<(Option<BuildId>, u64)>;

#[test]
fn what_is_counted_follows_every_change_of_a_device() {
    on_each(async |database| {
        let store = &database.store;
        let (organisation, product) = database.product().await;
        let of = organisation.id;
        let build = uploaded(store, of, product.id, b"image").await;
        let counts = async || -> Counted {
            let mut counts = store.devices_by_build(of, Within::ALL).await.unwrap();
            counts.sort_unstable_by_key(|one| one.build);
            counts.iter().map(|one| (one.build, one.devices)).collect()
        };
        let places = async || {
            let places = store.places_of_builds(of, &[build], Within::ALL).await.unwrap();
            let told = |one: DevicesAtPlace| (one.site.unwrap_or_default(), one.devices);
            places.into_iter().map(told).collect::<Vec<_>>()
        };
        let new: Vec<Device> = (0..450).map(|number| tagged(&number.to_string())).collect();
        store.import_devices(of, &new, &[], "mia", at(2)).await.unwrap();
        assert_eq!((counts().await, places().await), (vec![(None, 450)], vec![]));
        let page = store.devices(of, &DeviceFilter::default(), &PageRequest::first(3)).await;
        let items = page.unwrap().items;
        let exact = DeviceBuild::Exact { build, why: "installed".to_owned() };
        for device in &items {
            store.set_device_build(of, device.id, &exact, "mia", at(3)).await.unwrap();
        }
        assert_eq!(counts().await, [(None, 447), (Some(build), 3)]);
        let moved = device(&[(DeviceField::Site, "North")]);
        let update = |number: usize| {
            let one: &KeptDevice = &items[number];
            DeviceUpdate { id: one.id, expected: 2, is: one.is.updated(&moved) }
        };
        store.import_devices(of, &[], &[update(0)], "mia", at(4)).await.unwrap();
        store.update_device(of, &update(1), "mia", at(4)).await.unwrap();
        assert_eq!(places().await, [("Main".to_owned(), 1), ("North".to_owned(), 2)]);
        let (id, unknown) = (items[0].id, DeviceBuild::Unknown);
        store.set_device_build(of, id, &unknown, "mia", at(5)).await.unwrap();
        assert_eq!(places().await, [("Main".to_owned(), 1), ("North".to_owned(), 1)]);
        assert_eq!(counts().await, [(None, 448), (Some(build), 2)]);
        // Counted anew it is the same, whatever had become of it.
        database.tamper("UPDATE device_count SET devices = devices + 7").await;
        store.recount_devices().await.unwrap();
        assert_eq!(counts().await, [(None, 448), (Some(build), 2)]);
        // One that is refused counts nothing.
        store
            .import_devices(of, &[tagged("new"), tagged("1")], &[], "mia", at(6))
            .await
            .unwrap_err();
        assert_eq!(counts().await, [(None, 448), (Some(build), 2)]);
    });
}

#[test]
fn nothing_that_was_away_is_in_service_before_it_was_released() {
    on_each(async |database| {
        let store = &database.store;
        let of = database.product().await.0.id;
        let id = store.create_device(of, &tagged("1"), "mia", at(1)).await.unwrap().id;
        let record = store.put_blob(of, b"release record", at(1)).await.unwrap().sha256;
        let step = async |step: CustodyStep, seconds| {
            store.step_custody(of, id, &step, "ben", at(seconds)).await
        };
        let waiver = Waiver {
            approver: "mia".to_owned(),
            reason: "no reference".to_owned(),
            until: jiff::civil::date(2099, 1, 1),
        };
        let release = |released, seen| {
            let waiver = (released == Released::UnderWaiver).then(|| waiver.clone());
            CustodyStep::Release { released, record, seen, waiver }
        };
        let back = || CustodyStep::Return { note: String::new() };
        let out = CustodyStep::CheckOut {
            custodian: "Acme Service".to_owned(),
            reason: "battery".to_owned(),
            work_order: "WO-7".to_owned(),
            as_left: Some(record),
        };
        assert!(step(release(Released::Unchanged, 1), 2).await.is_err());
        assert_eq!(step(out, 3).await.unwrap(), Custody::CheckedOut);
        let error = step(release(Released::Unchanged, 2), 4).await.unwrap_err().to_string();
        assert!(error.contains("the device is checked-out, and no release follows"), "{error}");
        assert_eq!(step(back(), 5).await.unwrap(), Custody::Returned);
        let hold = CustodyStep::Hold { reason: "a new listener".to_owned(), verdict: None };
        assert_eq!(step(hold, 6).await.unwrap(), Custody::Held);
        assert!(step(release(Released::Unchanged, 4), 7).await.is_err());
        assert_eq!(step(back(), 8).await.unwrap(), Custody::Returned);
        let unseen = step(release(Released::WithChange, 5), 9).await.unwrap_err().to_string();
        assert!(unseen.contains("not verified since it came back"), "{unseen}");
        assert!(step(release(Released::UnderWaiver, 4), 9).await.is_err());
        let waived = step(release(Released::UnderWaiver, 5), 9).await;
        assert_eq!(waived.unwrap(), Custody::InService);
        assert_eq!(store.waivers(of, Within::ALL).await.unwrap().len(), 1);
        let missing = CustodyStep::Hold {
            reason: "x".to_owned(),
            verdict: Some(auscult_model::Sha256::of(b"nothing")),
        };
        step(back(), 10).await.unwrap();
        assert!(matches!(step(missing, 11).await, Err(Error::NotFound { what: "blob", .. })));
        let events = store.device_events(of, id).await.unwrap();
        let actions: Vec<&str> = events.iter().map(|event| event.action.as_str()).collect();
        assert_eq!(
            actions,
            ["create", "check-out", "return", "hold", "return", "release", "return"]
        );
        assert!(store.verify_audit(of).await.unwrap().first_break.is_none());
    });
}

#[test]
fn mappings_are_saved_under_their_names() {
    on_each(async |database| {
        let store = &database.store;
        let of = database.product().await.0.id;
        store.save_mapping(of, "Biomed", "{}", at(1)).await.unwrap();
        store.save_mapping(of, "Biomed", "{\"a\":1}", at(2)).await.unwrap();
        let saved = store.mappings(of).await.unwrap();
        assert_eq!(saved.len(), 1);
        assert_eq!((saved[0].body.as_str(), saved[0].changed_at), ("{\"a\":1}", at(2)));
    });
}
