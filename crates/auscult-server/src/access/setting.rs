//! How people sign in, besides with a password that is kept here.

use auscult_store::{OrganisationId, ProductId, Reach as Said};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Role, reach};
use crate::{
    problem::{Answer, Problem},
    state::App,
};

/// How people sign in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SignInSettings {
    /// Where people reach this server, as `https://auscult.hospital.example`: a provider sends them back
    /// to it. Where it listens, if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_url: Option<String>,
    /// Whether everybody who signs in with a password that is kept here needs a second factor.
    pub(crate) needs_second_factor: bool,
    /// A directory that knows names and passwords.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ldap: Option<Ldap>,
    /// A provider that signs people in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) oidc: Option<Oidc>,
}

/// A directory (LDAP, RFC 4511).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ldap {
    /// `ldaps://HOST` or `ldap://HOST`; of the latter only what is said over TLS counts (StartTLS), but
    /// on this machine.
    pub(crate) url: String,
    /// Certificates that are trusted in place of those of the system, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<String>,
    /// Who looks for people; nobody in particular where nothing is said.
    #[serde(default)]
    pub(crate) bind_dn: String,
    /// Never told; sent as `null` it stays as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bind_password: Option<String>,
    /// Below what people are.
    pub(crate) base: String,
    /// How a person is found by the name that is typed, `{name}` (RFC 4515).
    #[serde(default = "person_filter")]
    pub(crate) filter: String,
    /// Below what groups are. Where nothing is said, a person's own entry tells its groups (`memberOf`).
    #[serde(default)]
    pub(crate) group_base: String,
    /// How the groups of a person are found, by `{dn}`.
    #[serde(default = "group_filter")]
    pub(crate) group_filter: String,
    /// What groups mean. Who is in none of them does not get in.
    pub(crate) roles: Vec<GroupRole>,
}

/// A provider (OpenID Connect).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Oidc {
    /// What the button on the page of the sign-in says.
    pub(crate) label: String,
    /// The issuer, `https:`.
    pub(crate) issuer: String,
    /// Certificates that are trusted in place of the public ones, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<String>,
    pub(crate) client_id: String,
    /// Never told; sent as `null` it stays as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret: Option<String>,
    /// Scopes besides `openid`.
    #[serde(default = "scopes")]
    pub(crate) scopes: Vec<String>,
    /// The claim that tells groups.
    #[serde(default = "groups_claim")]
    pub(crate) groups_claim: String,
    /// What groups mean. Who is in none of them does not get in.
    pub(crate) roles: Vec<GroupRole>,
}

/// What a group means here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupRole {
    /// The group: its distinguished name in a directory, or what a claim calls it.
    pub(crate) group: String,
    /// The role.
    pub(crate) role: String,
    /// The sites that it is for; all where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) sites: Vec<String>,
    /// Ids of the products that it is for; all where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub(crate) products: Vec<ProductId>,
}

impl GroupRole {
    /// What the group reaches.
    fn reach(&self) -> Said {
        let products = self.products.iter().copied().collect();
        Said { sites: self.sites.iter().cloned().collect(), products }
    }
}

fn person_filter() -> String {
    "(&(objectClass=person)(uid={name}))".to_owned()
}

fn group_filter() -> String {
    "(member={dn})".to_owned()
}

fn scopes() -> Vec<String> {
    ["profile", "email", "groups"].map(str::to_owned).to_vec()
}

fn groups_claim() -> String {
    "groups".to_owned()
}

impl SignInSettings {
    pub(crate) async fn of(app: &App, organisation: OrganisationId) -> Answer<Self> {
        let body = app.store.sign_in_settings(organisation).await?;
        let read = |body: String| {
            serde_json::from_str(&body)
                .map_err(|error| Problem::internal("read how people sign in", &error))
        };
        body.map_or_else(|| Ok(Self::default()), read)
    }

    /// Where people reach this server.
    pub(crate) fn origin(&self, app: &App) -> String {
        let said = self.public_url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
        said.unwrap_or_else(|| app.origin())
    }

