//! Signing in against a directory (LDAP): the person is searched for, bound with the password, and put
//! to roles by groups.

use std::{collections::HashSet, sync::Arc, time::Duration};

use axum::http::{StatusCode, Uri};
use ldap3::{
    Ldap as Connection, LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchEntry, ldap_escape,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::setting::{Ldap, Meant, meant};
use crate::{
    outbound::is_loopback,
    problem::{Answer, Problem},
};

/// How long the directory may take for each answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Results of a bind that mean the person: `invalidCredentials`, and what servers answer for those who may
/// not bind now (RFC 4511 appendix A.2).
const REFUSED: [u32; 4] = [49, 53, 48, 50];
/// What is asked of a person's entry.
const ATTRIBUTES: [&str; 4] = ["displayName", "cn", "mail", "memberOf"];

/// Somebody whom the directory knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    /// The distinguished name.
    pub(crate) dn: String,
    pub(crate) display_name: String,
    pub(crate) is: Meant,
}

/// Whether an address is one that passwords may be sent to: TLS from the start, TLS on demand, or this
/// machine. Tells whether TLS is to be demanded.
pub(super) fn target(url: &str) -> Answer<bool> {
    let wrong = |why: &str| {
        Problem::invalid(format!("the directory {url:?} {why}"))
            .hint("as `ldaps://directory.hospital.example`")
    };
    let uri: Uri = url.parse().map_err(|_| wrong("is no URL"))?;
    let host = uri.host().ok_or_else(|| wrong("names no host"))?;
    match uri.scheme_str() {
        Some("ldaps") => Ok(false),
        Some("ldap") => Ok(!is_loopback(host)),
        _ => Err(wrong("is neither ldaps: nor ldap:")),
    }
}

/// Certificates in PEM form as roots.
pub(super) fn roots(pem: &str) -> Answer<RootCertStore> {
    let none = || Problem::invalid("`ca` is no certificate in PEM form");
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.map_err(|_| none())?).map_err(|_| none())?;
    }
    if roots.is_empty() { Err(none()) } else { Ok(roots) }
}

fn away(error: &LdapError) -> Problem {
    tracing::warn!(%error, "the directory did not answer");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("the directory did not answer: {error}"))
        .hint("accounts of this server still get in")
}

