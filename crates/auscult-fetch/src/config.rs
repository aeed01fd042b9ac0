//! `feeds.toml`: which feeds, from where, and how patiently.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use serde::Deserialize;

use crate::{Error, Result, feeds};

/// A key or password, which never shows in a message.
#[derive(Clone, Default, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// What the user says about feeds; everything has a usual value.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Proxy, `http://[user:password@]host:port`; else from `HTTPS_PROXY` and its kin.
    pub proxy: Option<Secret>,
    /// File with the certificates (PEM) of the authorities to trust, instead of the built-in ones.
    pub ca_file: Option<PathBuf>,
    /// How patiently.
    pub transfer: Transfer,
    /// Beginnings of addresses that are replaced, for mirrors: the longest one that fits.
    pub rewrite: BTreeMap<String, String>,
    /// Per feed, by its name.
    pub feeds: BTreeMap<String, FeedConfig>,
}

/// How patiently a file is fetched.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Transfer {
    /// Feeds fetched at once.
    pub threads: usize,
    /// Times that a request is made before it counts as failed.
    pub attempts: u32,
    /// Wait before the second attempt, in milliseconds; it doubles each time.
    pub first_wait_ms: u64,
    /// Longest wait, also if the server asks for more, in seconds.
    pub longest_wait_s: u64,
    /// Wait for a connection, in seconds.
    pub connect_s: u64,
    /// Wait for the beginning of an answer, in seconds.
    pub answer_s: u64,
    /// In this time, in seconds …
    pub slow_s: u64,
    /// … so many bytes must come.
    pub slow_bytes: u64,
    /// Redirections followed.
    pub redirects: u32,
}

impl Default for Transfer {
    fn default() -> Self {
        Self {
            threads: 4,
            attempts: 5,
            first_wait_ms: 1000,
            longest_wait_s: 120,
            connect_s: 30,
            answer_s: 120,
            slow_s: 60,
            slow_bytes: 16 << 10,
            redirects: 8,
        }
    }
}

/// What the user says about one feed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeedConfig {
    /// Whether it is fetched.
    pub enabled: Option<bool>,
    /// Address of a mirror, instead of the official one.
    pub url: Option<String>,
    /// Key that the server asks for.
    pub api_key: Option<Secret>,
    /// Ecosystems, branches or providers, for feeds that consist of such.
    pub items: Option<Vec<String>>,
    /// Requests that the server allows.
    pub rate: Option<Rate>,
    /// Largest file taken, in bytes.
    pub size_limit: Option<u64>,
}

/// Requests that a server allows in a time.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Requests …
    pub requests: u32,
    /// … in so many seconds.
    pub seconds: u64,
}

impl Rate {
    pub(crate) fn window(self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

impl Config {
    /// Reads the text of `feeds.toml`. A name that means nothing is an error: it is a slip of the
    /// pen that would silently do nothing.
    pub fn parse(text: &str) -> Result<Self> {
        let config: Self =
            toml::from_str(text).map_err(|error| Error::Config(error.to_string()))?;
        for (name, feed) in &config.feeds {
            let Some(known) = feeds::find(name) else {
                return Err(Error::UnknownFeed(name.clone()));
            };
            if feed.items.is_some() && known.items.is_none() {
                return Err(Error::Config(format!("feeds.{name}: this feed has no items")));
            }
            let addresses = feed.url.iter();
            for url in addresses.chain(feed.items.iter().flatten().filter(|i| i.contains("://"))) {
                check_url(url)
                    .map_err(|reason| Error::Config(format!("feeds.{name}: {reason}")))?;
            }
        }
        for url in config.rewrite.values() {
            check_url(url).map_err(|reason| Error::Config(format!("rewrite: {reason}")))?;
        }
        if config.transfer.threads == 0 || config.transfer.attempts == 0 {
            let reason = "transfer: threads and attempts must be at least 1";
            return Err(Error::Config(reason.to_owned()));
        }
        Ok(config)
    }

    /// What is said about a feed.
    pub(crate) fn feed(&self, name: &str) -> FeedConfig {
        self.feeds.get(name).cloned().unwrap_or_default()
    }
}

fn check_url(url: &str) -> std::result::Result<(), String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') => Ok(()),
        _ => Err(format!("{url} is no address; it begins with https:// or http://")),
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn settings_are_read_and_slips_are_told() {
        let text = r#"
            proxy = "http://user:word@proxy:3128"
            [transfer]
            attempts = 2
            [rewrite]
            "https://github.com/" = "https://mirror.example/github/"
            [feeds.kev]
            url = "https://mirror.example/kev.json"
            [feeds.osv]
            items = ["Alpine"]
            [feeds.nvd-api]
            enabled = true
            api_key = "0000"
            rate = { requests = 50, seconds = 30 }
        "#;
        let config = Config::parse(text).unwrap();
        assert_eq!(config.transfer.attempts, 2);
        assert_eq!(config.transfer.threads, 4, "the rest is usual");
        assert!(!format!("{config:?}").contains("word"), "secrets do not show");
        assert!(!format!("{config:?}").contains("0000"), "secrets do not show");
        for wrong in [
            "[feeds.nosuch]\nenabled = true",
            "[feeds.kev]\nadress = \"https://x\"",
            "[feeds.kev]\nurl = \"ftp://x\"",
            "[feeds.kev]\nitems = [\"a\"]",
            "[transfer]\nattempts = 0",
            "[rewrite]\n\"https://a/\" = \"b\"",
        ] {
            assert!(Config::parse(wrong).is_err(), "{wrong}");
        }
    }
}
