//! The U-Boot boot loader: its version banners and its environment.
//!
//! `U-Boot 2023.01 (Jan 09 2023 - 16:07:33 +0000)`, with ` SPL` for the first stage
//! (`include/version.h` of U-Boot). The version runs to the bracket and keeps what a distribution
//! adds. The environment (`env/common.c`) is a list of `name=value` strings, each with its NUL.

use std::collections::BTreeMap;

use auscult_model::{
    Component, ComponentKind, Cpe, Evidence, EvidenceClass, IdentityFact, Locator, Origin,
    Technique, Version, VersionClaim,
};

use crate::packages;

/// What a banner starts with.
pub(crate) const START: &str = "U-Boot ";
/// What tells an environment: a variable that every one has.
pub(crate) const ENVIRONMENT: &str = "bootcmd=";
/// Variables worth stating; the others are board glue.
const TELLING: &[&str] = &[
    "bootargs",
    "bootcmd",
    "bootdelay",
    "serverip",
    "ipaddr",
    "ethaddr",
    "mtdparts",
    "ver",
    "board",
    "baudrate",
    "stdin",
    "console",
];
/// An environment is a flash sector or two.
const ENVIRONMENT_BYTES_MAX: usize = 256 << 10;
const VALUE_BYTES_MAX: usize = 4096;

/// A version banner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Banner {
    pub(crate) text: String,
    pub(crate) version: String,
    /// Whether the boot loader itself holds it; its environment only repeats it as `ver=`.
    pub(crate) own: bool,
}

/// Reads the banner that begins at `offset`, if it is one.
pub(crate) fn banner(bytes: &[u8], offset: usize) -> Option<Banner> {
    let before = offset.checked_sub(1).and_then(|at| bytes.get(at)).copied();
    if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'/')) {
        return None;
    }
    let rest = bytes.get(offset..)?;
    let rest = rest.get(..256).unwrap_or(rest);
    let end = rest.iter().position(|byte| !(0x20..0x7f).contains(byte)).unwrap_or(rest.len());
    let text = std::str::from_utf8(rest.get(..end)?).ok()?;
    let tail = text.strip_prefix(START)?;
    let tail = tail.strip_prefix("SPL ").or_else(|| tail.strip_prefix("TPL ")).unwrap_or(tail);
    let (version, bracket) = tail.split_once(' ')?;
    let number = version.trim_start_matches('v');
    let dotted = number.starts_with(|c: char| c.is_ascii_digit()) && number.contains('.');
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+~".contains(c);
    if !dotted || !number.chars().all(plain) || !bracket.starts_with('(') {
        return None;
    }
    Some(Banner {
        text: text.trim_end().to_owned(),
        version: number.to_owned(),
        own: before != Some(b'='),
    })
}

/// The variables of the environment around `offset`, which is that of a variable's name.
pub(crate) fn environment(bytes: &[u8], offset: usize) -> BTreeMap<String, (usize, String)> {
    let floor = offset.saturating_sub(ENVIRONMENT_BYTES_MAX);
    let mut start = offset;
    while start > floor {
        let head = bytes.get(floor..start.saturating_sub(1)).unwrap_or_default();
        let from = head.iter().rposition(|&byte| byte == 0).map_or(floor, |at| floor + at + 1);
        let entry = bytes.get(from..start.saturating_sub(1)).unwrap_or_default();
        if variable(entry).is_none() {
            start = first_entry(entry).map_or(start, |skipped| from + skipped);
            break;
        }
        start = from;
    }
    let mut found = BTreeMap::new();
    let mut at = start;
    while let Some(rest) = bytes.get(at..).filter(|_| at - start < ENVIRONMENT_BYTES_MAX) {
        let Some(length) = rest.iter().take(VALUE_BYTES_MAX).position(|&byte| byte == 0) else {
            break;
        };
        let Some((name, value)) = variable(rest.get(..length).unwrap_or_default()) else { break };
        found.insert(name.to_owned(), (at, value.to_owned()));
        at += length + 1;
    }
    found
}

/// On flash a checksum of four bytes, and a flag byte where there are two copies, stand before the
/// first variable: tells how many bytes to skip.
fn first_entry(entry: &[u8]) -> Option<usize> {
    (1..=5).find(|&skipped| entry.get(skipped..).and_then(variable).is_some())
}

