//! CPE 2.3 names (NISTIR 7695): the well-formed name and its three forms in text.
//!
//! [`CpeName`] is the meaning, [`Cpe`] the formatted string that documents carry. A URI and a
//! formatted string are bound and unbound as section 6 describes, with these liberties: letters
//! and digits beyond ASCII are literal; a special character that nobody escaped is taken for
//! itself where the form leaves no doubt; a lone escaped hyphen keeps its escape, since a bare one
//! means "not applicable".

use std::{fmt, str::FromStr};

use super::{
    Cpe, InvalidIdentifier,
    cpe_value::{self, CpeValue},
    invalid,
};

/// The attributes of a name, in the order of the formatted string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CpeAttribute {
    /// `a` application, `o` operating system, `h` hardware.
    Part,
    /// Who makes it.
    Vendor,
    /// What it is.
    Product,
    /// Its version.
    Version,
    /// Update, service pack, build.
    Update,
    /// Edition; deprecated since 2.3.
    Edition,
    /// Language of its user interface.
    Language,
    /// How it is tailored for a market.
    SoftwareEdition,
    /// The software it runs in or on.
    TargetSoftware,
    /// The processor it runs on.
    TargetHardware,
    /// Anything else.
    Other,
}

impl CpeAttribute {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Part,
        Self::Vendor,
        Self::Product,
        Self::Version,
        Self::Update,
        Self::Edition,
        Self::Language,
        Self::SoftwareEdition,
        Self::TargetSoftware,
        Self::TargetHardware,
        Self::Other,
    ];

    /// Its name in a well-formed name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Part => "part",
            Self::Vendor => "vendor",
            Self::Product => "product",
            Self::Version => "version",
            Self::Update => "update",
            Self::Edition => "edition",
            Self::Language => "language",
            Self::SoftwareEdition => "sw_edition",
            Self::TargetSoftware => "target_sw",
            Self::TargetHardware => "target_hw",
            Self::Other => "other",
        }
    }

    /// Its place in the arrays of [`CpeName`] and of a comparison.
    pub fn index(self) -> usize {
        self as usize
    }
}

/// A well-formed CPE name: eleven values; what is not said is [`CpeValue::Any`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CpeName {
    values: [CpeValue; 11],
}

/// Longest text that is read, in bytes.
const BYTES_MAX: usize = 4096;
const KIND: &str = "a CPE name";

impl CpeName {
    /// The value of an attribute.
    pub fn get(&self, attribute: CpeAttribute) -> &CpeValue {
        self.values.get(attribute.index()).unwrap_or(&CpeValue::Any)
    }

    /// The same name with another value. The part takes `a`, `o`, `h` and the logical values only.
    ///
    /// # Errors
    ///
    /// Where the value is not allowed there.
    pub fn with(
        mut self,
        attribute: CpeAttribute,
        value: CpeValue,
    ) -> Result<Self, InvalidIdentifier> {
        self.put(attribute, value)?;
        Ok(self)
    }

    fn put(&mut self, attribute: CpeAttribute, value: CpeValue) -> Result<(), InvalidIdentifier> {
        let value = if attribute == CpeAttribute::Part { value.lowered() } else { value };
        if let CpeValue::Text(text) = &value {
            let fits = attribute != CpeAttribute::Part || matches!(text.as_str(), "a" | "o" | "h");
            if !fits || !cpe_value::is_well_formed(text) {
                return Err(invalid(KIND, text));
            }
        }
        if let Some(slot) = self.values.get_mut(attribute.index()) {
            *slot = value;
        }
        Ok(())
    }

