//! The job that tells a rule's people what is pending for them, and who enqueues it.

use std::time::Duration;

use auscult_store::{Completion, Lease, NewJob, OrganisationId, Priority, RuleId};
use jiff::Timestamp;

use crate::{
    monitor::{
        self, mail,
        message::{self, Message},
        rule::{Rule, Way},
        webhook,
    },
    problem::{Answer, Problem},
    state::App,
};

/// The kind of these jobs.
pub(crate) const KIND: &str = "notify";
/// Attempts of a job, with longer and longer rests: five hours. What is pending stays so, and a later
/// job begins again.
const ATTEMPTS_MAX: u32 = 12;
/// How often it is looked for rules that are due.
const LOOK: Duration = Duration::from_secs(5);
/// Events that one message is made of; the rest waits for the next.
const EVENTS_MAX: u32 = 5_000;

/// Enqueues a job for each rule that is due, again and again.
pub(super) async fn schedule(app: App) {
    let (mut stopping, mut told) = (app.stopping.subscribe(), app.told.listen());
    while !*stopping.borrow() {
        if let Err(problem) = schedule_once(&app).await {
            tracing::warn!(detail = problem.detail, "rules could not be looked through");
        }
        tokio::select! {
            () = told.wait(LOOK) => {}
            _ = stopping.changed() => {}
        }
    }
}

async fn schedule_once(app: &App) -> Answer<()> {
    for organisation in app.store.organisations().await? {
        let organisation = organisation.id;
        let states = app.store.rule_states(organisation, KIND).await?;
        let waiting = states.into_iter().filter(|state| !state.is_on_its_way);
        let waiting: Vec<_> =
            waiting.filter_map(|state| Some((state.rule, state.since?))).collect();
        if waiting.is_empty() {
            continue;
        }
        let rules = monitor::rules(app, organisation).await?;
        let now = Timestamp::now();
        for (id, since) in waiting {
            let Some((_, rule)) = rules.iter().find(|(kept, _)| kept.id == id) else { continue };
            let due = rule.when.due(since, now).filter(|_| rule.is_active);
            let Some(slot) = due else { continue };
            // Of all replicas that see it, one makes the job: its name is the same for all.
            app.store.enqueue(organisation, &new_job(id, slot), now).await?;
            app.work.ring();
        }
    }
    Ok(())
}

fn new_job(rule: RuleId, slot: Timestamp) -> NewJob {
    NewJob {
        kind: KIND.to_owned(),
        name: format!("{rule} {slot}"),
        priority: Priority::Consequence,
        payload: String::new(),
        not_before: None,
        attempts_max: ATTEMPTS_MAX,
    }
}

/// Sends what is pending for a rule, and takes note that it was sent.
pub(super) async fn notify(app: &App, lease: &Lease) -> Answer<Completion> {
    let organisation = lease.organisation;
    let rule = lease.name.split(' ').next().and_then(|text| text.parse::<RuleId>().ok());
    let rule = rule.ok_or_else(|| Problem::invalid("the name of the job names no rule"))?;
    let rules = monitor::rules(app, organisation).await?;
    let Some((kept, rule)) = rules.into_iter().find(|(kept, _)| kept.id == rule) else {
        return Ok(Completion::Done);
    };
    let events = app.store.pending_events(organisation, kept.id, EVENTS_MAX).await?;
    let now = Timestamp::now();
    let name = (kept.is.name.as_str(), &rule);
    if let Some(message) = Message::of(app, organisation, name, &events, now).await? {
        let id = message::id_of(kept.id, &events);
        deliver(app, organisation, &rule, &id, &message).await?;
        let rule = kept.is.name.as_str();
        tracing::info!(rule, events = events.len(), "people were told");
    }
    let told: Vec<_> = events.iter().map(|event| event.id).collect();
    app.store.delivered(organisation, kept.id, &told).await?;
    Ok(Completion::Done)
}

/// Sends a message by the way of a rule.
pub(crate) async fn deliver(
    app: &App,
    organisation: OrganisationId,
    rule: &Rule,
    id: &str,
    message: &Message,
) -> Answer<()> {
    match &rule.way {
        Way::Mail { to } => {
            let content = (message.subject(), message.text());
            mail::send(app, organisation, to, id, content).await
        }
        Way::Webhook { url, secret, ca } => {
            let body = serde_json::to_string(message)
                .map_err(|error| Problem::internal("write a message", &error))?;
            webhook::send(url, secret, ca.as_deref(), (id, body), Timestamp::now()).await
        }
    }
}