/// `name=value`, where the name is one word and the value printable.
fn variable(entry: &[u8]) -> Option<(&str, &str)> {
    let (name, value) = std::str::from_utf8(entry).ok()?.split_once('=')?;
    let word = |c: char| c.is_ascii_alphanumeric() || "_-.#$:@".contains(c);
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    let fits = !name.is_empty() && name.len() <= 64 && name.chars().all(word);
    (fits && !value.contains(control)).then_some((name, value))
}

/// Whether an environment looks like one of a boot loader, and not like a chance string.
pub(crate) fn is_environment(variables: &BTreeMap<String, (usize, String)>) -> bool {
    let known = ["bootdelay", "bootargs", "baudrate", "stdin", "loadaddr", "ipaddr", "serverip"];
    variables.contains_key("bootcmd") && known.iter().any(|name| variables.contains_key(*name))
}

/// The telling variables as statements of the image.
pub(crate) fn statements(
    locator: &Locator,
    variables: &BTreeMap<String, (usize, String)>,
) -> Vec<IdentityFact> {
    let telling = variables.iter().filter(|(name, _)| TELLING.contains(&name.as_str()));
    telling
        .map(|(name, (at, value))| IdentityFact {
            key: format!("u-boot-env:{name}"),
            value: value.clone(),
            locator: locator.at(u64::try_from(*at).unwrap_or(0)),
        })
        .collect()
}

/// The component that a banner stands for.
pub(crate) fn component(banner: &Banner, locator: Locator) -> Component {
    // Advisories name the release; `2023.01+dfsg-2` is Debian's package of it.
    let end = banner.version.find(['+', '~']).unwrap_or(banner.version.len());
    let upstream = banner.version.get(..end).unwrap_or(&banner.version);
    let version = Some(banner.version.as_str());
    Component {
        name: "u-boot".to_owned(),
        version: VersionClaim::Exact(Version(banner.version.clone())),
        kind: ComponentKind::Firmware,
        supplier: Some("DENX Software Engineering".to_owned()),
        purl: packages::build_purl("generic", None, "u-boot", version, &BTreeMap::new()),
        cpes: vec![Cpe::product('a', "denx", "u-boot").with_version(upstream)],
        origin: Origin::Structure,
        licences: Vec::new(),
        evidence: vec![Evidence {
            locator,
            technique: Technique::BinaryAnalysis,
            class: EvidenceClass::ContainsCode,
            confidence: 95,
            detail: banner.text.clone(),
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::{banner, environment, is_environment};

    #[test]
    fn banners_keep_the_whole_version() {
        for (text, expect) in [
            ("U-Boot 1.1.4 (Mar 25 2016 - 16:59:35)", Some("1.1.4")),
            ("U-Boot SPL 2023.01+dfsg-2+deb12u3 (Jan 01 2025)", Some("2023.01+dfsg-2+deb12u3")),
            ("U-Boot 2010.06-svn7 (May 10 2013)", Some("2010.06-svn7")),
            ("U-Boot %s (date)", None),
            ("U-Boot 2023.01 without a date", None),
            ("U-Boot image header", None),
        ] {
            let found = banner(format!("\0{text}\0").as_bytes(), 1);
            assert_eq!(found.map(|found| found.version).as_deref(), expect, "{text}");
        }
        assert!(!banner(b"ver=U-Boot 1.1.3 (Jan 1)\0", 4).unwrap().own);
        assert_eq!(banner(b"Das U-Boot 1.1.3 (Jan 1)\0", 2), None);
    }

    #[test]
    fn environments_are_read_both_ways() {
        let bytes = b"\x12\xf4\x56\x88bootdelay=3\0bootcmd=run a; bootm\0ipaddr=10.0.0.1\0\0\xff";
        let at = bytes.windows(8).position(|window| window == b"bootcmd=").unwrap();
        let found = environment(bytes, at);
        let names: Vec<_> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["bootcmd", "bootdelay", "ipaddr"]);
        assert!(is_environment(&found));
        assert_eq!(found["bootdelay"].1, "3");
    }
}
