//! Monitoring: what changes for builds is recorded once, and told to those who asked for it.
//!
//! A build is judged again when the advisories, what is decided about it, or the date changed. What comes
//! out is compared with what was told last ([`told`]); a difference is an event, which becomes pending
//! for each [`rule`] that wants it. A job per rule writes one [`message`] of everything that is pending
//! and sends it by [`mail`] or to a [`webhook`]; only then it is no longer pending, so that each event
//! arrives at least once (`docs/adr/0017-monitoring.md`).

pub(crate) mod mail;
pub(crate) mod message;
pub(crate) mod rule;
pub(crate) mod told;
pub(crate) mod webhook;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use auscult_store::{Build, BuildId, OrganisationId, Telling};
use jiff::Timestamp;

use self::{
    rule::Rule,
    told::{Difference, State, Written},
};
use crate::{
    evaluate::Basis,
    problem::{Answer, Problem},
    state::App,
    summary::Summary,
};

/// By what each build was compared last in this process, so that nothing is compared twice. It may be
/// forgotten: comparing again finds nothing new.
#[derive(Default)]
pub(crate) struct Compared(Mutex<HashMap<BuildId, Basis>>);

impl Compared {
    fn has(&self, build: BuildId, basis: &Basis) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&build) == Some(basis)
    }

    fn keep(&self, build: BuildId, basis: Basis) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(build, basis);
    }
}

/// The rules of an organisation. One that this version cannot read stops nothing but itself.
pub(crate) async fn rules(
    app: &App,
    organisation: OrganisationId,
) -> Answer<Vec<(auscult_store::KeptRule, Rule)>> {
    let mut rules = Vec::new();
    for kept in app.store.rules(organisation).await? {
        match Rule::read(&kept.is.body) {
            Ok(rule) => rules.push((kept, rule)),
            Err(error) => tracing::error!(rule = kept.is.name, %error, "a rule cannot be read"),
        }
    }
    Ok(rules)
}

/// Compares a judged build with what was told of it last, and records what changed.
pub(crate) async fn compare(
    app: &App,
    organisation: OrganisationId,
    build: &Arc<Build>,
    basis: Basis,
    summary: &Arc<Summary>,
) -> Answer<()> {
    /// Other replicas compare, too; each that is faster brings this one nearer to what they know.
    const ATTEMPTS: u32 = 5;
    if app.compared.has(build.id, &basis) {
        return Ok(());
    }
    let whole = Arc::clone(summary);
    let written = app.behind.run("write what is told", move || Written::of(&whole));
    let written = Arc::new(written.await??);
    for _ in 0..ATTEMPTS {
        let was = app.store.told(organisation, build.id).await?;
        let was_digest = was.as_ref().map(|was| was.digest);
        if was_digest == Some(written.digest) {
            app.compared.keep(build.id, basis);
            return Ok(());
        }
        let advisories = app.evaluator.advisories(app, organisation).await?;
        let of = (Arc::clone(build), Arc::clone(summary), Arc::clone(&written));
        let compared = app.behind.run("compare with what was told", move || {
            let (build, summary, written) = of;
            let was = was.as_ref().map(State::unpacked).transpose()?;
            let by = (advisories.info(), basis.as_of);
            let changes = Difference::of(&build, by, was.as_ref(), &written.state, &summary);
            let event = changes.is_news().then(|| changes.text()).transpose()?;
            Answer::Ok((changes, event, written.packed()?))
        });
        let (changes, event, is) = compared.await??;
        let rules = rules(app, organisation).await?;
        let wanting = rules.iter().filter(|(_, rule)| rule.wants(build.product, &changes));
        let rules: Vec<_> = wanting.map(|(kept, _)| kept.id).collect();
        let event = event.as_deref();
        let telling = Telling { build: build.id, was: was_digest, is: &is, event, rules: &rules };
        if app.store.tell(organisation, &telling, Timestamp::now()).await? {
            app.compared.keep(build.id, basis);
            if event.is_some() {
                tracing::info!(build = %build.id, changes = changes.changes.len(), "a build changed");
                app.told.ring();
            }
            return Ok(());
        }
    }
    let why = "other replicas were faster each time";
    Err(Problem::internal("record what changed for a build", &why))
}