impl Ldap {
    /// A connection that looks for people.
    async fn connect(&self) -> Answer<Connection> {
        let mut settings =
            LdapConnSettings::new().set_conn_timeout(ANSWER_MAX).set_starttls(target(&self.url)?);
        if let Some(pem) = &self.ca {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| Problem::internal("prepare TLS", &error))?
                .with_root_certificates(roots(pem)?)
                .with_no_client_auth();
            settings = settings.set_config(Arc::new(config));
        }
        let opened = LdapConnAsync::with_settings(settings, &self.url).await;
        let (connection, ldap) = opened.map_err(|error| away(&error))?;
        ldap3::drive!(connection);
        Ok(ldap)
    }

    async fn searching(&self) -> Answer<Connection> {
        let mut ldap = self.connect().await?;
        if !self.bind_dn.is_empty() {
            let password = self.bind_password.as_deref().unwrap_or_default();
            let bound = ldap.with_timeout(ANSWER_MAX).simple_bind(&self.bind_dn, password).await;
            bound.and_then(ldap3::LdapResult::success).map_err(|error| away(&error))?;
        }
        Ok(ldap)
    }

    /// Looks for a person without a password; none where there is not exactly one of this name.
    pub(super) async fn find(&self, name: &str) -> Answer<Option<Person>> {
        let mut ldap = self.searching().await?;
        let filter = self.filter.replace("{name}", &ldap_escape(name));
        let entries = search(&mut ldap, &self.base, &filter, &ATTRIBUTES).await?;
        let [entry] = entries.as_slice() else {
            if entries.len() > 1 {
                tracing::warn!(found = entries.len(), "a name is that of several people");
            }
            return Ok(None);
        };
        let groups = self.groups(&mut ldap, entry).await?;
        let first = |attribute: &str| {
            let values = attribute_of(entry, attribute);
            values.and_then(|values| values.first().cloned()).filter(|value| !value.is_empty())
        };
        let _ = ldap.unbind().await;
        Ok(Some(Person {
            dn: entry.dn.clone(),
            display_name: first("displayName")
                .or_else(|| first("cn"))
                .unwrap_or_else(|| name.to_owned()),
            is: meant(&self.roles, |group| groups.contains(&plain(group))),
        }))
    }

    async fn groups(&self, ldap: &mut Connection, entry: &SearchEntry) -> Answer<HashSet<String>> {
        if self.group_base.is_empty() {
            let values = attribute_of(entry, "memberOf").into_iter().flatten();
            return Ok(values.map(|dn| plain(dn)).collect());
        }
        let filter = self.group_filter.replace("{dn}", &ldap_escape(&entry.dn));
        let found = search(ldap, &self.group_base, &filter, &["cn"]).await?;
        Ok(found.iter().map(|group| plain(&group.dn)).collect())
    }

    /// Signs a person in: none where name or password is wrong.
    pub(super) async fn sign_in(&self, name: &str, password: &str) -> Answer<Option<Person>> {
        // A bind without a password succeeds as nobody (RFC 4513 section 5.1.2).
        if password.is_empty() || name.is_empty() {
            return Ok(None);
        }
        let Some(person) = self.find(name).await? else { return Ok(None) };
        let mut ldap = self.connect().await?;
        let bound = ldap.with_timeout(ANSWER_MAX).simple_bind(&person.dn, password).await;
        let bound = bound.map_err(|error| away(&error))?;
        let _ = ldap.unbind().await;
        match bound.rc {
            0 => Ok(Some(person)),
            code if REFUSED.contains(&code) => Ok(None),
            _ => Err(away(&LdapError::from(bound))),
        }
    }
}

async fn search(
    ldap: &mut Connection,
    base: &str,
    filter: &str,
    attributes: &[&str],
) -> Answer<Vec<SearchEntry>> {
    /// Nobody is in more groups, and no name is that of more people.
    const ENTRIES_MAX: usize = 2_000;
    let found =
        ldap.with_timeout(ANSWER_MAX).search(base, Scope::Subtree, filter, attributes).await;
    let found = found.and_then(ldap3::SearchResult::success);
    let (entries, _) = found.map_err(|error| away(&error))?;
    let entries = entries.into_iter().filter(|entry| !entry.is_ref()).take(ENTRIES_MAX);
    Ok(entries.map(SearchEntry::construct).collect())
}

/// Values of an attribute, whose name has no case.
fn attribute_of<'a>(entry: &'a SearchEntry, name: &str) -> Option<&'a Vec<String>> {
    let found = entry.attrs.iter().find(|(one, _)| one.eq_ignore_ascii_case(name));
    found.map(|(_, values)| values)
}

/// A distinguished name as it is compared: without case, and without blanks around its parts.
fn plain(dn: &str) -> String {
    let parts = dn.split(',').map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        format!("{}={}", name.trim().to_lowercase(), value.trim().to_lowercase())
    });
    parts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::{plain, roots, target};

    #[test]
    fn passwords_go_over_tls_or_stay_on_this_machine() {
        assert_eq!(target("ldaps://a.example").ok(), Some(false));
        assert_eq!(target("ldap://a.example:389").ok(), Some(true));
        assert_eq!(target("ldap://127.0.0.1:1389").ok(), Some(false));
        // A name may be pointed elsewhere.
        assert_eq!(target("ldap://localhost").ok(), Some(true));
        for bad in ["http://a.example", "a.example", "ldaps://", ""] {
            assert!(target(bad).is_err(), "{bad}");
        }
        assert!(roots("no PEM").is_err());
    }

    #[test]
    fn distinguished_names_have_no_case_and_no_blanks_between() {
        assert_eq!(plain("CN=Security, OU=Groups,DC=x"), plain("cn=security,ou=groups,dc=X"));
        assert_ne!(plain("cn=a,dc=x"), plain("cn=ab,dc=x"));
    }
}
