//! Evidence locators: where in the image, through every container on the way.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::ByteName;

/// One container on the way to a place: at this offset of the enclosing bytes this format was
/// opened, and this member of it was entered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step {
    /// Offset of the container in the bytes that enclose it.
    pub offset: u64,
    /// Name of the format, such as `squashfs`; letters, digits, `-`, `.` and `_` only.
    pub format: String,
    /// The member entered; absent where the format holds exactly one payload, such as `gzip`.
    pub member: Option<ByteName>,
}

/// A place inside an image, as a chain that `auscult unpack IMAGE --cat LOCATOR` can print.
///
/// `image@0x800000/squashfs:/usr/sbin/hostapd@0x1f20` is byte 0x1f20 of the member
/// `/usr/sbin/hostapd` of the SquashFS at 0x800000. The grammar is
/// `image ( "@0x" HEX "/" FORMAT [ ":" MEMBER ] )* [ "@0x" HEX ]`, members escaped as
/// [`ByteName`] writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locator {
    /// The containers from the outside to the inside.
    pub steps: Vec<Step>,
    /// Offset in the innermost bytes, if a single place in them is meant.
    pub offset: Option<u64>,
}

impl Locator {
    /// The whole image.
    pub fn image() -> Self {
        Self::default()
    }

    /// The same bytes, at this offset.
    #[must_use]
    pub fn at(&self, offset: u64) -> Self {
        Self { steps: self.steps.clone(), offset: Some(offset) }
    }

    /// The container of this format at this offset of the present bytes.
    #[must_use]
    pub fn enter(&self, offset: u64, format: &str, member: Option<ByteName>) -> Self {
        let mut steps = self.steps.clone();
        steps.push(Step { offset, format: format.to_owned(), member });
        Self { steps, offset: None }
    }

    /// The member path of the innermost container, if it has one.
    pub fn path(&self) -> Option<&ByteName> {
        self.steps.last().and_then(|step| step.member.as_ref())
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("image")?;
        for step in &self.steps {
            write!(formatter, "@{:#x}/{}", step.offset, step.format)?;
            if let Some(member) = &step.member {
                write!(formatter, ":{member}")?;
            }
        }
        match self.offset {
            Some(offset) => write!(formatter, "@{offset:#x}"),
            None => Ok(()),
        }
    }
}

/// A text that is no locator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read the locator {text:?}: expected image[@0xOFFSET/FORMAT[:MEMBER]]…[@0xOFFSET]")]
pub struct InvalidLocator {
    /// The text given.
    pub text: String,
}

impl FromStr for Locator {
    type Err = InvalidLocator;

    fn from_str(text: &str) -> Result<Self, InvalidLocator> {
        parse(text).ok_or_else(|| InvalidLocator { text: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<Locator> {
    let mut parts = text.split('@');
    if parts.next()? != "image" {
        return None;
    }
    let mut locator = Locator::image();
    for part in parts {
        if locator.offset.is_some() {
            return None;
        }
        let (offset, container) = match part.split_once('/') {
            Some((offset, container)) => (offset, Some(container)),
            None => (part, None),
        };
        let offset = u64::from_str_radix(offset.strip_prefix("0x")?, 16).ok()?;
        let Some(container) = container else {
            locator.offset = Some(offset);
            continue;
        };
        let (format, member) = match container.split_once(':') {
            Some((format, member)) => (format, Some(ByteName::from_text(member)?)),
            None => (container, None),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if format.is_empty() || !format.chars().all(plain) {
            return None;
        }
        locator.steps.push(Step { offset, format: format.to_owned(), member });
    }
    Some(locator)
}

impl Serialize for Locator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Locator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Locator;

    #[test]
    fn chains_survive_a_round_trip() {
        for text in [
            "image",
            "image@0x1f20",
            "image@0x800000/squashfs:/usr/sbin/hostapd@0x1f20",
            "image@0x0/gzip@0x0/cpio:/lib/a%40b.so",
            "image@0x0/tar:x/y.gz@0x0/gzip",
        ] {
            assert_eq!(text.parse::<Locator>().unwrap().to_string(), text);
        }
        for text in
            ["", "img", "image@", "image@12", "image@0x1@0x2", "image@0x0/", "image@0x0/a b"]
        {
            assert!(text.parse::<Locator>().is_err(), "{text}");
        }
    }
}
