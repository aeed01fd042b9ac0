//! The table of programs that listen, and what their configuration files say.

use std::sync::LazyLock;

use auscult_model::{Locator, Transport};
use serde::Deserialize;

use super::ports::{self, Names, Place};
use crate::operation::{
    files::{Files, Text},
    lines,
};

/// Lines of one configuration that set ports.
const PLACES_MAX: usize = 256;

/// A program of the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Program {
    pub(super) names: Vec<String>,
    #[serde(default)]
    pub(super) paths: Vec<String>,
    listens: Vec<String>,
    #[serde(default)]
    also: Vec<String>,
    pub(super) address: Option<String>,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    port_files: Vec<String>,
    #[serde(default)]
    ports: Vec<String>,
    #[serde(default)]
    addresses: Vec<String>,
    #[serde(default)]
    both: Vec<String>,
    #[serde(default)]
    port_options: Vec<String>,
    #[serde(default)]
    address_options: Vec<String>,
    #[serde(default)]
    pub(super) needs: Vec<String>,
    #[serde(default)]
    pub(super) applet_needs: Vec<String>,
    /// Where the default is written down.
    #[cfg_attr(not(test), expect(dead_code, reason = "it is for the reader of the table"))]
    source: String,
}

#[derive(Deserialize)]
struct Table {
    program: Vec<Program>,
}

/// The programs; the table is a part of the program and its test reads it.
pub(super) static PROGRAMS: LazyLock<Vec<Program>> = LazyLock::new(|| {
    toml::from_str(include_str!("programs.toml"))
        .map(|table: Table| table.program)
        .unwrap_or_default()
});

/// What a setting says, and where.
pub(super) type Told = Vec<(Place, Locator)>;

impl Program {
    /// What it listens on unless it is told otherwise.
    pub(super) fn defaults(&self) -> Vec<(Transport, u16)> {
        self.listens.iter().filter_map(|text| transport_and_port(text)).collect()
    }

    /// What it listens on whatever it is told.
    pub(super) fn always(&self) -> Vec<(Transport, u16)> {
        self.also.iter().filter_map(|text| transport_and_port(text)).collect()
    }

    /// What its configuration in this root says.
    pub(super) fn configured(&self, files: &Files<'_>, names: &Names) -> Told {
        let mut told = Told::new();
        let whole = self.files.iter().map(|pattern| (pattern, true));
        for (pattern, whole) in whole.chain(self.port_files.iter().map(|pattern| (pattern, false)))
        {
            for path in files.matching(pattern) {
                if let Some(text) = files.text(&path) {
                    self.read(&text, whole, names, &mut told);
                }
            }
        }
        told.truncate(PLACES_MAX);
        told
    }

    fn read(&self, text: &Text, whole: bool, names: &Names, told: &mut Told) {
        let (mut found, mut addresses) = (Told::new(), Vec::new());
        for line in text.lines() {
            let Some((key, value)) = setting(&line.text) else { continue };
            let is = |keys: &[String]| keys.iter().any(|known| known.eq_ignore_ascii_case(key));
            let place = text.at(line.offset);
            let values = value.split([' ', '\t', ',']).map(|one| one.trim_matches(['"', '\'']));
            if is(&self.ports) {
                let ports = values.filter_map(|value| names.port(value));
                found.extend(
                    ports.map(|port| {
                        (Place { port: Some(port), ..Place::default() }, place.clone())
                    }),
                );
            } else if whole && is(&self.addresses) {
                addresses.extend(values.filter_map(ports::place).map(|at| (at, place.clone())));
            } else if whole && is(&self.both) {
                both(value, &place, &mut found);
            }
        }
        told.extend(joined(found, addresses));
    }

    /// What a command line says.
    pub(super) fn commanded(&self, arguments: &[String]) -> Vec<Place> {
        let mut found = Vec::new();
        let mut address = None;
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let value = |options: &[String]| {
                options.iter().find_map(|option| {
                    if word == option {
                        return words.clone().next().cloned();
                    }
                    let rest = word.strip_prefix(option.as_str())?;
                    let long = option.starts_with("--");
                    let rest = if long { rest.strip_prefix('=')? } else { rest };
                    (long || rest.starts_with(|c: char| c.is_ascii_digit()))
                        .then(|| rest.to_owned())
                })
            };
            let is_port = value(&self.port_options);
            let is_address = value(&self.address_options);
            if let Some(place) = is_port.as_deref().and_then(ports::place) {
                found.extend(Some(place).filter(|place| place.port.is_some()));
            } else if let Some(text) = is_address {
                address = Some(text);
            }
        }
        for place in &mut found {
            if place.address.is_none() {
                place.address.clone_from(&address);
            }
        }
        if found.is_empty() && address.is_some() {
            found.push(Place { address, ..Place::default() });
        }
        found
    }
}

