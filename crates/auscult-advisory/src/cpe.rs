//! CPE names as advisories use them (NISTIR 7695), reduced to what matching needs.

use auscult_model::{CpeAttribute, CpeName, CpeValue};

/// The attributes that matching looks at, unescaped and in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) part: char,
    pub(crate) vendor: String,
    pub(crate) product: String,
    pub(crate) version: String,
    pub(crate) update: String,
    pub(crate) target: String,
}

impl Name {
    /// Reads a formatted string (`cpe:2.3:…`) or a URI (`cpe:/…`). A vendor or product that is a
    /// wildcard or "not applicable" is refused: such a name stands for everything or nothing.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let name = CpeName::parse_tolerant(text).ok()?;
        let plain = |attribute| name.get(attribute).plain().filter(|value| concrete(value));
        let part = plain(CpeAttribute::Part)?.chars().next()?;
        Some(Self {
            part,
            vendor: plain(CpeAttribute::Vendor)?,
            product: plain(CpeAttribute::Product)?,
            version: said(name.get(CpeAttribute::Version)),
            update: said(name.get(CpeAttribute::Update)),
            target: plain(CpeAttribute::TargetSoftware).unwrap_or_default(),
        })
    }

    /// The key under which the product stands.
    pub(crate) fn key(&self) -> String {
        product_key(&self.vendor, &self.product)
    }

    /// The version with its update level, `None` where the version is left open. An update that
    /// is only a number is a build of the version, not one more number of it.
    pub(crate) fn full_version(&self) -> Option<String> {
        let concrete_version = concrete(&self.version) && !self.version.is_empty();
        concrete_version.then(|| {
            if !concrete(&self.update) {
                self.version.clone()
            } else if self.update.bytes().all(|byte| byte.is_ascii_digit()) {
                format!("{} build {}", self.version, self.update)
            } else {
                format!("{}-{}", self.version, self.update)
            }
        })
    }
}

/// Key of a product, after [`normalise`].
pub(crate) fn product_key(vendor: &str, product: &str) -> String {
    format!("c:{}:{}", normalise(vendor), normalise(product))
}

/// Brings the spellings of a name together: lower case, one underscore for blanks.
pub(crate) fn normalise(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join("_").to_lowercase()
}

fn concrete(value: &str) -> bool {
    !value.is_empty() && !value.bytes().all(|byte| matches!(byte, b'*' | b'?' | b'-'))
}

/// The plain text, or the sign of a logical value.
fn said(value: &CpeValue) -> String {
    match value {
        CpeValue::Any => "*".to_owned(),
        CpeValue::NotApplicable => "-".to_owned(),
        CpeValue::Text(_) => value.plain().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn names_are_unescaped_and_wildcards_refused() {
        let name = Name::parse(r"cpe:2.3:a:treck:tcp\/ip:6.0.1.66:*:*:*:*:*:*:*").unwrap();
        assert_eq!((name.vendor.as_str(), name.product.as_str()), ("treck", "tcp/ip"));
        assert_eq!(name.full_version().unwrap(), "6.0.1.66");
        let wago = Name::parse(r"cpe:2.3:o:wago:pfc_firmware:03.04.10\(16\):p2:*:*:*:*:*:*");
        assert_eq!(wago.unwrap().full_version().unwrap(), "03.04.10(16)-p2");
        let sdk = Name::parse(r"cpe:2.3:a:x:y\:z:-:*:*:*:*:node.js:*:*").unwrap();
        assert_eq!((sdk.product.as_str(), sdk.target.as_str()), ("y:z", "node.js"));
        assert_eq!(sdk.full_version(), None);
        for refused in ["cpe:2.3:a:pascom:*:*:*:*:*:*:*:*:*", "cpe:2.3:o:-:-:-:*:*:*:*:*:*:*", "x"]
        {
            assert_eq!(Name::parse(refused), None, "{refused}");
        }
        assert_eq!(Name::parse("cpe:/a:treck:tcp%2fip").unwrap().product, "tcp/ip");
    }
}
