//! Lists of devices.

use jiff::civil::Date;

use super::{KeptDevice, device, sorted_by};
use crate::{
    BuildId, OrganisationId, Page, PageRequest, Result, Store, Total, Within,
    reach::device_reached,
    value::{Value, values},
};

/// Which devices are wanted: every part that is given holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceFilter {
    /// Those of this maker.
    pub manufacturer: Option<String>,
    /// Those of this model.
    pub model: Option<String>,
    /// Those at this site.
    pub site: Option<String>,
    /// Those of this department.
    pub department: Option<String>,
    /// Those in this state of their life.
    pub status: Option<String>,
    /// Those in this state of custody, as [`super::Custody::word`] names it.
    pub custody: Option<String>,
    /// Those whose build is known so: `exact`, `inferred` or `unknown`.
    pub basis: Option<String>,
    /// Those that run this build.
    pub build: Option<BuildId>,
    /// Those whose maintenance was due before this day.
    pub due_before: Option<Date>,
    /// Those that this text stands in: their tag, serial number, address, room, anything.
    pub text: Option<String>,
    /// Those that somebody reaches.
    pub within: Within,
}

/// Conditions that hold where their value is null.
macro_rules! chosen {
    () => {
        concat!(
            "organisation = $1
    AND ($2 IS NULL OR manufacturer = $2) AND ($3 IS NULL OR model = $3)
    AND ($4 IS NULL OR site = $4) AND ($5 IS NULL OR department = $5)
    AND ($6 IS NULL OR status = $6) AND ($7 IS NULL OR custody = $7)
    AND ($8 IS NULL OR build_basis = $8) AND ($9 IS NULL OR build = $9)
    AND ($10 IS NULL OR next_maintenance < $10)
    AND ($11 IS NULL OR LOWER(body) LIKE $11 ESCAPE '!')
    AND ",
            device_reached!("device.site", "device.build", "$12", "$13")
        )
    };
}

const SELECT: &str = concat!(
    "SELECT * FROM device WHERE ",
    chosen!(),
    " AND (sorted_by > $14 OR (sorted_by = $14 AND id > $15))
    ORDER BY sorted_by, id LIMIT $16"
);
const COUNT: &str = concat!(
    "SELECT COUNT(*) AS counted FROM (SELECT 1 FROM device WHERE ",
    chosen!(),
    " LIMIT $14) AS listed"
);

impl Store {
    /// Devices, by their tag or whatever else they are first recognised by.
    pub async fn devices(
        &self,
        organisation: OrganisationId,
        filter: &DeviceFilter,
        request: &PageRequest,
    ) -> Result<Page<KeptDevice>> {
        let after = request.key_or("")?;
        let (last, id) = after.rsplit_once('\n').unwrap_or_default();
        let mut wanted = filter.values(organisation);
        wanted.extend(values![last, id, request.rows()]);
        let mut counted = filter.values(organisation);
        counted.extend(values![Total::rows()]);
        let mut transaction = self.database.begin_reading("list the devices").await?;
        Page::read(&mut transaction, request, (SELECT, wanted), (COUNT, counted), device, key).await
    }
}

impl DeviceFilter {
    fn values(&self, organisation: OrganisationId) -> Vec<Value> {
        let pattern = self.text.as_ref().map(|text| {
            let escaped = text.to_lowercase().replace('!', "!!").replace('%', "!%");
            format!("%{}%", escaped.replace('_', "!_"))
        });
        let mut all = values![
            organisation,
            self.manufacturer.clone(),
            self.model.clone(),
            self.site.clone(),
            self.department.clone(),
            self.status.clone(),
            self.custody.clone(),
            self.basis.clone(),
            self.build,
            self.due_before.map(|day| day.to_string()),
            pattern,
        ];
        all.extend(self.within.of_devices());
        all
    }
}

fn key(device: &KeptDevice) -> String {
    format!("{}\n{}", sorted_by(&device.is), device.id)
}

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

impl Store {
    /// Counts the devices within somebody's reach that are known to run a build, by place.
    pub async fn places_of_build(
        &self,
        organisation: OrganisationId,
        build: BuildId,
        within: Within,
    ) -> Result<Vec<DevicesAtPlace>> {
        let select = concat!(
            "SELECT site, department, COUNT(*) AS devices FROM device
            WHERE organisation = $1 AND build = $2 AND ",
            device_reached!("device.site", "device.build", "$3", "$4"),
            " GROUP BY site, department ORDER BY site, department"
        );
        let mut values = values![organisation, build];
        values.extend(within.of_devices());
        let rows = self.database.rows("count devices by place", select, values).await?;
        let counted = |row: &crate::database::Row| {
            Ok(DevicesAtPlace {
                site: row.text_or_null("site")?,
                department: row.text_or_null("department")?,
                devices: row.count("devices")?,
            })
        };
        rows.iter().map(counted).collect()
    }

    /// Counts the devices within somebody's reach of every build that any has, and those whose build
    /// is unknown.
    pub async fn devices_by_build(
        &self,
        organisation: OrganisationId,
        within: Within,
    ) -> Result<Vec<DevicesOfBuild>> {
        let select = concat!(
            "SELECT build, COUNT(*) AS devices FROM device WHERE organisation = $1 AND ",
            device_reached!("device.site", "device.build", "$2", "$3"),
            " GROUP BY build"
        );
        let mut values = values![organisation];
        values.extend(within.of_devices());
        let rows = self.database.rows("count devices by build", select, values).await?;
        let counted = |row: &crate::database::Row| {
            let build = row.parsed_or_null("build")?;
            Ok(DevicesOfBuild { build, devices: row.count("devices")? })
        };
        rows.iter().map(counted).collect()
    }
}
