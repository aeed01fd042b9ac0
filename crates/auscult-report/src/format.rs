//! The formats of `-o`: which exist, and one way to make each.

use std::str::FromStr;

use auscult_sbom::{WriteOptions, write_cyclonedx};

use crate::{Error, ScanResult, TableOptions, csv, html, json, table};

/// An output that can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutputFormat {
    /// For people: terminal and log.
    Table,
    /// For programs: the published schema.
    Json,
    /// The inventory as CycloneDX 1.6 JSON.
    CycloneDx,
    /// The findings for spreadsheets.
    Csv,
    /// One self-contained page.
    Html,
}

/// Formats that the command line names in its contract, but that do not exist yet.
const NOT_BUILT: [&str; 6] = ["cyclonedx-xml", "spdx", "spdx3", "openvex", "csaf-vex", "sarif"];

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
    pub const ALL: [Self; 5] = [Self::Table, Self::Json, Self::CycloneDx, Self::Csv, Self::Html];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::CycloneDx => "cyclonedx",
            Self::Csv => "csv",
            Self::Html => "html",
        }
    }

    /// Makes the output; `options` serve the table alone.
    ///
    /// # Errors
    /// The result cannot be serialised, or the format needs what the result does not have.
    pub fn render(self, result: &ScanResult, options: &TableOptions) -> Result<Vec<u8>, Error> {
        Ok(match self {
            Self::Table => table(result, options).into_bytes(),
            Self::Json => json(result)?.into_bytes(),
            Self::CycloneDx => write_cyclonedx(&result.facts, &WriteOptions::default())?,
            Self::Csv => csv(result)?.into_bytes(),
            Self::Html => html(result).into_bytes(),
        })
    }
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
