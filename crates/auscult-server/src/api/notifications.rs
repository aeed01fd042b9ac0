//! Who is told of changes: rules, and the server that takes our mail.

use auscult_store::{KeptRule, NewRule, ProductId, RuleId, RuleState};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::extract::{Body, Id};
use crate::{
    access::{Caller, Identity},
    jobs,
    monitor::{
        self,
        mail::{self, MailServer},
        message::Message,
        rule::{Rule, Way},
        webhook,
    },
    problem::{Answer, Problem, ProblemBody},
    state::App,
};

/// What a rule is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleInput {
    /// Its name, unlike every other's.
    pub(crate) name: String,
    pub(crate) rule: Rule,
    /// The revision that a change was made from.
    #[serde(default)]
    pub(crate) revision: i64,
}

/// A rule.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleView {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The secret of a webhook is empty here.
    pub(crate) rule: Rule,
    /// Counts its changes; a change names the one that it was made from.
    pub(crate) revision: i64,
    /// Changes of builds that its people are still to be told of.
    pub(crate) pending: u64,
    /// Since when.
    pub(crate) pending_since: Option<String>,
    /// Why the last attempt failed, where it did.
    pub(crate) error: Option<String>,
}

/// A rule that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewRuleView {
    pub(crate) id: String,
    /// What signs requests of a webhook, told this once: `whsec_` and Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<String>,
}

impl RuleView {
    fn of(kept: &KeptRule, mut rule: Rule, state: Option<&RuleState>) -> Self {
        if let Way::Webhook { secret, .. } = &mut rule.way {
            secret.clear();
        }
        Self {
            id: kept.id.to_string(),
            name: kept.is.name.clone(),
            rule,
            revision: kept.revision,
            pending: state.map_or(0, |state| state.pending),
            pending_since: state.and_then(|state| state.since).map(|since| since.to_string()),
            error: state.and_then(|state| state.error.clone()),
        }
    }
}

/// Every rule, with how far it is.
pub(crate) async fn rules(app: &App, who: &Identity) -> Answer<Vec<RuleView>> {
    let states = app.store.rule_states(who.organisation, jobs::NOTIFY).await?;
    let rules = monitor::rules(app, who.organisation).await?;
    let view = |(kept, rule): (KeptRule, Rule)| {
        let state = states.iter().find(|state| state.rule == kept.id);
        RuleView::of(&kept, rule, state)
    };
    Ok(rules.into_iter().map(view).collect())
}

/// Lists the rules, by name.
#[utoipa::path(get, path = "/api/v1/notification-rules", responses(
    (status = 200, description = "The rules", body = Vec<RuleView>),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
) -> Answer<Json<Vec<RuleView>>> {
    rules(&app, &who).await.map(Json)
}

/// Makes a rule.
#[utoipa::path(post, path = "/api/v1/notification-rules", request_body = RuleInput, responses(
    (status = 201, description = "The rule", body = NewRuleView),
    (status = 409, description = "There is another one of this name", body = ProblemBody),
    (status = 422, description = "It cannot work", body = ProblemBody),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn create(
    State(app): State<App>,
    Caller(who): Caller,
    Body(input): Body<RuleInput>,
) -> Answer<Response> {
    let made = make(&app, &who, input).await?;
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

pub(crate) async fn make(app: &App, who: &Identity, input: RuleInput) -> Answer<NewRuleView> {
    let RuleInput { name, mut rule, .. } = input;
    check(app, who, &rule).await?;
    let mut told = None;
    if let Way::Webhook { secret, .. } = &mut rule.way {
        *secret = webhook::new_secret()?;
        told = Some(secret.clone());
    }
    let new = NewRule { name: name.trim().to_owned(), body: rule.text()? };
    let made = app.store.create_rule(who.organisation, &new, Timestamp::now()).await?;
    let id = made.id.to_string();
    app.record(who, "make-rule", &id, json!({ "name": new.name })).await?;
    Ok(NewRuleView { id, secret: told })
}

async fn check(app: &App, who: &Identity, rule: &Rule) -> Answer<()> {
    rule.check()?;
    for product in rule.products.iter().filter_map(|text| text.parse::<ProductId>().ok()) {
        let product = app.store.product(who.organisation, product).await?;
        product.ok_or_else(|| Problem::not_found("product"))?;
    }
    Ok(())
}

/// Says something else of a rule. The secret of its webhook stays as it was.
#[utoipa::path(put, path = "/api/v1/notification-rules/{rule}", params(("rule" = String, Path)),
    request_body = RuleInput, responses(
    (status = 204, description = "It is changed"),
    (status = 404, description = "There is none", body = ProblemBody),
    (status = 409, description = "It was changed meanwhile, or there is another one of this name", body = ProblemBody),
    (status = 422, description = "It cannot work", body = ProblemBody)))]