    /// Reads any of the three forms: `cpe:2.3:…`, `cpe:/…`, `wfn:[…]`.
    ///
    /// # Errors
    ///
    /// Where the text is none of them or a value is not well-formed.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentifier> {
        Self::read(text.trim(), false).ok_or_else(|| invalid(KIND, &cut(text)))
    }

    /// Reads any of the three forms as feeds hold them: attributes may be missing at the end of a
    /// formatted string or stand empty, and a wildcard in the middle of a value is a character.
    ///
    /// # Errors
    ///
    /// Where the text is none of the forms.
    pub fn parse_tolerant(text: &str) -> Result<Self, InvalidIdentifier> {
        Self::read(text.trim(), true).ok_or_else(|| invalid(KIND, &cut(text)))
    }

    fn read(text: &str, tolerant: bool) -> Option<Self> {
        if text.len() > BYTES_MAX {
            return None;
        }
        let starts = |prefix: &str| {
            let head = text.get(..prefix.len()).filter(|head| head.eq_ignore_ascii_case(prefix));
            head.and_then(|_| text.get(prefix.len()..))
        };
        if let Some(body) = starts("cpe:2.3:") {
            Self::from_formatted(body, tolerant)
        } else if let Some(body) = starts("cpe:/") {
            Self::from_uri(body, tolerant)
        } else {
            Self::from_well_formed(starts("wfn:[")?.strip_suffix(']')?)
        }
    }

    /// Section 6.2.3: what follows `cpe:2.3:`.
    fn from_formatted(body: &str, tolerant: bool) -> Option<Self> {
        let parts = super::split_unescaped(body);
        if parts.len() > CpeAttribute::ALL.len()
            || (parts.len() < CpeAttribute::ALL.len() && !tolerant)
        {
            return None;
        }
        let mut name = Self::default();
        for (attribute, part) in CpeAttribute::ALL.into_iter().zip(parts) {
            let value = match part {
                "*" => CpeValue::Any,
                "-" => CpeValue::NotApplicable,
                "" if tolerant => CpeValue::Any,
                "" => return None,
                text => CpeValue::Text(cpe_value::quote(text, tolerant)?),
            };
            name.put(attribute, value).ok()?;
        }
        Some(name)
    }

    /// Section 6.1.3: what follows `cpe:/`. The fifth component may pack five attributes.
    fn from_uri(body: &str, tolerant: bool) -> Option<Self> {
        const PACKED: [CpeAttribute; 5] = [
            CpeAttribute::Edition,
            CpeAttribute::SoftwareEdition,
            CpeAttribute::TargetSoftware,
            CpeAttribute::TargetHardware,
            CpeAttribute::Other,
        ];
        let components: Vec<&str> = body.split(':').collect();
        if components.len() > 7 {
            return None;
        }
        let mut name = Self::default();
        for (attribute, component) in CpeAttribute::ALL.into_iter().zip(components) {
            let packed =
                (attribute == CpeAttribute::Edition).then(|| component.strip_prefix('~')).flatten();
            let Some(packed) = packed else {
                name.put(attribute, cpe_value::from_uri(component, tolerant)?).ok()?;
                continue;
            };
            let parts: Vec<&str> = packed.split('~').collect();
            if parts.len() > PACKED.len() {
                return None;
            }
            for (attribute, part) in PACKED.into_iter().zip(parts) {
                name.put(attribute, cpe_value::from_uri(part, tolerant)?).ok()?;
            }
        }
        Some(name)
    }

    /// What stands between the brackets of `wfn:[…]` (section 5.2).
    fn from_well_formed(body: &str) -> Option<Self> {
        let mut name = Self::default();
        let mut seen = [false; 11];
        let mut rest = body.trim();
        while !rest.is_empty() {
            let (given, after) = rest.split_once('=')?;
            let attribute =
                CpeAttribute::ALL.into_iter().find(|known| known.name() == given.trim())?;
            let seen = seen.get_mut(attribute.index())?;
            if std::mem::replace(seen, true) {
                return None;
            }
            let (value, after) = cpe_value::take_well_formed(after.trim_start())?;
            name.put(attribute, value).ok()?;
            rest = match after.trim_start() {
                "" => "",
                more => {
                    more.strip_prefix(',').map(str::trim_start).filter(|more| !more.is_empty())?
                }
            };
        }
        Some(name)
    }

    /// Binds to a formatted string (section 6.2.2).
    pub fn formatted(&self) -> Cpe {
        let mut text = "cpe:2.3".to_owned();
        for value in &self.values {
            text.push(':');
            match value {
                CpeValue::Any => text.push('*'),
                CpeValue::NotApplicable => text.push('-'),
                CpeValue::Text(quoted) => cpe_value::bind_formatted(quoted, &mut text),
            }
        }
        Cpe(text)
    }

    /// Binds to a URI (section 6.1.2), which older documents carry; its letters are small.
    pub fn uri(&self) -> String {
        let bound: Vec<String> = self.values.iter().map(cpe_value::bind_uri).collect();
        let at = |attribute: CpeAttribute| bound.get(attribute.index()).map_or("", String::as_str);
        let extended = [
            CpeAttribute::SoftwareEdition,
            CpeAttribute::TargetSoftware,
            CpeAttribute::TargetHardware,
            CpeAttribute::Other,
        ];
        let mut edition = at(CpeAttribute::Edition).to_owned();
        if extended.into_iter().any(|attribute| !at(attribute).is_empty()) {
            let extended = extended.map(at).join("~");
            edition = format!("~{edition}~{extended}");
        }
        let text = format!(
            "cpe:/{}:{}:{}:{}:{}:{edition}:{}",
            at(CpeAttribute::Part),
            at(CpeAttribute::Vendor),
            at(CpeAttribute::Product),
            at(CpeAttribute::Version),
            at(CpeAttribute::Update),
            at(CpeAttribute::Language),
        );
        text.trim_end_matches(':').to_owned()
    }
}

