//! All builds of an organisation with what they come to, for lists and for "where is it?".
//!
//! It is put together for each question from the store and from what was judged already. A build that
//! was not judged yet by what holds now is there without its numbers and counted, so that no list
//! passes it off as clean.

use std::{collections::HashMap, sync::Arc};

use auscult_model::VerdictOutcome;
use auscult_store::{
    Build, BuildFilter, BuildId, BuildState, DevicesAtPlace, OrganisationId, PageRequest,
    ProductId, Within,
};

use crate::{
    access::Identity,
    problem::Answer,
    state::App,
    summary::{Summary, Touch},
};

/// Entries that are read at once.
const AT_ONCE: u32 = 1_000;

/// Every build, the newest first.
pub(crate) struct Fleet {
    pub(crate) rows: Vec<Row>,
    /// Names of the products.
    pub(crate) products: HashMap<ProductId, String>,
}

/// A build with what it comes to.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) build: Build,
    pub(crate) product: String,
    /// None where it is not inspected, or not judged yet by what holds now.
    pub(crate) summary: Option<Arc<Summary>>,
}

impl Row {
    pub(crate) fn outcome(&self) -> Option<VerdictOutcome> {
        self.summary.as_ref().map(|summary| summary.verdict.outcome)
    }

    /// Whether it waits to be inspected, or to be judged.
    pub(crate) fn is_waiting(&self) -> bool {
        match self.build.state {
            BuildState::Queued | BuildState::Inspecting => true,
            BuildState::Ready(_) => self.summary.is_none(),
            BuildState::Failed { .. } => false,
        }
    }

    /// Whether something in it is known to be exploited and open.
    pub(crate) fn is_exploited(&self) -> bool {
        self.summary.as_ref().is_some_and(|summary| summary.counts.known_exploited > 0)
    }
}

/// How many devices are known to run which build; under none, those whose build is unknown.
#[derive(Default)]
pub(crate) struct DeviceCounts(HashMap<Option<BuildId>, u64>);

impl DeviceCounts {
    /// Counts the devices within somebody's reach.
    pub(crate) async fn of(
        app: &App,
        organisation: OrganisationId,
        within: Within,
    ) -> Answer<Self> {
        let counted = app.store.devices_by_build(organisation, within).await?;
        Ok(Self(counted.into_iter().map(|one| (one.build, one.devices)).collect()))
    }

    pub(crate) fn running(&self, build: BuildId) -> u64 {
        self.0.get(&Some(build)).copied().unwrap_or(0)
    }

    pub(crate) fn of_unknown_build(&self) -> u64 {
        self.0.get(&None).copied().unwrap_or(0)
    }
}

/// Devices within somebody's reach that run any of these builds, by site and department, the most first.
pub(crate) async fn wards(
    app: &App,
    who: &Identity,
    builds: &[BuildId],
) -> Answer<Vec<DevicesAtPlace>> {
    let mut counted: HashMap<(Option<String>, Option<String>), u64> = HashMap::new();
    for build in builds {
        for one in app.store.places_of_build(who.organisation, *build, who.within()).await? {
            *counted.entry((one.site, one.department)).or_default() += one.devices;
        }
    }
    let place = |((site, department), devices)| DevicesAtPlace { site, department, devices };
    let mut wards: Vec<DevicesAtPlace> = counted.into_iter().map(place).collect();
    wards.sort_unstable_by(|one, other| {
        other.devices.cmp(&one.devices).then_with(|| one.cmp(other))
    });
    Ok(wards)
}

/// A build that holds what was asked for.
pub(crate) struct Use<'a> {
    pub(crate) row: &'a Row,
    /// The findings of this vulnerability, or of this component.
    pub(crate) touches: Vec<&'a Touch>,
    /// Versions of the component.
    pub(crate) versions: Vec<&'a str>,
}

/// Of these builds those that a device is known to run.
pub(crate) fn with_devices(uses: &[Use<'_>], devices: &DeviceCounts) -> Vec<BuildId> {
    let builds = uses.iter().map(|found| found.row.build.id);
    builds.filter(|build| devices.running(*build) > 0).collect()
}

impl Fleet {
    /// The builds of the products within somebody's reach.
    pub(crate) async fn of(
        app: &App,
        organisation: OrganisationId,
        within: Within,
    ) -> Answer<Self> {
        let products = products(app, organisation, within).await?;
        let mut viewer = app.evaluator.viewer(app, organisation).await?;
        let (filter, mut rows) = (BuildFilter::Reached(within), Vec::new());
        let mut request = PageRequest::first(AT_ONCE);
        loop {
            let page = app.store.builds(organisation, filter, &request).await?;
            for build in page.items {
                let summary = viewer.summary(&build).await?;
                let product = products.get(&build.product).cloned().unwrap_or_default();
                rows.push(Row { build, product, summary });
            }
            let Some(next) = page.next else { break };
            request.after = Some(next);
        }
        Ok(Self { rows, products })
    }

    /// How many builds nobody can speak of, as they are not inspected or not judged yet.
    pub(crate) fn silent(&self) -> usize {
        self.rows.iter().filter(|row| row.summary.is_none()).count()
    }

    /// Builds that a vulnerability touches, by any of its ids, or that hold a component of this name.
    pub(crate) fn where_used(&self, wanted: &str) -> Vec<Use<'_>> {
        let is_it = |text: &str| text.eq_ignore_ascii_case(wanted);
        let found = self.rows.iter().filter_map(|row| {
            let summary = row.summary.as_ref()?;
            let touches = summary.touches.iter().map(AsRef::as_ref);
            let touches: Vec<&Touch> = touches
                .filter(|one: &&Touch| is_it(&one.component) || one.ids.iter().any(|id| is_it(id)))
                .collect();
            let named = summary.components.iter().map(AsRef::as_ref);
            let named = named.filter(|(name, _): &&(String, String)| is_it(name));
            let mut versions: Vec<&str> = named.map(|(_, version)| version.as_str()).collect();
            versions.extend(touches.iter().map(|touch| touch.version.as_str()));
            versions.sort_unstable();
            versions.dedup();
            let is_there = !touches.is_empty() || !versions.is_empty();
            is_there.then_some(Use { row, touches, versions })
        });
        found.collect()
    }
}

/// Names of the products within somebody's reach.
pub(crate) async fn products(
    app: &App,
    organisation: OrganisationId,
    within: Within,
) -> Answer<HashMap<ProductId, String>> {
    let mut products = HashMap::new();
    let mut request = PageRequest::first(AT_ONCE);
    loop {
        let page = app.store.products(organisation, within, &request).await?;
        products.extend(page.items.into_iter().map(|product| (product.id, product.is.name)));
        let Some(next) = page.next else { return Ok(products) };
        request.after = Some(next);
    }
}
