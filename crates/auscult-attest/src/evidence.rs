//! Evidence: what was measured of a device, by what, how and when.

use auscult_dsse::{Envelope, PAYLOAD_TYPE, SigningKey, Statement, Subject};
use auscult_model::{Known, Sha256, ToolIdentity};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Behaviour, Error, FileSystem, ImageSeen, Region, Result, reference::check_paths};

/// Predicate type of evidence.
pub const EVIDENCE_TYPE: &str = "urn:auscult:device-evidence/v1";

/// How far a measurement can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    /// From the network only.
    A0,
    /// Under the device's own kernel: a lying kernel defeats it.
    A1,
    /// Offline: an image, or the storage read by another system.
    A2,
    /// As A1, with a quote of the device's security chip.
    A3,
    /// Both A2 and A3.
    A4,
}

impl std::str::FromStr for Level {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Ok(match text {
            "A0" => Self::A0,
            "A1" => Self::A1,
            "A2" => Self::A2,
            "A3" => Self::A3,
            "A4" => Self::A4,
            _ => return Err("an assurance level is one of A0, A1, A2, A3, A4"),
        })
    }
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// A directory that holds a root file system.
    Directory,
    /// The root of a running device.
    Live,
    /// A whole image: a dump, a disk, an update.
    Image,
}

/// What measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasuringTool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Digest of its own executable.
    pub sha256: Known<Sha256>,
}

/// A verifier's challenge: evidence that answers it was not taken before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Challenge {
    /// Always `auscult-challenge/1`.
    pub schema: String,
    /// 32 random bytes.
    pub nonce: Sha256,
    /// What the challenge is for: a work order, a case.
    #[serde(default)]
    pub session: Option<String>,
    /// The device that is asked, by its serial number.
    #[serde(default)]
    pub device: Option<String>,
    /// When the answer comes too late.
    pub expires: Timestamp,
}

impl Challenge {
    /// The form's name.
    pub const SCHEMA: &'static str = "auscult-challenge/1";

    /// Reads a challenge.
    pub fn read(text: &[u8]) -> Result<Self> {
        let malformed = |why: String| Error::Malformed { what: "challenge", why };
        let read: Self =
            serde_json::from_slice(text).map_err(|error| malformed(error.to_string()))?;
        if read.schema != Self::SCHEMA {
            return Err(malformed(format!("it is no {}", Self::SCHEMA)));
        }
        Ok(read)
    }
}

/// The challenge that evidence answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengeSeen {
    /// Its nonce.
    pub nonce: Sha256,
    /// What it is for.
    pub session: Option<String>,
    /// The device that was asked.
    pub device: Option<String>,
}

impl From<&Challenge> for ChallengeSeen {
    fn from(challenge: &Challenge) -> Self {
        Self {
            nonce: challenge.nonce,
            session: challenge.session.clone(),
            device: challenge.device.clone(),
        }
    }
}

/// Everything measured of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What was measured.
    pub scope: Scope,
    /// How far it can be trusted.
    pub level: Level,
    /// What measured.
    pub tool: MeasuringTool,
    /// When, by the clock of the machine that measured.
    pub taken: Timestamp,
    /// The challenge that it answers.
    pub challenge: Option<ChallengeSeen>,
    /// The boot of the machine that measured, as Linux names it.
    pub boot_id: Option<String>,
    /// The key that signs it; none where it was taken without one.
    pub signer: Option<String>,
    /// The image, where all of it was measured.
    pub image: Option<ImageSeen>,
    /// Its parts.
    #[serde(default)]
    pub regions: Vec<Region>,
    /// What lies in its file systems; one for a directory.
    pub file_systems: Vec<FileSystem>,
    /// What it does, where it was inspected.
    pub behaviour: Behaviour,
    /// What inspected it.
    pub inspected_by: Option<ToolIdentity>,
}

impl Evidence {
    /// The evidence in an envelope, signed where there is a key.
    pub fn seal(mut self, key: Option<&SigningKey>) -> Result<Envelope> {
        self.signer = key.map(|key| key.public().id());
        let write = |value: &Vec<FileSystem>| serde_json::to_vec(value);
        let digest = match &self.image {
            Some(image) => image.sha256,
            None => Sha256::of(&write(&self.file_systems).map_err(auscult_dsse::Error::Write)?),
        };
        let subject = vec![Subject::new("measured", digest)];
        let payload = Statement::new(EVIDENCE_TYPE, subject, self).write()?;
        Ok(match key {
            Some(key) => Envelope::sign(PAYLOAD_TYPE, &payload, key),
            None => Envelope::unsigned(PAYLOAD_TYPE, &payload),
        })
    }

    /// Reads the payload of an envelope.
    pub fn read(payload: &[u8]) -> Result<Self> {
        let evidence = Statement::<Self>::read(payload, EVIDENCE_TYPE)?.predicate;
        let malformed = |why: String| Error::Malformed { what: "evidence", why };
        check_paths(&evidence.file_systems).map_err(malformed)?;
        Ok(evidence)
    }
}