impl fmt::Display for CpeName {
    /// The well-formed name itself: `wfn:[part="a", …, other=ANY]`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("wfn:[")?;
        for (attribute, value) in CpeAttribute::ALL.into_iter().zip(&self.values) {
            if attribute != CpeAttribute::Part {
                formatter.write_str(", ")?;
            }
            write!(formatter, "{}={value}", attribute.name())?;
        }
        formatter.write_str("]")
    }
}

impl FromStr for CpeName {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, InvalidIdentifier> {
        Self::parse(text)
    }
}

fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::{CpeAttribute, CpeName, CpeValue};

    #[test]
    fn the_forms_mean_the_same() {
        for (uri, formatted) in [
            ("cpe:/a:acme:app:1.0", "cpe:2.3:a:acme:app:1.0:*:*:*:*:*:*:*"),
            ("cpe:/a:treck:tcp%2fip", r"cpe:2.3:a:treck:tcp\/ip:*:*:*:*:*:*:*:*"),
            (
                "cpe:/a:hp:insight:7.4:-:~~online~win2003~x64~",
                "cpe:2.3:a:hp:insight:7.4:-:*:*:online:win2003:x64:*",
            ),
            ("cpe:/a:b:c:8.%02:sp%01%01:e:en", "cpe:2.3:a:b:c:8.*:sp??:e:en:*:*:*:*"),
            ("cpe:/a:b:c:%2d", r"cpe:2.3:a:b:c:\-:*:*:*:*:*:*:*"),
            ("cpe:/", "cpe:2.3:*:*:*:*:*:*:*:*:*:*:*"),
        ] {
            let name = CpeName::parse(uri).unwrap();
            assert_eq!(name.formatted().0, formatted);
            assert_eq!(name.uri(), uri);
            assert_eq!(CpeName::parse(formatted).unwrap(), name);
            assert_eq!(CpeName::parse(&name.to_string()).unwrap(), name);
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "cpe:",
            "cpe:/x:y:z",
            "cpe:2.3:a:b",
            "cpe:/a:b:c%0",
            "cpe:/a:b:12.%02.1234",
            "cpe:/a:b:c:d:e:~1~2~3~4~5~6",
            "cpe:2.3:a:b?c:*:*:*:*:*:*:*:*:*",
            "cpe:2.3:a:b:**:*:*:*:*:*:*:*:*",
            "cpe:2.3:a::c:*:*:*:*:*:*:*:*",
            r#"wfn:[part="a", part="a"]"#,
            r#"wfn:[part="a","#,
        ] {
            CpeName::parse(text).unwrap_err();
        }
        let short = CpeName::parse_tolerant("cpe:2.3:a:b:c:1.*.2").unwrap();
        assert_eq!(short.get(CpeAttribute::Version), &CpeValue::Text(r"1\.\*\.2".to_owned()));
        assert_eq!(short.get(CpeAttribute::Other), &CpeValue::Any);
        CpeName::parse_tolerant(&format!("cpe:2.3:a:{}", "b".repeat(5000))).unwrap_err();
    }
}
