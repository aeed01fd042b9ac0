//! What people do in a browser, from the first start to a device that is released, on SQLite and on
//! PostgreSQL; and how the pages look while they do it.

mod driver;
mod look;
mod walk;

use self::{driver::Browser, look::Look, walk::Walk};
use super::support::{Server, databases};

#[test]
fn a_maker_and_a_hospital_do_their_work_in_a_browser() {
    for (number, (database, folder)) in databases().into_iter().enumerate() {
        let Some(browser) = Browser::start() else { return };
        let server = Server::start(&database, folder.path());
        // The pages are the same on both, and looking closely takes most of the time.
        let look = if number == 0 { Look::closely() } else { Look::briefly() };
        let walk = Walk::new(&server, &browser, &look);
        walk.first_start();
        walk.nothing_yet();
        walk.first_build();
        walk.decide();
        walk.next_build();
        walk.import_devices();
        walk.place_builds();
        walk.worklist();
        walk.newer_advisories();
        walk.check_out();
        walk.check_in();
        walk.administer();
    }
}
