//! All builds of an organisation with what they come to, for lists and for "where is it?".
//!
//! It is put together for each question from the store and from what was judged already. A build that
//! was not judged yet by what holds now is there without its numbers and counted, so that no list
//! passes it off as clean.

use std::{collections::HashMap, sync::Arc};

use auscult_model::VerdictOutcome;
use auscult_store::{
    Build, BuildId, BuildState, DevicesAtPlace, OrganisationId, PageRequest, ProductId, Within,
};

use crate::{
    access::Identity,
    mirror::WHOLE_AFTER,
    problem::Answer,
    state::App,
    summary::{Named, Summary, Touch},
};

/// Entries that are read at once.
const AT_ONCE: u32 = 1_000;

/// Every build, the newest first.
#[derive(Default)]
pub(crate) struct Fleet {
    pub(crate) rows: Vec<Row>,
    /// Names of the products.
    pub(crate) products: HashMap<ProductId, String>,
}

/// A build with what it comes to.
#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) build: Arc<Build>,
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
    let mut wards = app.store.places_of_builds(who.organisation, builds, who.within()).await?;
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
        let mut rows = Vec::new();
        for build in app.evaluator.mirror.builds(app, organisation, WHOLE_AFTER).await? {
            // A product that is not among these is not reached.
            let Some(product) = products.get(&build.product).cloned() else { continue };
            let summary = viewer.summary(&build).await?;
            rows.push(Row { build, product, summary });
        }
        Ok(Self { rows, products })
    }

    /// How many builds nobody can speak of, as they are not inspected or not judged yet.
    pub(crate) fn silent(&self) -> usize {
        self.rows.iter().filter(|row| row.summary.is_none()).count()
    }

    /// Builds that a vulnerability touches, by any of its ids, or that hold a component of this name.
    pub(crate) fn where_used(&self, app: &App, wanted: &str) -> Vec<Use<'_>> {
        let named = Named::of(&app.evaluator.shared, wanted);
        let found = self.rows.iter().filter_map(|row| {
            let summary = row.summary.as_ref()?;
            let touches = summary.touches.iter().filter(|one| named.is_touch(one));
            let touches: Vec<&Touch> = touches.map(AsRef::as_ref).collect();
            let components = summary.components.iter().filter(|one| named.is_component(one));
            let components = components.map(AsRef::as_ref);
            let mut versions: Vec<&str> =
                components.map(|(_, version): &(String, String)| version.as_str()).collect();
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
