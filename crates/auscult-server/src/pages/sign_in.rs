//! How people sign in, as an administrator says it.

use std::collections::HashMap;

use askama::Template;
use auscult_store::ProductId;
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
    api::{Asked, PersonView, keep_sign_in, person_in_directory},
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

/// Names of the products, by id.
type Products = HashMap<ProductId, String>;

/// Between a group and what its role is limited to.
const BETWEEN: &str = " | ";

/// Roles as they are typed, one a line: `role = group | site NAME | product NAME`.
fn lines(roles: &[GroupRole], products: &Products) -> String {
    let line = |one: &GroupRole| {
        let sites = one.sites.iter().map(|site| format!("site {site}"));
        let names = one.products.iter().filter_map(|id| products.get(id));
        let head = std::iter::once(format!("{} = {}", one.role, one.group));
        let parts = head.chain(sites).chain(names.map(|name| format!("product {name}")));
        parts.collect::<Vec<_>>().join(BETWEEN)
    };
    roles.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn read_lines(text: &str, products: &Products) -> Answer<Vec<GroupRole>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let read = |line: &str| {
        let wrong = || {
            Problem::invalid(format!("{line:?} is no role and group"))
                .hint("as `viewer = cn=clinic,ou=groups,dc=hospital,dc=example | site North`")
        };
        let mut parts = line.split(BETWEEN).map(str::trim);
        let (role, group) = parts.next().and_then(|one| one.split_once('=')).ok_or_else(wrong)?;
        let (role, group) = (role.trim().to_owned(), group.trim().to_owned());
        let mut read = GroupRole { role, group, sites: Vec::new(), products: Vec::new() };
        for part in parts {
            match part.split_once(' ').ok_or_else(wrong)? {
                ("site", site) => read.sites.push(site.trim().to_owned()),
                ("product", name) => read.products.push(named(products, name.trim())?),
                _ => return Err(wrong()),
            }
        }
        Ok(read)
    };
    lines.map(read).collect()
}

fn named(products: &Products, name: &str) -> Answer<ProductId> {
    let found = products.iter().find(|(_, one)| *one == name);
    found
        .map(|(id, _)| *id)
        .ok_or_else(|| Problem::invalid(format!("there is no product {name:?}")))
}

/// Whom the directory found, and what follows.
fn said_of(person: PersonView, products: &Products) -> String {
    if person.roles.is_empty() {
        return format!("{}: no role follows", person.dn);
    }
    let name = |id: &String| {
        let id: Option<ProductId> = id.parse().ok();
        id.and_then(|id| products.get(&id).cloned()).unwrap_or_default()
    };
    let products: Vec<String> = person.products.iter().map(name).collect();
    let only = [person.sites, products].concat();
    let only = if only.is_empty() { String::new() } else { format!(", only {}", only.join(", ")) };
    format!("{}: {}{only}", person.dn, person.roles.join(", "))
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
        Ok(person) => said_of(person, &products(&app, &who).await?),
        Err(problem) => told(problem),
    };
    page(&app, &who, settings, Some(format!("{name}: {said}")), None).await
}

async fn products(app: &App, who: &Identity) -> Answer<Products> {
    crate::fleet::products(app, who.organisation, who.within()).await
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
    let products = products(app, who).await?;
    let page = SettingsPage {
        frame: Frame::of(app, "Sign-in", "/administration", who).await?,
        public_url: settings.public_url.unwrap_or_default(),
        callback,
        needs_second_factor: settings.needs_second_factor,
        has_ldap,
        ldap_roles: lines(&ldap.roles, &products),
        ldap,
        has_oidc,
        oidc_roles: lines(&oidc.roles, &products),
        oidc_scopes: oidc.scopes.join(" "),
        oidc,
        roles: Role::ALL.iter().map(|role| role.word()).collect::<Vec<_>>().join(", "),
        tried,
        error,
    };
    render(&page)
}

/// What the form says.
fn read(fields: &Fields, products: &Products) -> Answer<SignInSettings> {
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
            roles: read_lines(fields.get("ldap_roles"), products)?,
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
            roles: read_lines(fields.get("oidc_roles"), products)?,
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
    let (done, settings) = match read(&fields, &products(&app, &who).await?) {
        Ok(settings) => (keep_sign_in(&app, &who, settings.clone()).await, settings),
        Err(problem) => (Err(problem), SignInSettings::of(&app, who.organisation).await?),
    };
    let again = async |problem| page(&app, &who, settings.shown(), None, Some(told(problem))).await;
    lead_on(done.map(|()| HERE.to_owned()), again).await
}

#[cfg(test)]
mod tests {
    use super::{Products, lines, read_lines};

    #[test]
    fn groups_read_back_with_what_they_reach() {
        let id = "00000000-0000-7000-8000-000000000001".parse().unwrap();
        let products = Products::from([(id, "Pump, large".to_owned())]);
        let text = "viewer = cn=a,dc=x | site North, old | site South | product Pump, large\n\
                    auditor = cn=b,dc=x";
        let read = read_lines(text, &products).unwrap();
        assert_eq!((read[0].group.as_str(), &read[0].products), ("cn=a,dc=x", &vec![id]));
        assert_eq!(read[0].sites, ["North, old", "South"]);
        assert!(read[1].sites.is_empty() && read[1].products.is_empty());
        assert_eq!(lines(&read, &products), text);
        for bad in ["viewer", "viewer = a | site", "viewer = a | room 1", "viewer = a | product X"]
        {
            assert!(read_lines(bad, &products).is_err(), "{bad}");
        }
    }
}
