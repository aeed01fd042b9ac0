//! The reference manifest: what a build of a device is, byte by byte and file by file.

use std::collections::BTreeMap;

use auscult_dsse::{Envelope, PAYLOAD_TYPE, Statement, Subject};
use auscult_measure::{Entry, Unmeasured};
use auscult_model::{ByteName, ComponentId, Facts, Locator, Sha256, ToolIdentity, component_ids};
use serde::{Deserialize, Serialize};

use crate::{Behaviour, Classes, Error, Result, Survey};

/// Predicate type of a reference.
pub const REFERENCE_TYPE: &str = "urn:auscult:device-reference/v1";

/// What a build is called. What the maker does not say stays open; nothing is guessed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The maker.
    pub vendor: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// Hardware revisions that the build is for.
    #[serde(default)]
    pub hardware_revisions: Vec<String>,
    /// The firmware's version.
    pub firmware_version: Option<String>,
    /// The build; the digest of the image where the maker gives none.
    pub build_id: String,
    /// Security version number: a build with a lower one than another of the same model must not
    /// come back.
    pub svn: Option<u64>,
    /// Builds that this one replaces.
    #[serde(default)]
    pub supersedes: Vec<String>,
}

/// An image, by its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSeen {
    /// Digest of all bytes.
    pub sha256: Sha256,
    /// Their number.
    pub size: u64,
}

/// The facts that belong to a reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactsSeen {
    /// Digest of their canonical bytes.
    pub sha256: Sha256,
    /// What made them; facts of another tool are not comparable.
    pub tool: ToolIdentity,
}

/// How a part of the image is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegionClass {
    /// Its bytes are those of the reference.
    Exact,
    /// Nothing is stored there: all bytes have the value of erased memory or padding.
    MustBeErased,
    /// It differs from unit to unit: calibration, addresses, keys.
    DeviceUnique,
    /// It is written in use.
    Data,
}

/// A part of the image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Region {
    /// Where it begins.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// What it is: a format, `raw`, `padding`.
    pub name: String,
    /// How it is compared.
    pub class: RegionClass,
    /// Digest of its bytes; none where it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
    /// The value of all its bytes, where they have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<u8>,
}

/// How much of the image is accounted for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionCoverage {
    /// Size of the image.
    pub bytes_total: u64,
    /// Bytes that are compared one by one.
    pub bytes_exact: u64,
    /// Bytes that must be erased.
    pub bytes_erased: u64,
    /// Bytes that may be anything: data, unique to a unit.
    pub bytes_free: u64,
    /// Bytes of which nothing is known.
    pub bytes_unaccounted: u64,
}

impl RegionCoverage {
    fn of(regions: &[Region], total: u64) -> Self {
        let mut coverage = Self { bytes_total: total, ..Self::default() };
        for region in regions {
            let count = match (region.class, region.sha256) {
                (RegionClass::MustBeErased, _) => &mut coverage.bytes_erased,
                (RegionClass::Exact, Some(_)) => &mut coverage.bytes_exact,
                (RegionClass::Exact, None) => &mut coverage.bytes_unaccounted,
                (RegionClass::DeviceUnique | RegionClass::Data, _) => &mut coverage.bytes_free,
            };
            *count = count.saturating_add(region.length);
        }
        coverage
    }

    /// Share that is compared or must be erased, in hundredths of a percent.
    pub fn basis_points(&self) -> u64 {
        let sure = u128::from(self.bytes_exact) + u128::from(self.bytes_erased);
        let points = (sure * 10_000).checked_div(u128::from(self.bytes_total)).unwrap_or(0);
        u64::try_from(points).unwrap_or(0)
    }
}

/// A file system with everything in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSystem {
    /// Where it is in the image; the image itself for a directory that was measured.
    pub locator: Locator,
    /// Its format.
    pub format: String,
    /// What is in it, by path.
    pub entries: Vec<Entry>,
    /// What could not be measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmeasured: Vec<Unmeasured>,
    /// Which component a path belongs to, by its reference in the SBOM.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub owners: BTreeMap<ByteName, ComponentId>,
}

