//! Package databases as text: dpkg and opkg `status`, apk `installed`.

use std::fmt::Write as _;

/// An installed package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Package<'a> {
    /// Binary package name.
    pub name: &'a str,
    /// Version as the distribution writes it.
    pub version: &'a str,
    /// Architecture, such as `armhf`.
    pub architecture: &'a str,
    /// Source package, where it has another name.
    pub source: Option<&'a str>,
    /// One line of description.
    pub description: &'a str,
    /// Licence expression; dpkg has no such field.
    pub licence: Option<&'a str>,
}

/// `/var/lib/dpkg/status` (Debian Policy, dpkg's `deb-control` fields).
pub fn dpkg_status(packages: &[Package<'_>]) -> String {
    let mut text = String::new();
    for package in packages {
        field(&mut text, "Package", package.name);
        field(&mut text, "Status", "install ok installed");
        field(&mut text, "Priority", "optional");
        field(&mut text, "Section", "misc");
        field(&mut text, "Maintainer", "Sample Maintainer <maintainer@example.invalid>");
        field(&mut text, "Architecture", package.architecture);
        if let Some(source) = package.source {
            field(&mut text, "Source", source);
        }
        field(&mut text, "Version", package.version);
        field(&mut text, "Description", package.description);
        text.push('\n');
    }
    text
}

/// `/usr/lib/opkg/status`, as OpenWrt's opkg writes it.
pub fn opkg_status(packages: &[Package<'_>]) -> String {
    let mut text = String::new();
    for package in packages {
        field(&mut text, "Package", package.name);
        field(&mut text, "Version", package.version);
        field(&mut text, "Status", "install user installed");
        field(&mut text, "Architecture", package.architecture);
        field(&mut text, "Installed-Time", "0");
        text.push('\n');
    }
    text
}

fn field(text: &mut String, name: &str, value: &str) {
    writeln!(text, "{name}: {value}").expect("memory takes every write");
}

/// `/lib/apk/db/installed` of apk 2, the letters of its index format.
pub fn apk_installed(packages: &[Package<'_>]) -> String {
    let mut text = String::new();
    for package in packages {
        let origin = package.source.unwrap_or(package.name);
        let licence = package.licence.unwrap_or("custom");
        for (letter, value) in [
            ('P', package.name),
            ('V', package.version),
            ('A', package.architecture),
            ('S', "0"),
            ('I', "0"),
            ('T', package.description),
            ('U', "https://example.invalid/"),
            ('L', licence),
            ('o', origin),
            ('t', "0"),
        ] {
            writeln!(text, "{letter}:{value}").expect("memory takes every write");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Package, apk_installed, dpkg_status, opkg_status};

    #[test]
    fn stanzas_end_with_an_empty_line() {
        let package = Package {
            name: "libssl1.0.0",
            version: "1.0.1e-2",
            architecture: "armhf",
            source: Some("openssl"),
            description: "SSL shared libraries",
            licence: Some("OpenSSL"),
        };
        let packages = [package.clone(), package];
        let dpkg = dpkg_status(&packages);
        assert_eq!(dpkg.matches("\n\n").count(), 2);
        assert!(dpkg.contains("\nSource: openssl\nVersion: 1.0.1e-2\n"));
        assert!(opkg_status(&packages).contains("\nStatus: install user installed\n"));
        assert!(apk_installed(&packages).starts_with("P:libssl1.0.0\nV:1.0.1e-2\nA:armhf\n"));
    }
}
