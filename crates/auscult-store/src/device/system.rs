//! Systems: a device with its workstations and servers. A system is there as long as a device says that
//! it is a part of it.

use jiff::civil::Date;

use crate::{
    OrganisationId, Page, PageRequest, Result, Store, Total, Within, database::Row,
    reach::device_reached, value::values,
};

/// A system, with what is to be known of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// Its name, as its parts have it.
    pub name: String,
    /// Its parts.
    pub devices: u64,
    /// Those that are not in service: checked out, returned or held.
    pub out_of_service: u64,
    /// Those of which nobody knows the build.
    pub of_unknown_build: u64,
    /// Those whose maintenance is overdue.
    pub overdue: u64,
}

impl Store {
    /// Systems by name, each with its parts within somebody's reach; `today` tells what is overdue.
    pub async fn systems(
        &self,
        organisation: OrganisationId,
        within: Within,
        today: Date,
        request: &PageRequest,
    ) -> Result<Page<System>> {
        const SELECT: &str = concat!(
            "SELECT system AS name, COUNT(*) AS devices,
                COUNT(CASE WHEN custody <> 'in-service' THEN 1 END) AS out_of_service,
                COUNT(CASE WHEN build_basis = 'unknown' THEN 1 END) AS of_unknown_build,
                COUNT(CASE WHEN next_maintenance < $4 THEN 1 END) AS overdue
            FROM device WHERE organisation = $1 AND system > $2 AND ",
            device_reached!("device.site", "device.build", "$5", "$6"),
            " GROUP BY system ORDER BY system LIMIT $3"
        );
        const COUNT: &str = concat!(
            "SELECT COUNT(*) AS counted
            FROM (SELECT DISTINCT system FROM device WHERE organisation = $1 AND system > '' AND ",
            device_reached!("device.site", "device.build", "$3", "$4"),
            " LIMIT $2) AS listed"
        );
        let (after, today) = (request.key_or("")?, today.to_string());
        let mut wanted = values![organisation, after, request.rows(), today];
        wanted.extend(within.of_devices());
        let mut counted = values![organisation, Total::rows()];
        counted.extend(within.of_devices());
        let mut transaction = self.database.begin_reading("list the systems").await?;
        let (select, count) = ((SELECT, wanted), (COUNT, counted));
        let key = |system: &System| system.name.clone();
        Page::read(&mut transaction, request, select, count, system, key).await
    }
}

fn system(row: &Row) -> Result<System> {
    Ok(System {
        name: row.text("name")?,
        devices: row.count("devices")?,
        out_of_service: row.count("out_of_service")?,
        of_unknown_build: row.count("of_unknown_build")?,
        overdue: row.count("overdue")?,
    })
}
