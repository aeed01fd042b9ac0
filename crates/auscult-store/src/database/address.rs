//! The address of a database: `sqlite:PATH` or `postgres://…`.

use std::{path::PathBuf, str::FromStr as _};

use sqlx::postgres::PgConnectOptions;

use crate::{Error, Result};

/// Where a database is.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

impl Address {
    /// Reads an address. A path is taken as it stands, without any escapes.
    pub(crate) fn parse(url: &str) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.starts_with(":memory:") {
                return Err(invalid(url, "it names no file"));
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let options = PgConnectOptions::from_str(url)
                .map_err(|error| invalid(url, &format!("it cannot be read ({error})")))?;
            return Ok(Self::Postgres(Box::new(options)));
        }
        Err(invalid(url, "it names neither kind of database"))
    }
}

fn invalid(url: &str, why: &str) -> Error {
    Error::Address { url: shown(url), why: why.to_owned() }
}

/// The address without its password, for messages and logs.
pub(crate) fn shown(url: &str) -> String {
    let url = without_password_option(url);
    let Some((scheme, rest)) = url.split_once("://") else { return url };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let Some((user, host)) = authority.rsplit_once('@') else { return url };
    let user = user.split_once(':').map_or(user, |(user, _)| user);
    format!("{scheme}://{user}@{host}{path}")
}

/// Drops `password=…`, which is allowed among the options, too.
fn without_password_option(url: &str) -> String {
    let Some((head, options)) = url.split_once('?') else { return url.to_owned() };
    let kept = options.split('&').filter(|option| !option.starts_with("password="));
    let kept: Vec<&str> = kept.collect();
    if kept.is_empty() { head.to_owned() } else { format!("{head}?{}", kept.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::{Address, shown};

    #[test]
    fn paths_are_taken_as_they_stand() {
        for (url, path) in [
            ("sqlite:fleet.db", "fleet.db"),
            ("sqlite:/var/lib/a b?.db", "/var/lib/a b?.db"),
            ("sqlite:///var/lib/fleet.db", "/var/lib/fleet.db"),
        ] {
            let Ok(Address::Sqlite(found)) = Address::parse(url) else { panic!("{url}") };
            assert_eq!(found.to_str().unwrap(), path);
        }
    }

    #[test]
    fn what_names_no_database_is_refused_without_its_password() {
        for url in ["", "fleet.db", "sqlite:", "sqlite::memory:", "mysql://u:secret@h/d"] {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(error.starts_with("open the database"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        assert_eq!(shown("postgres://u:secret@h:1/d?a=b"), "postgres://u@h:1/d?a=b");
        assert_eq!(shown("postgres:///d?host=/run&password=secret"), "postgres:///d?host=/run");
    }
}