/// A component of the build.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ComponentSeen {
    /// Its reference in the SBOM.
    pub reference: ComponentId,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Everything that a build must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// What it is called.
    pub identity: Identity,
    /// The image that it was made of.
    pub image: ImageSeen,
    /// The facts of that image.
    pub facts: FactsSeen,
    /// Parts of the image, in order and without a gap.
    pub regions: Vec<Region>,
    /// How much of the image they account for.
    pub coverage: RegionCoverage,
    /// The file systems.
    pub file_systems: Vec<FileSystem>,
    /// The components.
    pub components: Vec<ComponentSeen>,
    /// What may change in use.
    pub classes: Classes,
    /// Who may sign in, what starts and listens, what runs with its owner's rights.
    pub expected: Behaviour,
}

impl Reference {
    /// The reference of an image, from its facts and its survey.
    ///
    /// # Errors
    /// Where the facts cannot be written.
    pub fn make(
        mut identity: Identity,
        facts: &Facts,
        survey: Survey,
        classes: Classes,
    ) -> Result<Self> {
        let Survey { image, mut regions, mut file_systems } = survey;
        if identity.build_id.is_empty() {
            identity.build_id = format!("sha256:{}", image.sha256);
        }
        for region in &mut regions {
            if let Some(class) = classes.of_region(region.offset) {
                region.class = class;
            }
        }
        own(&mut file_systems, facts);
        let ids = component_ids(&facts.components);
        let components = facts.components.iter().zip(ids).map(|(component, reference)| {
            let (name, version) = (component.name.clone(), component.version.to_string());
            ComponentSeen { reference, name, version }
        });
        let digest = facts.digest().map_err(auscult_dsse::Error::Write)?;
        Ok(Self {
            identity,
            image,
            facts: FactsSeen { sha256: digest, tool: facts.tool.clone() },
            coverage: RegionCoverage::of(&regions, image.size),
            regions,
            file_systems,
            components: components.collect(),
            classes,
            expected: Behaviour::of(facts),
        })
    }

    /// The reference in an envelope that is not signed yet.
    pub fn seal(&self) -> Result<Envelope> {
        let subject = vec![Subject::new("image", self.image.sha256)];
        let payload = Statement::new(REFERENCE_TYPE, subject, self).write()?;
        Ok(Envelope::unsigned(PAYLOAD_TYPE, &payload))
    }

    /// Reads the payload of an envelope.
    pub fn read(payload: &[u8]) -> Result<Self> {
        let statement = Statement::<Self>::read(payload, REFERENCE_TYPE)?;
        let reference = statement.predicate;
        let malformed =
            |why: &str| Error::Malformed { what: "reference manifest", why: why.to_owned() };
        let [subject] = statement.subject.as_slice() else {
            return Err(malformed("it is not about one image"));
        };
        if subject.sha256() != reference.image.sha256 {
            return Err(malformed("its subject is not its image"));
        }
        let mut at = 0_u64;
        for region in &reference.regions {
            if region.offset != at {
                return Err(malformed("its regions leave gaps or overlap"));
            }
            at = at.checked_add(region.length).ok_or_else(|| malformed("a region has no end"))?;
        }
        if at != reference.image.size {
            return Err(malformed("its regions do not cover the image"));
        }
        check_paths(&reference.file_systems).map_err(|why| malformed(&why))?;
        Ok(reference)
    }
}

/// Paths are absolute and stand in order, once each: two entries for one path could each be the one
/// that is compared.
pub(crate) fn check_paths(file_systems: &[FileSystem]) -> std::result::Result<(), String> {
    for file_system in file_systems {
        let mut last: Option<&Entry> = None;
        for entry in &file_system.entries {
            if !entry.path.as_bytes().starts_with(b"/") {
                return Err(format!("the path {} is not absolute", entry.path));
            }
            if last.is_some_and(|last| last.path >= entry.path) {
                return Err(format!("the path {} is out of order, or there twice", entry.path));
            }
            last = Some(entry);
        }
    }
    Ok(())
}

/// Writes down whose each file is, as the facts tell.
fn own(file_systems: &mut [FileSystem], facts: &Facts) {
    for owned in &facts.owned {
        let Some((last, outer)) = owned.locator.steps.split_last() else { continue };
        let Some(path) = &last.member else { continue };
        let holds = |file_system: &&mut FileSystem| {
            file_system.locator.steps.split_last().is_some_and(|(step, around)| {
                around == outer && step.offset == last.offset && step.format == last.format
            })
        };
        if let Some(file_system) = file_systems.iter_mut().find(holds) {
            file_system.owners.insert(path.clone(), owned.component.clone());
        }
    }
}
