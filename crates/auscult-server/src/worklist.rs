//! What to do first, over all builds: a row for each vulnerability, not for each build that has it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use auscult_store::{BuildId, OrganisationId, ProductId, Within};
use jiff::civil::Date;

use crate::{
    fleet::{DeviceCounts, Fleet, Row},
    problem::Answer,
    state::App,
    summary::Touch,
};

/// A vulnerability that is open in at least one build.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    /// Its usual id.
    pub(crate) id: String,
    /// What the most urgent of its findings asks for.
    pub(crate) outcome: String,
    pub(crate) urgency: u8,
    pub(crate) is_exploited: bool,
    /// The first day by which something is due.
    pub(crate) due: Option<Date>,
    /// Components with their versions.
    pub(crate) components: BTreeSet<(String, String)>,
    pub(crate) builds: Vec<BuildId>,
    pub(crate) products: BTreeSet<ProductId>,
    /// Devices that are known to run one of the builds.
    pub(crate) devices: u64,
    /// The foremost place of it in the order of a build.
    place: usize,
}

/// All of it, what comes first at the beginning.
pub(crate) struct Worklist {
    pub(crate) works: Vec<Work>,
    /// Builds of which nobody can say, as they are not inspected or not judged yet.
    pub(crate) silent: usize,
    /// Devices of which nobody knows the build: each may have any of it.
    pub(crate) devices_of_unknown_build: u64,
    pub(crate) fleet: Fleet,
}

impl Worklist {
    /// The work on what is within somebody's reach.
    pub(crate) async fn of(
        app: &App,
        organisation: OrganisationId,
        within: Within,
    ) -> Answer<Self> {
        let fleet = Fleet::of(app, organisation, within).await?;
        let devices = DeviceCounts::of(app, organisation, within).await?;
        let works = works(&fleet.rows, &devices);
        Ok(Self {
            works,
            silent: fleet.silent(),
            devices_of_unknown_build: devices.of_unknown_build(),
            fleet,
        })
    }
}

/// Puts findings of one vulnerability together, and the vulnerabilities into their order: the outcome,
/// known exploitation, then the foremost place among the findings of a build, which counts with all else.
///
/// Builds have findings in common, which are one in memory: only the first time is one looked at.
fn works(rows: &[Row], devices: &DeviceCounts) -> Vec<Work> {
    let mut works: Vec<Work> = Vec::new();
    let mut by_id: BTreeMap<&str, usize> = BTreeMap::new();
    let mut by_touch: HashMap<*const Touch, usize> = HashMap::new();
    for row in rows {
        let Some(summary) = &row.summary else { continue };
        let count = devices.running(row.build.id);
        for (place, touch) in summary.touches.iter().enumerate().filter(|(_, one)| one.is_open) {
            let known = by_touch.get(&Arc::as_ptr(touch)).copied();
            let Some(id) = touch.ids.first() else { continue };
            let at = known.unwrap_or_else(|| {
                *by_id.entry(id).or_insert_with(|| {
                    works.push(Work::of(id, touch, place));
                    works.len() - 1
                })
            });
            let Some(work) = works.get_mut(at) else { continue };
            if known.is_none() {
                by_touch.insert(Arc::as_ptr(touch), at);
                work.take_in(touch);
            }
            work.add(row, place, count);
        }
    }
    works.sort_by(|one, other| one.id.cmp(&other.id));
    works.sort_by_key(|work| (Reverse(work.urgency), !work.is_exploited, work.place));
    works
}

impl Work {
    fn of(id: &str, touch: &Touch, place: usize) -> Self {
        Self {
            id: id.to_owned(),
            outcome: touch.outcome.clone(),
            urgency: touch.urgency,
            is_exploited: touch.is_exploited,
            due: touch.due,
            components: BTreeSet::new(),
            builds: Vec::new(),
            products: BTreeSet::new(),
            devices: 0,
            place,
        }
    }

    /// Takes in a finding that is new to it.
    fn take_in(&mut self, touch: &Touch) {
        if touch.urgency > self.urgency {
            self.urgency = touch.urgency;
            self.outcome.clone_from(&touch.outcome);
        }
        self.is_exploited |= touch.is_exploited;
        self.due = [self.due, touch.due].into_iter().flatten().min();
        self.components.insert((touch.component.clone(), touch.version.clone()));
    }

    /// Takes in that a build has it, at this place of its findings.
    fn add(&mut self, row: &Row, place: usize, devices: u64) {
        self.products.insert(row.build.product);
        self.place = self.place.min(place);
        // Findings of one build come one after the other.
        if self.builds.last() != Some(&row.build.id) {
            self.builds.push(row.build.id);
            self.devices += devices;
        }
    }

    /// Its components in words.
    pub(crate) fn components_text(&self) -> String {
        let named = self.components.iter().map(|(name, version)| format!("{name} {version}"));
        named.collect::<Vec<_>>().join(", ")
    }
}
