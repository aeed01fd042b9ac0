//! Ids of what the store makes: UUIDs of version 7 (RFC 9562), so that their order is that of time.

use std::{fmt, str::FromStr};

use auscult_model::InvalidIdentifier;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::{NoContext, Uuid};

/// A new id, sorted by this time, to the millisecond.
pub(crate) fn new_uuid(now: Timestamp) -> Uuid {
    let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or_default();
    let nanoseconds = u32::try_from(milliseconds % 1000).unwrap_or_default() * 1_000_000;
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, milliseconds / 1000, nanoseconds))
}

macro_rules! identifier {
    ($name:ident, $kind:literal) => {
        #[doc = concat!("The id of ", $kind, "; its text form is that of a UUID.")]
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            pub(crate) fn new(now: Timestamp) -> Self {
                Self(new_uuid(now))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = InvalidIdentifier;

            fn from_str(text: &str) -> Result<Self, InvalidIdentifier> {
                let kind = concat!("the id of ", $kind);
                let invalid = || InvalidIdentifier { kind, text: text.to_owned() };
                Uuid::try_parse(text).map(Self).map_err(|_| invalid())
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidIdentifier;

            fn try_from(text: String) -> Result<Self, InvalidIdentifier> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

identifier!(OrganisationId, "an organisation");
identifier!(ProductId, "a product");
identifier!(BuildId, "a build");
identifier!(JobId, "a job");
identifier!(DeviceId, "a device");
identifier!(AccountId, "an account");
identifier!(ApiKeyId, "a key");
identifier!(EventId, "an event");
identifier!(RuleId, "a rule");

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::BuildId;

    #[test]
    fn ids_follow_time_and_read_back() {
        let at = |milliseconds| Timestamp::from_millisecond(milliseconds).unwrap();
        let (early, late) =
            (BuildId::new(at(1_764_201_600_123)), BuildId::new(at(1_764_201_600_124)));
        assert!(early < late);
        assert!(early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse::<BuildId>().unwrap(), early);
        assert!("build-1".parse::<BuildId>().is_err());
    }
}
