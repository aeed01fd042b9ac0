//! A first `device.toml` from what the image tells: what is seen is filled in with its reason, what
//! only people know stands there as a comment, so that it counts as unknown until somebody says it.

use std::{collections::BTreeSet, fmt::Write as _};

use auscult_model::{Facts, ListenerSource};

/// Interfaces by what shows them: components, kernel modules by the start of their names.
const INTERFACES: &[(&str, &[&str], &[&str])] = &[
    (
        "wifi",
        &["hostapd", "wpa_supplicant", "iw", "iwinfo"],
        &["cfg80211", "mac80211", "ath9k", "ath10k", "brcmfmac"],
    ),
    (
        "bluetooth",
        &["bluez", "bluedroid", "nimble", "softdevice"],
        &["bluetooth", "btusb", "hci_uart"],
    ),
    ("cellular", &["modemmanager", "libqmi", "libmbim"], &["qmi_wwan", "cdc_mbim", "option"]),
    ("can", &["can-utils", "libsocketcan"], &["can", "can_raw", "flexcan"]),
    ("usb", &["libusb", "usbutils"], &["usb_storage", "usbserial", "usbhid"]),
];
/// So many listeners are listed.
const LISTENERS_MAX: usize = 20;

/// The text of a proposed `device.toml`.
pub fn propose_context(facts: &Facts) -> String {
    let mut text = String::from(
        "# Proposed from the image; read it line by line. What is commented out is unknown, and an\n\
         # unknown fact takes the worst value wherever a decision needs it.\n\n",
    );
    names(facts, &mut text);
    text.push_str(
        "\n# Intended use, in the words of the label, and where the device is used: hospital, home, …\n\
         # intended-use = \"\"\n# clinical-setting = \"hospital\"\n# The device identifier part of the UDI.\n\
         # udi-di = \"\"\n",
    );
    interfaces(facts, &mut text);
    exposure(facts, &mut text);
    text.push_str(
        "\n# What its loss means for the hospital: degraded, mef-support-crippled, mef-failure, mission-failure.\n\
         # mission-impact = \"mef-failure\"\n\n# Patient records that it can hold at once.\n# phi-records = 0\n\n\
         # Whether it keeps its essential performance without a network.\n# safe-without-network = true\n\n\
         # Each function whose compromise can harm, with the worst harm (negligible, minor, serious, critical,\n\
         # catastrophic), from the risk management file.\n# [[functions]]\n# name = \"\"\n# severity = \"critical\"\n\
         # essential-performance = true\n# multi-patient-harm = false\n# components = []\n# source = \"\"\n",
    );
    controls(facts, &mut text);
    text
}

/// A value as TOML writes it, whatever the image holds.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for character in value.chars().take(200) {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            character if character.is_control() => text.push(' '),
            character => text.push(character),
        }
    }
    text.push('"');
    text
}

/// A remark, on one line.
fn remark(text: &mut String, remark: &str) {
    let line: String = remark.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    // Writing to a String cannot fail.
    _ = writeln!(text, "# {line}");
}

fn names(facts: &Facts, text: &mut String) {
    let statement = |keys: &[&str]| {
        let of = |key: &&str| facts.identities.iter().find(|one| one.key == **key);
        keys.iter().find_map(of)
    };
    for (key, from) in [
        (
            "model",
            &[
                "os-release:VARIANT",
                "openwrt:DISTRIB_TARGET",
                "uimage:name",
                "os-release:PRETTY_NAME",
            ][..],
        ),
        ("manufacturer", &["os-release:VENDOR_NAME", "os-release:NAME"][..]),
    ] {
        match statement(from) {
            Some(fact) => {
                remark(
                    text,
                    &format!(
                        "{} says so at {}; put the name of the product here.",
                        fact.key, fact.locator
                    ),
                );
                _ = writeln!(text, "# {key} = {}", quoted(&fact.value));
            }
            None => _ = writeln!(text, "# {key} = \"\""),
        }
    }
}

fn interfaces(facts: &Facts, text: &mut String) {
    let modules: BTreeSet<&str> =
        facts.kernel_modules().map(|module| module.name.as_str()).collect();
    let mut found = Vec::new();
    text.push_str(
        "\n# Interfaces, as far as software for them is in the image; add what the hardware has.\n",
    );
    for (interface, components, prefixes) in INTERFACES {
        let component = facts.components.iter().find(|one| components.contains(&one.name.as_str()));
        let module = modules.iter().find(|name| {
            prefixes
                .iter()
                .any(|prefix| *name == prefix || prefix.len() > 3 && name.starts_with(prefix))
        });
        let because = match (component, module) {
            (Some(component), _) => format!("{} is in it", component.name),
            (None, Some(module)) => format!("module {module} is in it"),
            (None, None) => continue,
        };
        remark(text, &format!("{interface}: {because}"));
        found.push(quoted(interface));
    }
    let comment = if found.is_empty() { "# " } else { "" };
    _ = writeln!(text, "{comment}interfaces = [{}]", found.join(", "));
}

fn exposure(facts: &Facts, text: &mut String) {
    text.push_str(
        "\n# How it can be reached over networks: small (isolated), controlled, open. What listens:\n",
    );
    let seen = facts.operation.listeners().filter(|one| one.is_started());
    let mut seen = seen.filter(|one| one.source != ListenerSource::Imports).peekable();
    if seen.peek().is_none() {
        let reason = facts.operation.roots.reason().unwrap_or("nothing was seen that listens");
        remark(text, &format!("  {reason}"));
    }
    for one in seen.take(LISTENERS_MAX) {
        let port = one.port.known().map_or_else(|| "port unknown".to_owned(), ToString::to_string);
        let address = one.address.known().map_or("address unknown", String::as_str);
        remark(text, &format!("  {} on {port}, {address} ({})", one.name, one.locator));
    }
    text.push_str("# exposure = \"open\"\n# publicly-exposed = false\n");
}

fn controls(facts: &Facts, text: &mut String) {
    text.push_str(
        "\n# Controls around the device; each counts while its check holds and until it expires.\n",
    );
    for root in facts.operation.roots() {
        for rules in root.firewall.known().into_iter().flatten() {
            let policy = rules.input_policy.known().map_or("unknown", String::as_str);
            remark(
                text,
                &format!(
                    "{} rules are shipped at {}, policy for what comes in: {policy}",
                    rules.kind, rules.locator
                ),
            );
        }
    }
    text.push_str(
        "# [[compensating-controls]]\n# name = \"\"\n# exposure = \"controlled\"\n# check = \"\"\n\
         # expires = 2027-01-01\n",
    );
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn nothing_of_an_image_ends_a_value() {
        assert_eq!(quoted("a\"b\\c\nd"), r#""a\"b\\c d""#);
        assert!(quoted(&"x".repeat(10_000)).len() < 300);
    }
}