pub(crate) async fn change(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<RuleId>,
    Body(input): Body<RuleInput>,
) -> Answer<StatusCode> {
    update(&app, &who, id, input).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn update(app: &App, who: &Identity, id: RuleId, input: RuleInput) -> Answer<()> {
    let RuleInput { name, mut rule, revision } = input;
    let (_, known) = find(app, who, id).await?;
    check(app, who, &rule).await?;
    match (&mut rule.way, known.way) {
        (Way::Webhook { secret, .. }, Way::Webhook { secret: known, .. }) => *secret = known,
        (Way::Webhook { .. }, Way::Mail { .. }) => {
            let detail = "a rule that sends mail cannot become one that calls a program";
            return Err(Problem::invalid(detail).hint("make a new rule: its secret is told then"));
        }
        (Way::Mail { .. }, _) => {}
    }
    let is = NewRule { name: name.trim().to_owned(), body: rule.text()? };
    app.store.update_rule(who.organisation, id, &is, revision, Timestamp::now()).await?;
    app.record(who, "change-rule", &id.to_string(), json!({ "name": is.name })).await
}

async fn find(app: &App, who: &Identity, id: RuleId) -> Answer<(KeptRule, Rule)> {
    let rules = monitor::rules(app, who.organisation).await?;
    let found = rules.into_iter().find(|(kept, _)| kept.id == id);
    found.ok_or_else(|| Problem::not_found("rule"))
}

/// Takes a rule away, with what its people were still to be told of.
#[utoipa::path(delete, path = "/api/v1/notification-rules/{rule}", params(("rule" = String, Path)),
    responses(
    (status = 204, description = "It is gone"),
    (status = 404, description = "There is none", body = ProblemBody)))]
pub(crate) async fn remove(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<RuleId>,
) -> Answer<StatusCode> {
    delete(&app, &who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn delete(app: &App, who: &Identity, id: RuleId) -> Answer<()> {
    app.store.delete_rule(who.organisation, id).await?;
    app.record(who, "delete-rule", &id.to_string(), json!({})).await
}

/// Sends a message that says nothing by the way of a rule, and waits until it was taken.
#[utoipa::path(post, path = "/api/v1/notification-rules/{rule}/test",
    params(("rule" = String, Path)), responses(
    (status = 204, description = "It was taken"),
    (status = 404, description = "There is none", body = ProblemBody),
    (status = 503, description = "It was not taken", body = ProblemBody)))]
pub(crate) async fn test(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<RuleId>,
) -> Answer<StatusCode> {
    try_out(&app, &who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn try_out(app: &App, who: &Identity, id: RuleId) -> Answer<()> {
    let (kept, rule) = find(app, who, id).await?;
    let now = Timestamp::now();
    let message = Message::test(app, who.organisation, &kept.is.name, now).await?;
    let id = format!("msg_test_{}_{}", kept.id, now.as_millisecond());
    jobs::deliver(app, who.organisation, &rule, &id, &message).await
}

/// Tells which server takes our mail; never its password.
#[utoipa::path(get, path = "/api/v1/mail-server", responses(
    (status = 200, description = "The server", body = MailServer),
    (status = 404, description = "There is none", body = ProblemBody),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn mail_server(
    State(app): State<App>,
    Caller(who): Caller,
) -> Answer<Json<MailServer>> {
    let server = mail::server(&app, who.organisation).await?;
    let server = server.ok_or_else(|| Problem::not_found("mail server"))?;
    Ok(Json(MailServer { password: None, ..server }))
}

/// Says which server takes our mail.
#[utoipa::path(put, path = "/api/v1/mail-server", request_body = MailServer, responses(
    (status = 204, description = "It is used from now on"),
    (status = 422, description = "It cannot work", body = ProblemBody),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn set_mail_server(
    State(app): State<App>,
    Caller(who): Caller,
    Body(input): Body<MailServer>,
) -> Answer<StatusCode> {
    keep_mail_server(&app, &who, input).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn keep_mail_server(
    app: &App,
    who: &Identity,
    mut server: MailServer,
) -> Answer<()> {
    if server.password.is_none()
        && let Some(known) = mail::server(app, who.organisation).await?
        // A password goes nowhere but to the server and the account that it is for.
        && (&known.host, &known.user) == (&server.host, &server.user)
    {
        server.password = known.password;
    }
    server.check()?;
    let body = serde_json::to_string(&server)
        .map_err(|error| Problem::internal("write the settings", &error))?;
    app.store.set_mail_server(who.organisation, &body, Timestamp::now()).await?;
    let detail = json!({ "port": server.port, "security": server.security, "from": server.from });
    app.record(who, "set-mail-server", &server.host, detail).await
}
