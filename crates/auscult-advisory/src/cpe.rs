//! CPE names as advisories use them (NISTIR 7695), reduced to what matching needs.

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
        let (attributes, target_at) = if let Some(body) = text.strip_prefix("cpe:2.3:") {
            (split(body), 8)
        } else {
            (text.strip_prefix("cpe:/")?.split(':').map(percent).collect(), usize::MAX)
        };
        let at = |index: usize| {
            attributes.get(index).filter(|v| !v.is_empty()).cloned().unwrap_or_else(|| "*".into())
        };
        let part = at(0).chars().next().filter(|part| matches!(part, 'a' | 'o' | 'h'))?;
        let (vendor, product) = (at(1), at(2));
        if !concrete(&vendor) || !concrete(&product) {
            return None;
        }
        let target = at(target_at);
        let target = if concrete(&target) { unescape(&target) } else { String::new() };
        Some(Self {
            part,
            vendor: unescape(&vendor),
            product: unescape(&product),
            version: keep_wildcard(&at(3)),
            update: keep_wildcard(&at(4)),
            target,
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

fn keep_wildcard(value: &str) -> String {
    if matches!(value, "*" | "-") { value.to_owned() } else { unescape(value) }
}

fn unescape(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        let next = if character == '\\' { characters.next() } else { Some(character) };
        plain.extend(next.map(|c| c.to_ascii_lowercase()));
    }
    plain
}

fn split(body: &str) -> Vec<String> {
    let (mut attributes, mut current, mut escaped) = (Vec::new(), String::new(), false);
    for character in body.chars() {
        if character == ':' && !escaped {
            attributes.push(std::mem::take(&mut current));
            continue;
        }
        escaped = character == '\\' && !escaped;
        current.push(character);
    }
    attributes.push(current);
    attributes
}

/// Decodes `%2f` of the URI binding; the result is escaped as a formatted string would be.
fn percent(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        let hex = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        if byte == b'%' {
            if let (Some(high), Some(low)) = (hex(bytes.next()), hex(bytes.next())) {
                decoded.push(b'\\');
                decoded.extend(u8::try_from(high * 16 + low));
            }
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
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
