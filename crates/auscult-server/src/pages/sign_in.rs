//! How people sign in, as an administrator says it.

use askama::Template;
use axum::{
    extract::{Request, State},
    response::Response,
};
use serde::Deserialize;

use super::{
    Frame,
    form::{Fields, lead_on, told},
    render,
};
use crate::{
    access::{Caller, GroupRole, Identity, Ldap, Oidc, Role, SignInSettings},
    api::{Asked, keep_sign_in, person_in_directory},
    problem::{Answer, Problem},
    state::App,
};

const HERE: &str = "/administration/sign-in";

#[derive(Template)]
#[template(path = "sign_in_settings.html")]
struct SettingsPage {
    frame: Frame,
    public_url: String,
    callback: String,
    needs_second_factor: bool,
    has_ldap: bool,
    ldap: Ldap,
    ldap_roles: String,
    has_oidc: bool,
    oidc: Oidc,
    oidc_roles: String,
    oidc_scopes: String,
    roles: String,
    /// What the directory said of a name.
    tried: Option<String>,
    error: Option<String>,
}

/// Roles as they are typed: one a line, `role = group`.
fn lines(roles: &[GroupRole]) -> String {
    let line = |one: &GroupRole| format!("{} = {}", one.role, one.group);
    roles.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn read_lines(text: &str) -> Answer<Vec<GroupRole>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let read = |line: &str| {
        let wrong = || {
            Problem::invalid(format!("{line:?} is no role and group"))
                .hint("as `viewer = cn=clinic,ou=groups,dc=hospital,dc=example`")
        };
        let (role, group) = line.split_once('=').ok_or_else(wrong)?;
        Ok(GroupRole { role: role.trim().to_owned(), group: group.trim().to_owned() })
    };
    lines.map(read).collect()
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tried {
    name: String,
}

pub(super) async fn show(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(Tried { name }): Asked<Tried>,
) -> Answer<Response> {
    let settings = SignInSettings::of(&app, who.organisation).await?.shown();
    if name.is_empty() {
        return page(&app, &who, settings, None, None).await;
    }
    let said = match person_in_directory(&app, &who, &name).await {
        Ok(person) if person.roles.is_empty() => format!("{}: no role follows", person.dn),
        Ok(person) => format!("{}: {}", person.dn, person.roles.join(", ")),
        Err(problem) => told(problem),
    };
    page(&app, &who, settings, Some(format!("{name}: {said}")), None).await
}

async fn page(
    app: &App,
    who: &Identity,
    settings: SignInSettings,
    tried: Option<String>,
    error: Option<String>,
) -> Answer<Response> {
    let callback = format!("{}/sign-in/provider/callback", settings.origin(app));
    let (has_ldap, has_oidc) = (settings.ldap.is_some(), settings.oidc.is_some());
    let ldap = settings.ldap.unwrap_or_else(Ldap::empty);
    let oidc = settings.oidc.unwrap_or_else(Oidc::empty);
    let page = SettingsPage {
        frame: Frame::of(app, "Sign-in", "/administration", who).await?,
        public_url: settings.public_url.unwrap_or_default(),
        callback,
        needs_second_factor: settings.needs_second_factor,
        has_ldap,
        ldap_roles: lines(&ldap.roles),
        ldap,
        has_oidc,
        oidc_roles: lines(&oidc.roles),
        oidc_scopes: oidc.scopes.join(" "),
        oidc,
        roles: Role::ALL.iter().map(|role| role.word()).collect::<Vec<_>>().join(", "),
        tried,
        error,
    };
    render(&page)
}

/// What the form says.
fn read(fields: &Fields) -> Answer<SignInSettings> {
    let text = |name: &str| fields.get(name).trim().to_owned();
    let said = |name: &str| Some(text(name)).filter(|text| !text.is_empty());
    let mut settings = SignInSettings {
        public_url: said("public_url"),
        needs_second_factor: fields.get("needs_second_factor") == "yes",
        ldap: None,
        oidc: None,
    };
    if fields.get("has_ldap") == "yes" {
        settings.ldap = Some(Ldap {
            url: text("ldap_url"),
            ca: said("ldap_ca"),
            bind_dn: text("bind_dn"),
            bind_password: said("bind_password"),
            base: text("base"),
            filter: text("filter"),
            group_base: text("group_base"),
            group_filter: text("group_filter"),
            roles: read_lines(fields.get("ldap_roles"))?,
        });
    }
    if fields.get("has_oidc") == "yes" {
        settings.oidc = Some(Oidc {
            label: text("label"),
            issuer: text("issuer"),
            ca: said("oidc_ca"),
            client_id: text("client_id"),
            client_secret: said("client_secret"),
            scopes: text("scopes").split_whitespace().map(str::to_owned).collect(),
            groups_claim: text("groups_claim"),
            roles: read_lines(fields.get("oidc_roles"))?,
        });
    }
    Ok(settings)
}

pub(super) async fn change(
    State(app): State<App>,
    Caller(who): Caller,
    request: Request,
) -> Answer<Response> {
    let fields = Fields::of(&who, request).await?;
    let (done, settings) = match read(&fields) {
        Ok(settings) => (keep_sign_in(&app, &who, settings.clone()).await, settings),
        Err(problem) => (Err(problem), SignInSettings::of(&app, who.organisation).await?),
    };
    let again = async |problem| page(&app, &who, settings.shown(), None, Some(told(problem))).await;
    lead_on(done.map(|()| HERE.to_owned()), again).await
}
