//! Decisions about findings. They are the product's, whatever the build, and hold as long as the facts
//! do that they rely on.

use auscult_model::{Decision, Decisions, Facts, Known, ReliedFact, VexStatus};
use auscult_store::{BuildId, ProductId, WhatIsDecided};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    builds,
    extract::{Body, Id},
    products,
};
use crate::{
    access::{Caller, Identity},
    evaluate::today,
    problem::{Answer, Problem, ProblemBody},
    state::App,
};

/// Justifications of `not_affected` (OpenVEX 0.2.0).
pub(crate) const JUSTIFICATIONS: [&str; 5] = [
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
];

/// What can be done (CycloneDX 1.6, analysis response).
pub(crate) const RESPONSES: [&str; 5] =
    ["update", "workaround_available", "can_not_fix", "will_not_fix", "rollback"];

/// Facts that one decision may rely on.
const FACTS_MAX: usize = 50;

/// A decision to be recorded.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecisionInput {
    /// The build that was looked at; facts are taken from it.
    pub(crate) build: String,
    /// The vulnerability.
    pub(crate) vulnerability: String,
    /// The component's name.
    pub(crate) component: String,
    /// `affected`, `not_affected`, `fixed` or `under_investigation`; none withdraws the decision.
    pub(crate) status: Option<String>,
    /// The justification in the words of OpenVEX; `not_affected` needs one.
    pub(crate) justification: Option<String>,
    /// What will be done, in the words of CycloneDX.
    #[serde(default)]
    pub(crate) response: Vec<String>,
    /// Why.
    #[serde(default)]
    pub(crate) comment: String,
    /// The last day on which it counts.
    pub(crate) expires: Option<String>,
    /// Names of the facts that it relies on, such as `kernel-option:CONFIG_BT`.
    #[serde(default)]
    pub(crate) relies_on: Vec<String>,
    /// The revision that was seen, 0 for none.
    pub(crate) revision: i64,
}

/// A decision that was recorded.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordedView {
    /// Its revision.
    pub(crate) revision: i64,
}

/// Lists what is decided for a product, in the form that `auscult scan --decisions` reads.
#[utoipa::path(get, path = "/api/v1/products/{product}/decisions",
    params(("product" = String, Path)), responses(
    (status = 200, description = "The decisions", body = serde_json::Value),
    (status = 404, description = "There is no such product", body = ProblemBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
    Id(product): Id<ProductId>,
) -> Answer<Json<Decisions>> {
    products::find(&app, &who, product).await?;
    Ok(Json(app.store.decisions(who.organisation, product, Timestamp::now()).await?))
}

/// Records a decision, or withdraws it.
#[utoipa::path(post, path = "/api/v1/products/{product}/decisions",
    params(("product" = String, Path)), request_body = DecisionInput, responses(
    (status = 201, description = "It is recorded", body = RecordedView),
    (status = 409, description = "Somebody else was faster", body = ProblemBody),
    (status = 422, description = "It says too little, or relies on what is not known", body = ProblemBody)))]
pub(crate) async fn record(
    State(app): State<App>,
    Caller(who): Caller,
    Id(product): Id<ProductId>,
    Body(input): Body<DecisionInput>,
) -> Answer<Response> {
    let revision = decide(&app, &who, product, &input).await?;
    Ok((StatusCode::CREATED, Json(RecordedView { revision })).into_response())
}

pub(crate) async fn decide(
    app: &App,
    who: &Identity,
    product: ProductId,
    input: &DecisionInput,
) -> Answer<i64> {
    let id: BuildId = input.build.parse().map_err(|_| Problem::not_found("build"))?;
    let build = builds::find(app, who, id).await?;
    if build.product != product {
        return Err(Problem::not_found("build"));
    }
    let evaluated = builds::evaluated(app, who, &build).await?;
    let is_it = |finding: &&auscult_model::Finding| {
        let mut ids = std::iter::once(&finding.id).chain(&finding.aliases);
        finding.component == input.component
            && ids.any(|id| id.0.eq_ignore_ascii_case(&input.vulnerability))
    };
    let finding = evaluated.result.findings().iter().find(is_it);
    let finding = finding.ok_or_else(|| Problem::not_found("finding"))?;
    let what =
        WhatIsDecided { vulnerability: finding.id.0.clone(), component: finding.component.clone() };
    let (now, seen, actor) = (Timestamp::now(), input.revision, who.actor());
    let organisation = who.organisation;
    let revision = if input.status.is_some() {
        let decision = decision(input, &what, &evaluated.result.facts, &actor)?;
        app.store.decide(organisation, product, &decision, seen, &actor, now).await?
    } else {
        app.store.withdraw_decision(organisation, product, &what, seen, &actor, now).await?
    };
    app.changed.ring();
    Ok(revision)
}

/// Checks what is said, and takes the digests of the facts that it relies on.
fn decision(
    input: &DecisionInput,
    what: &WhatIsDecided,
    facts: &Facts,
    actor: &str,
) -> Answer<Decision> {
    let status = input.status.as_deref().and_then(status);
    let status = status.ok_or_else(|| Problem::invalid("the status is none of VEX"))?;
    let justification = input.justification.clone().filter(|text| !text.is_empty());
    if status == VexStatus::NotAffected && justification.is_none() {
        return Err(Problem::invalid("\u{201c}not affected\u{201d} needs a justification"));
    }
    if let Some(wrong) = justification.iter().find(|one| !JUSTIFICATIONS.contains(&one.as_str())) {
        return Err(Problem::invalid(format!("there is no justification {wrong:?}")));
    }
    if let Some(wrong) = input.response.iter().find(|one| !RESPONSES.contains(&one.as_str())) {
        return Err(Problem::invalid(format!("there is no response {wrong:?}")));
    }
    if input.comment.trim().is_empty() {
        return Err(Problem::invalid("say why: the comment is empty"));
    }
    let expires = input.expires.as_deref().filter(|text| !text.is_empty());
    let expires: Option<Date> = expires
        .map(|text| text.parse().map_err(|_| Problem::invalid(format!("{text:?} is no date"))))
        .transpose()?;
    if expires.is_some_and(|last| last < today()) {
        return Err(Problem::invalid("the last day is over already"));
    }
    let is_not_affected = status == VexStatus::NotAffected;
    Ok(Decision {
        vulnerability: what.vulnerability.clone(),
        component: what.component.clone(),
        status,
        justification: justification.filter(|_| is_not_affected),
        response: input.response.clone(),
        comment: input.comment.trim().to_owned(),
        by: actor.to_owned(),
        date: today(),
        expires,
        relies_on: relied(&input.relies_on, facts)?,
    })
}

/// The facts with their digests in this build. One that is not known cannot be relied on.
fn relied(names: &[String], facts: &Facts) -> Answer<Vec<ReliedFact>> {
    if names.len() > FACTS_MAX {
        return Err(Problem::invalid(format!("more than {FACTS_MAX} facts are relied on")));
    }
    let one = |name: &String| match auscult_assess::fact_value(facts, name) {
        Known::Known(value) => {
            let sha256 = auscult_assess::fact_digest(&value);
            Ok(ReliedFact { fact: name.clone(), sha256 })
        }
        Known::Unknown(reason) => {
            Err(Problem::invalid(format!("a decision cannot rely on {name}: {reason}")))
        }
    };
    names.iter().map(one).collect()
}

fn status(word: &str) -> Option<VexStatus> {
    serde_json::from_value(serde_json::Value::from(word)).ok()
}