fn transport_and_port(text: &str) -> Option<(Transport, u16)> {
    let (transport, port) = text.split_once('/')?;
    let transport = if transport == "tcp" { Transport::Tcp } else { Transport::Udp };
    Some((transport, port.parse().ok()?))
}

/// Values that are a port, an address with a port, or a port and then an address.
fn both(value: &str, locator: &Locator, found: &mut Told) {
    let values: Vec<&str> = value.split([' ', '\t', ',']).filter(|one| !one.is_empty()).collect();
    let port_first = values.first().is_some_and(|first| first.parse::<u16>().is_ok());
    if let (true, [port, address]) = (port_first, values.as_slice())
        && address.contains(['.', ':'])
        && let Some(place) = ports::place(&format!("[{address}]:{port}"))
    {
        found.push((place, locator.clone()));
        return;
    }
    for value in values {
        let Some(place) = ports::place(value) else { continue };
        // A word without a port is an option, such as `ssl`, unless it looks like an address.
        let address = place.address.as_ref().is_some_and(|text| text.contains(['.', ':']));
        if place.port.is_some() || address {
            found.push((place, locator.clone()));
        }
    }
}

/// Ports and addresses that are told apart belong together: each port on each address.
fn joined(found: Told, addresses: Told) -> Told {
    if addresses.is_empty() {
        return found;
    }
    let bare: Vec<_> = found.iter().filter(|(place, _)| place.address.is_none()).collect();
    let mut all: Told =
        found.iter().filter(|(place, _)| place.address.is_some()).cloned().collect();
    for (place, locator) in addresses {
        if place.port.is_some() || bare.is_empty() {
            all.push((place, locator));
            continue;
        }
        for (port, locator) in bare.iter().take(16) {
            let place = Place { address: place.address.clone(), ..port.clone() };
            all.push((place, locator.clone()));
        }
    }
    all.truncate(PLACES_MAX);
    all
}

/// Key and value of `key value`, `key = value`, `key value;`, `option key 'value'`.
fn setting(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.starts_with(['#', ';', '<', '[', '/']) {
        return None;
    }
    let line = ["option ", "list ", "option\t", "list\t", "set "]
        .iter()
        .find_map(|word| line.strip_prefix(word))
        .unwrap_or(line)
        .trim();
    let line = lines::uncommented(line).trim_end_matches([';', '{', ' ']);
    let (key, value) = match line.split_once('=') {
        Some(pair) => pair,
        None => line.split_once([' ', '\t'])?,
    };
    let value = value.trim().trim_matches(['"', '\'']);
    Some((key.trim().trim_matches(['"', '\'']), value))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{PROGRAMS, Table, setting, transport_and_port};

    #[test]
    fn the_table_is_whole() {
        let table: Table = toml::from_str(include_str!("programs.toml")).unwrap();
        let mut names = BTreeSet::new();
        for program in &table.program {
            assert!(program.source.len() > 4, "{:?} tells no source", program.names);
            for listen in program.listens.iter().chain(&program.also) {
                assert!(transport_and_port(listen).is_some_and(|(_, port)| port > 0), "{listen}");
            }
            for name in &program.names {
                assert!(names.insert(name), "{name} stands twice");
            }
        }
        assert!(table.program.len() > 40);
    }

    #[test]
    fn settings_of_every_form_are_read() {
        for (line, key, value) in [
            ("Port 22", "Port", "22"),
            ("  listen 80;", "listen", "80"),
            ("server.port = 8080", "server.port", "8080"),
            ("\tlist listen_http '0.0.0.0:80'", "listen_http", "0.0.0.0:80"),
            ("\toption Port         '22'", "Port", "22"),
            ("smb ports = 445 139", "smb ports", "445 139"),
        ] {
            assert_eq!(setting(line), Some((key, value)), "{line}");
        }
        assert_eq!(setting("# Port 22"), None);
        assert_eq!(setting("Port"), None);
    }

    #[test]
    fn command_lines_tell_ports() {
        let told = |name: &str, line: &str| {
            let program = PROGRAMS.iter().find(|one| one.names.iter().any(|n| n == name)).unwrap();
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let places = program.commanded(&words).into_iter();
            places.map(|place| (place.address, place.port)).collect::<Vec<_>>()
        };
        assert_eq!(told("dropbear", "-F -p 192.168.1.1:2222 -p 22").len(), 2);
        assert_eq!(told("telnetd", "-l /bin/sh -b 127.0.0.1"), [(Some("127.0.0.1".into()), None)]);
        assert_eq!(told("dnsmasq", "--port=5353 -k"), [(None, Some(5353))]);
        assert_eq!(told("httpd", "-p80 -h /www"), [(None, Some(80))]);
        assert!(told("sshd", "-D -p").is_empty());
    }
}
