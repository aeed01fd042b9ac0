//! Packet filters: rules as they are shipped, and what scripts set up.

use auscult_model::{FirewallRules, Known};

use super::{
    boot::Boot,
    files::{Files, Text},
    lines,
};

const UNTOLD: &str = "the rules do not tell what happens to other packets";

/// Where rules lie, by kind.
const PLACES: &[(&str, &str)] = &[
    ("iptables", "/etc/iptables/rules.v4"),
    ("iptables", "/etc/iptables.rules"),
    ("iptables", "/etc/iptables/iptables.rules"),
    ("iptables", "/etc/sysconfig/iptables"),
    ("iptables", "/var/lib/iptables/rules-save"),
    ("ip6tables", "/etc/iptables/rules.v6"),
    ("ip6tables", "/etc/ip6tables.rules"),
    ("ip6tables", "/etc/iptables/ip6tables.rules"),
    ("ip6tables", "/etc/sysconfig/ip6tables"),
    ("nftables", "/etc/nftables.conf"),
    ("nftables", "/etc/sysconfig/nftables.conf"),
    ("nftables", "/etc/nftables/*.nft"),
    ("nftables", "/etc/nftables.d/*.nft"),
    ("uci", "/etc/config/firewall"),
    ("iptables", "/etc/firewall.user"),
    ("ufw", "/etc/default/ufw"),
    ("firewalld", "/etc/firewalld/zones/*.xml"),
    ("firewalld", "/etc/firewalld/firewalld.conf"),
    ("shorewall", "/etc/shorewall/policy"),
];

/// The packet filters of a root.
pub(super) fn read(files: &Files<'_>, boot: &Boot) -> Known<Vec<FirewallRules>> {
    let mut found = Vec::new();
    for (kind, pattern) in PLACES {
        for path in files.matching(pattern) {
            let Some(text) = files.text(&path) else { continue };
            let mut table = None;
            let policy = text.lines().find_map(|line| {
                // Each table of iptables has a chain of this name; `filter` decides.
                if let Some(name) = line.text.trim().strip_prefix('*') {
                    table = Some(name.to_owned());
                }
                let filters = table.as_ref().is_none_or(|name| name == "filter");
                filters.then(|| policy(kind, &line.text)).flatten()
            });
            found.push(FirewallRules {
                kind: (*kind).to_owned(),
                input_policy: Known::from_option(policy, UNTOLD),
                locator: text.locator,
            });
        }
    }
    for script in boot.scripts.read.values().flatten() {
        found.extend(of_script(&script.text, &script.script.commands));
    }
    Known::Known(found)
}

/// What a script sets up with `iptables` and its sisters.
fn of_script(text: &Text, commands: &[super::shell::Command]) -> Vec<FirewallRules> {
    let mut found: Vec<FirewallRules> = Vec::new();
    for command in commands {
        let Some(first) = command.words.first() else { continue };
        let kind = match lines::file_name(first) {
            "iptables" => "iptables",
            "ip6tables" => "ip6tables",
            "nft" => "nftables",
            _ => continue,
        };
        let policy = policy(kind, &command.words.join(" "));
        match found.iter_mut().find(|known| known.kind == kind) {
            Some(known) => {
                if let (None, Some(policy)) = (known.input_policy.known(), policy) {
                    known.input_policy = Known::Known(policy);
                }
            }
            None => found.push(FirewallRules {
                kind: kind.to_owned(),
                input_policy: Known::from_option(policy, UNTOLD),
                locator: text.at(command.offset),
            }),
        }
    }
    found
}

/// What a line says of packets that come in and meet no rule.
fn policy(kind: &str, line: &str) -> Option<String> {
    let line = lines::uncommented(line);
    let words: Vec<&str> = line.split_whitespace().collect();
    let told = match (kind, words.as_slice()) {
        ("iptables" | "ip6tables", [":INPUT", policy, ..])
        | ("uci", ["option", "input", policy, ..]) => Some(*policy),
        ("iptables" | "ip6tables", _) => {
            let mut pairs = words.windows(2);
            let other_table =
                |pair: &[&str]| matches!(pair, ["-t" | "--table", table] if *table != "filter");
            if pairs.any(other_table) {
                return None;
            }
            let at =
                words.windows(2).position(|pair| matches!(pair, ["-P" | "--policy", "INPUT"]))?;
            words.get(at + 2).copied()
        }
        ("nftables", _) if line.contains("hook input") => {
            let (_, rest) = line.split_once("policy ")?;
            rest.split([';', ' ', '}']).next()
        }
        ("ufw", [only]) => only.strip_prefix("DEFAULT_INPUT_POLICY="),
        _ => None,
    };
    let told = told?.trim_matches(['"', '\'']).to_ascii_lowercase();
    matches!(told.as_str(), "accept" | "drop" | "reject").then_some(told)
}

#[cfg(test)]
mod tests {
    use super::policy;

    #[test]
    fn policies_are_told_in_each_notation() {
        for (kind, line, told) in [
            ("iptables", ":INPUT DROP [0:0]", Some("drop")),
            ("iptables", "iptables -t filter -P INPUT ACCEPT", Some("accept")),
            ("iptables", "iptables -t mangle -P INPUT ACCEPT", None),
            ("nftables", "type filter hook input priority 0; policy drop;", Some("drop")),
            ("uci", "\toption input\t\tREJECT", Some("reject")),
            ("ufw", "DEFAULT_INPUT_POLICY=\"DROP\"", Some("drop")),
            ("nftables", "type filter hook output priority 0; policy drop;", None),
            ("iptables", "-P", None),
            ("iptables", "# :INPUT DROP", None),
        ] {
            assert_eq!(policy(kind, line).as_deref(), told, "{line}");
        }
    }
}