    /// Takes over secrets that were not sent again, but only for where they belong to.
    pub(crate) fn keep_secrets_of(&mut self, known: Self) {
        if let (Some(ldap), Some(known)) = (&mut self.ldap, known.ldap)
            && ldap.bind_password.is_none()
            && (&ldap.url, &ldap.bind_dn) == (&known.url, &known.bind_dn)
        {
            ldap.bind_password = known.bind_password;
        }
        if let (Some(oidc), Some(known)) = (&mut self.oidc, known.oidc)
            && oidc.client_secret.is_none()
            && (&oidc.issuer, &oidc.client_id) == (&known.issuer, &known.client_id)
        {
            oidc.client_secret = known.client_secret;
        }
    }

    /// The same without its secrets.
    pub(crate) fn shown(mut self) -> Self {
        if let Some(ldap) = &mut self.ldap {
            ldap.bind_password = None;
        }
        if let Some(oidc) = &mut self.oidc {
            oidc.client_secret = None;
        }
        self
    }

    /// Refuses what cannot work.
    pub(crate) fn check(&self) -> Answer<()> {
        if let Some(url) = &self.public_url
            && !url.starts_with("https://")
        {
            let detail = format!("the public address {url:?} is not https");
            return Err(Problem::invalid(detail).hint("as `https://auscult.hospital.example`"));
        }
        if let Some(ldap) = &self.ldap {
            ldap.check()?;
        }
        if let Some(oidc) = &self.oidc {
            super::provider::check(oidc)?;
        }
        Ok(())
    }
}

impl Ldap {
    /// One that nobody set up yet, with what is usual.
    pub(crate) fn empty() -> Self {
        Self {
            url: String::new(),
            ca: None,
            bind_dn: String::new(),
            bind_password: None,
            base: String::new(),
            filter: person_filter(),
            group_base: String::new(),
            group_filter: group_filter(),
            roles: Vec::new(),
        }
    }

    fn check(&self) -> Answer<()> {
        super::directory::target(&self.url)?;
        if !self.filter.contains("{name}") {
            return Err(Problem::invalid("the filter for people does not hold {name}"));
        }
        if !self.group_base.is_empty() && !self.group_filter.contains("{dn}") {
            return Err(Problem::invalid("the filter for groups does not hold {dn}"));
        }
        if self.base.trim().is_empty() {
            return Err(Problem::invalid("say below what people are, as `ou=people,dc=…`"));
        }
        if let Some(pem) = &self.ca {
            super::directory::roots(pem)?;
        }
        check_roles(&self.roles)
    }
}

impl Oidc {
    /// One that nobody set up yet, with what is usual.
    pub(crate) fn empty() -> Self {
        Self {
            label: "Sign in with the hospital's account".to_owned(),
            issuer: String::new(),
            ca: None,
            client_id: String::new(),
            client_secret: None,
            scopes: scopes(),
            groups_claim: groups_claim(),
            roles: Vec::new(),
        }
    }
}

/// Refuses groups that mean nothing that there is.
pub(super) fn check_roles(roles: &[GroupRole]) -> Answer<()> {
    if roles.is_empty() {
        return Err(Problem::invalid("no group means a role: nobody would get in"));
    }
    for one in roles {
        one.role.parse::<Role>().map_err(Problem::invalid)?;
        if one.group.trim().is_empty() {
            return Err(Problem::invalid("a group has no name"));
        }
        if one.sites.iter().any(|site| site.trim().is_empty()) {
            return Err(Problem::invalid("a site has no name"));
        }
        reach::check(std::slice::from_ref(&one.role), &one.reach()).map_err(Problem::invalid)?;
    }
    Ok(())
}

/// What groups mean for somebody who is in some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meant {
    /// The roles, each once.
    pub(crate) roles: Vec<String>,
    /// What they reach: an account has one reach for all its roles.
    pub(crate) reach: Said,
}

/// The roles of somebody in these groups, and what they reach; none where that is nothing.
pub(super) fn meant(table: &[GroupRole], is_in: impl Fn(&str) -> bool) -> Meant {
    let groups: Vec<&GroupRole> = table.iter().filter(|one| is_in(&one.group)).collect();
    let mut roles: Vec<String> = groups.iter().map(|one| one.role.clone()).collect();
    roles.sort();
    roles.dedup();
    let given = groups.iter().map(|one| (one.role.as_str(), one.reach()));
    let Some(reach) = reach::in_common(given) else {
        if !roles.is_empty() {
            let groups: Vec<&str> = groups.iter().map(|one| one.group.as_str()).collect();
            tracing::warn!(?groups, "groups of a person reach nothing in common");
        }
        return Meant::default();
    };
    Meant { roles, reach }
}
