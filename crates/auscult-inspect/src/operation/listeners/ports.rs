//! Ports and addresses as configurations write them.

use std::collections::HashMap;

use auscult_model::Transport;

use crate::operation::{files::Files, lines};

/// Ports of services that devices offer, for roots without a table of their own (IANA).
const SERVICES: &[(&str, u16)] = &[
    ("echo", 7),
    ("discard", 9),
    ("daytime", 13),
    ("chargen", 19),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("time", 37),
    ("domain", 53),
    ("tftp", 69),
    ("finger", 79),
    ("http", 80),
    ("www", 80),
    ("pop3", 110),
    ("sunrpc", 111),
    ("auth", 113),
    ("ident", 113),
    ("ntp", 123),
    ("netbios-ns", 137),
    ("netbios-dgm", 138),
    ("netbios-ssn", 139),
    ("imap2", 143),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("https", 443),
    ("microsoft-ds", 445),
    ("exec", 512),
    ("login", 513),
    ("shell", 514),
    ("printer", 515),
    ("syslog", 514),
    ("ipp", 631),
    ("rsync", 873),
    ("swat", 901),
    ("imaps", 993),
    ("pop3s", 995),
    ("nfs", 2049),
    ("mysql", 3306),
    ("svn", 3690),
    ("postgresql", 5432),
    ("amanda", 10080),
    ("git", 9418),
];

/// Names of services to their ports.
pub(super) struct Names(HashMap<String, u16>);

impl Names {
    /// The table of the root, and the built-in one behind it.
    pub(super) fn of(files: &Files<'_>) -> Self {
        let mut names: HashMap<String, u16> =
            SERVICES.iter().map(|&(name, port)| (name.to_owned(), port)).collect();
        if let Some(text) = files.text("/etc/services") {
            for line in text.lines() {
                let line = lines::uncommented(&line.text);
                let mut words = line.split_whitespace();
                let (Some(name), Some(port)) = (words.next(), words.next()) else { continue };
                let port = port.split('/').next().and_then(|port| port.parse().ok());
                if let Some(port) = port {
                    names.insert(name.to_owned(), port);
                    names.extend(words.map(|alias| (alias.to_owned(), port)));
                }
            }
        }
        Self(names)
    }

    /// A port by number or name.
    pub(super) fn port(&self, text: &str) -> Option<u16> {
        let text = text.trim();
        text.parse().ok().or_else(|| self.0.get(text).copied())
    }
}

/// An address and a port, each as far as it is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) address: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) transport: Option<Transport>,
}

/// `80`, `1.2.3.4:80`, `[::]:80`, `:80`, `*:80`, `udp:161`, `udp:127.0.0.1:161`, `localhost`.
pub(super) fn place(text: &str) -> Option<Place> {
    let text = text.trim().trim_matches(['"', '\'']);
    // Redis: an address that may be missing.
    let text = text.strip_prefix('-').unwrap_or(text);
    let mut found = Place::default();
    let mut rest = text;
    for (name, transport) in [
        ("udp6:", Transport::Udp),
        ("tcp6:", Transport::Tcp),
        ("udp:", Transport::Udp),
        ("tcp:", Transport::Tcp),
    ] {
        if let Some(behind) = rest.strip_prefix(name) {
            (found.transport, rest) = (Some(transport), behind);
        }
    }
    if rest.is_empty() || rest.starts_with(['/', '$']) || rest.contains("unix") {
        return None;
    }
    let (address, port) = match (rest.strip_prefix('['), rest.rsplit_once(':')) {
        (Some(inside), _) => {
            let (address, behind) = inside.split_once(']')?;
            (address, behind.strip_prefix(':').unwrap_or_default())
        }
        // More than one colon without brackets: the address is IPv6 and there is no port.
        (None, Some((address, _))) if address.contains(':') => (rest, ""),
        (None, Some((address, port))) => (address, port),
        (None, None) if rest.bytes().all(|byte| byte.is_ascii_digit()) => ("", rest),
        (None, None) => (rest, ""),
    };
    if !port.is_empty() {
        found.port = Some(port.parse().ok()?);
    }
    let shaped =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-' | '_' | '%' | '*');
    if !address.is_empty() && address.chars().all(shaped) {
        found.address =
            Some(if address == "*" { "0.0.0.0".to_owned() } else { address.to_owned() });
    }
    (found.port.is_some() || found.address.is_some()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::{Place, place};

    #[test]
    fn places_are_read_as_they_are_written() {
        let told = |text: &str| {
            let Place { address, port, .. } = place(text)?;
            Some((address.unwrap_or_default(), port.unwrap_or_default()))
        };
        for (text, address, port) in [
            ("80", "", 80),
            ("0.0.0.0:80", "0.0.0.0", 80),
            ("[::]:443", "::", 443),
            ("[::1]", "::1", 0),
            ("::1", "::1", 0),
            (":8080", "", 8080),
            ("*:80", "0.0.0.0", 80),
            ("udp:161", "", 161),
            ("udp:127.0.0.1:161", "127.0.0.1", 161),
            ("localhost", "localhost", 0),
        ] {
            assert_eq!(told(text), Some((address.to_owned(), port)), "{text}");
        }
        for text in ["", ":", "/run/x", "unix:/run/x", "1:99999", "$port", "[", "\0"] {
            assert_eq!(told(text), None, "{text:?}");
        }
    }
}
