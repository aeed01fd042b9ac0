//! How many devices run a build and where they are, counted as they change: to count hundreds of
//! thousands for every list would take longer than the list.

use std::collections::BTreeMap;

use auscult_model::{Device, DeviceField};

use super::column;
use crate::{
    BuildId, OrganisationId, Result, Store, Within,
    database::{Row, Transaction, in_places, made_of_constants, places},
    reach::device_reached,
    value::values,
};

/// Builds that are asked for at once.
const BUILDS_AT_ONCE: usize = 100;

/// How many devices run a build, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DevicesOfBuild {
    /// The build; none for the devices of which nobody knows it.
    pub build: Option<BuildId>,
    /// How many they are.
    pub devices: u64,
}

/// Devices of a build in one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DevicesAtPlace {
    /// The site; none where it is unknown.
    pub site: Option<String>,
    /// The department, as a ward; none where it is unknown.
    pub department: Option<String>,
    /// How many they are.
    pub devices: u64,
}

/// What a transaction changes of the counts: by build, site and department.
#[derive(Default)]
pub(super) struct Counts(BTreeMap<[String; 3], i64>);

impl Counts {
    /// Counts a device that runs a build once more, or once less.
    pub(super) fn take(&mut self, is: &Device, build: Option<BuildId>, more: i64) {
        let text = |field| column(is, field).unwrap_or_default();
        let build = build.map(|build| build.to_string()).unwrap_or_default();
        let place = [build, text(DeviceField::Site), text(DeviceField::Department)];
        *self.0.entry(place).or_default() += more;
    }

    /// Adds them to what is counted, at the end of the transaction and all in the same order: so nobody
    /// waits long for another, and no two for each other.
    pub(super) async fn keep(
        self,
        transaction: &mut Transaction,
        organisation: OrganisationId,
    ) -> Result<()> {
        let into = "INSERT INTO device_count (organisation, build, site, department, devices)";
        let after = "ON CONFLICT (organisation, build, site, department)
            DO UPDATE SET devices = device_count.devices + excluded.devices";
        let changed = self.0.into_iter().filter(|(_, more)| *more != 0);
        let row = |([build, site, department], more): ([String; 3], i64)| {
            values![organisation, build, site, department, more]
        };
        transaction.insert(into, changed.map(row).collect(), after).await?;
        Ok(())
    }
}

impl Store {
    /// Counts all devices anew: a program of an older version that works on the same database changes
    /// them without counting.
    pub async fn recount_devices(&self) -> Result<()> {
        let mut transaction = self.database.begin("count the devices").await?;
        if !transaction.is_sqlite() {
            // Who changes devices meanwhile counts them afterwards; who has begun to count ends first.
            let lock = "LOCK TABLE device_count IN SHARE ROW EXCLUSIVE MODE";
            transaction.execute(lock, Vec::new()).await?;
        }
        transaction.execute("DELETE FROM device_count", Vec::new()).await?;
        let count = "INSERT INTO device_count (organisation, build, site, department, devices)
            SELECT organisation, COALESCE(build, ''), COALESCE(site, ''), COALESCE(department, ''),
                COUNT(*) AS devices
            FROM device
            GROUP BY organisation, COALESCE(build, ''), COALESCE(site, ''), COALESCE(department, '')";
        transaction.execute(count, Vec::new()).await?;
        transaction.commit().await
    }

    /// Counts the devices within somebody's reach that are known to run one of these builds, by place.
    pub async fn places_of_builds(
        &self,
        organisation: OrganisationId,
        builds: &[BuildId],
        within: Within,
    ) -> Result<Vec<DevicesAtPlace>> {
        const REACHED: &str =
            device_reached!("device_count.site", "device_count.build", "$2", "$3");
        let select = made_of_constants(format!(
            "SELECT NULLIF(site, '') AS site, NULLIF(department, '') AS department, devices
             FROM device_count WHERE organisation = $1 AND devices > 0 AND {REACHED}
                AND build IN ({})",
            places(4, BUILDS_AT_ONCE)
        ));
        let mut counted: BTreeMap<(Option<String>, Option<String>), u64> = BTreeMap::new();
        let mut transaction = self.database.begin_reading("count devices by place").await?;
        for some in builds.chunks(BUILDS_AT_ONCE) {
            let mut values = values![organisation];
            values.extend(within.of_devices());
            values.extend(in_places(some, BUILDS_AT_ONCE));
            for row in transaction.rows(select.clone(), values).await? {
                let place = (row.text_or_null("site")?, row.text_or_null("department")?);
                *counted.entry(place).or_default() += row.count("devices")?;
            }
        }
        let place = |((site, department), devices)| DevicesAtPlace { site, department, devices };
        Ok(counted.into_iter().map(place).collect())
    }

    /// Counts the devices within somebody's reach of every build that any has, and those whose build is
    /// unknown.
    pub async fn devices_by_build(
        &self,
        organisation: OrganisationId,
        within: Within,
    ) -> Result<Vec<DevicesOfBuild>> {
        let select = concat!(
            "SELECT NULLIF(build, '') AS build, CAST(SUM(devices) AS BIGINT) AS devices
            FROM device_count WHERE organisation = $1 AND devices > 0 AND ",
            device_reached!("device_count.site", "device_count.build", "$2", "$3"),
            " GROUP BY build"
        );
        let mut values = values![organisation];
        values.extend(within.of_devices());
        let rows = self.database.rows("count devices by build", select, values).await?;
        let counted = |row: &Row| {
            let build = row.parsed_or_null("build")?;
            Ok(DevicesOfBuild { build, devices: row.count("devices")? })
        };
        rows.iter().map(counted).collect()
    }
}
