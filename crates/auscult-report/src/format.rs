//! The formats of `-o`: which exist, and one way to make each.

use std::{collections::BTreeMap, io::Write, str::FromStr};

use auscult_model::{ComponentId, Support, SupportState};
use auscult_sbom::{WriteOptions, write_csaf_vex, write_cyclonedx, write_openvex};

use crate::{Error, ScanResult, TableOptions, csv, html, json, table, write_json};

/// An output that can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutputFormat {
    /// For people: terminal and log.
    Table,
    /// For programs: the published schema.
    Json,
    /// The inventory as CycloneDX 1.6 JSON.
    CycloneDx,
    /// What was found out about each finding, as OpenVEX 0.2.0.
    OpenVex,
    /// The same as CSAF 2.0, profile VEX.
    CsafVex,
    /// The findings for spreadsheets.
    Csv,
    /// One self-contained page.
    Html,
}

/// Formats that the command line names in its contract, but that do not exist yet.
const NOT_BUILT: [&str; 4] = ["cyclonedx-xml", "spdx", "spdx3", "sarif"];

/// A format that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnavailableFormat {
    /// It is planned, but this version does not make it.
    #[error("write the format {0:?}: this version does not make it yet")]
    NotBuilt(String),
    /// There is no such format.
    #[error("write the format {0:?}: there is no such format")]
    Unknown(String),
}

impl OutputFormat {
    /// Every format that can be made.
    pub const ALL: [Self; 7] = [
        Self::Table,
        Self::Json,
        Self::CycloneDx,
        Self::OpenVex,
        Self::CsafVex,
        Self::Csv,
        Self::Html,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::CycloneDx => "cyclonedx",
            Self::OpenVex => "openvex",
            Self::CsafVex => "csaf-vex",
            Self::Csv => "csv",
            Self::Html => "html",
        }
    }

    /// Writes the output, a long one while it is made; `options` serve the table alone.
    ///
    /// # Errors
    /// The result cannot be serialised or not be written, or the format needs what the result does
    /// not have.
    pub fn write(
        self,
        result: &ScanResult,
        options: &TableOptions,
        out: &mut (dyn Write + Send),
    ) -> Result<(), Error> {
        match self {
            Self::Json => write_json(result, out),
            other => out.write_all(&other.render(result, options)?).map_err(Error::Write),
        }
    }

    /// Makes the output; `options` serve the table alone.
    ///
    /// # Errors
    /// The result cannot be serialised, or the format needs what the result does not have.
    pub fn render(self, result: &ScanResult, options: &TableOptions) -> Result<Vec<u8>, Error> {
        Ok(match self {
            Self::Table => table(result, options).into_bytes(),
            Self::Json => json(result)?,
            Self::CycloneDx => write_cyclonedx(&result.facts, &sbom_options(result))?,
            Self::OpenVex => {
                write_openvex(&result.facts, &result.assessed()?.findings, result.as_of)?
            }
            Self::CsafVex => {
                write_csaf_vex(&result.facts, &result.assessed()?.findings, result.as_of)?
            }
            Self::Csv => csv(result)?.into_bytes(),
            Self::Html => html(result).into_bytes(),
        })
    }
}

/// What an inventory tells beside the facts.
fn sbom_options(result: &ScanResult) -> WriteOptions {
    let end = |one: &Support| match (one.state, one.date) {
        (_, Some(date)) => Some(date.to_string()),
        (SupportState::Ended, None) => Some("ended".to_owned()),
        (SupportState::Ends | SupportState::Supported, None) => None,
    };
    let ends = result.support().iter().filter_map(|one| Some((one.component.clone(), end(one)?)));
    let end_of_support: BTreeMap<ComponentId, String> = ends.collect();
    WriteOptions { end_of_support, ..WriteOptions::default() }
}

impl FromStr for OutputFormat {
    type Err = UnavailableFormat;

    fn from_str(name: &str) -> Result<Self, UnavailableFormat> {
        if let Some(format) = Self::ALL.into_iter().find(|format| format.name() == name) {
            return Ok(format);
        }
        let name_given = name.to_owned();
        Err(if NOT_BUILT.contains(&name) {
            UnavailableFormat::NotBuilt(name_given)
        } else {
            UnavailableFormat::Unknown(name_given)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{NOT_BUILT, OutputFormat, UnavailableFormat};

    #[test]
    fn every_name_of_the_contract_is_made_or_refused_by_name() {
        for format in OutputFormat::ALL {
            assert_eq!(format.name().parse(), Ok(format));
        }
        for name in NOT_BUILT {
            let expected = Err(UnavailableFormat::NotBuilt(name.to_owned()));
            assert_eq!(name.parse::<OutputFormat>(), expected);
        }
        let unknown = "pdf".parse::<OutputFormat>();
        assert_eq!(unknown, Err(UnavailableFormat::Unknown("pdf".to_owned())));
    }
}
