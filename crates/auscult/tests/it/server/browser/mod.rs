//! What people do in a browser, from the first start to a device that is released, on SQLite and on
//! PostgreSQL; and how the pages look while they do it.

mod driver;
mod look;
mod people;
mod walk;

use self::{driver::Browser, look::Look, walk::Walk};
use super::support::{Server, databases};

// One test for each database, so that both run at once.

#[test]
fn a_maker_and_a_hospital_do_their_work_in_a_browser() {
    walk(databases().into_iter().next(), &Look::closely());
}

/// The pages are the same, and looking closely takes time.
#[test]
fn they_do_the_same_on_postgresql() {
    walk(databases().into_iter().nth(1), &Look::briefly());
}

fn walk(place: Option<(String, tempfile::TempDir)>, look: &Look) {
    let (Some((database, folder)), Some(browser)) = (place, Browser::start()) else { return };
    let server = Server::start(&database, folder.path());
    let walk = Walk::new(&server, &browser, look);
    walk.first_start();
    walk.nothing_yet();
    walk.first_build();
    walk.decide();
    walk.next_build();
    walk.import_devices();
    walk.place_builds();
    walk.worklist();
    let mailbox = walk.ask_for_mail();
    walk.newer_advisories();
    if let Some(mailbox) = mailbox {
        Walk::read_mail(&mailbox);
    }
    walk.check_out();
    walk.check_in();
    walk.administer();
    walk.people_of_the_house();
}
