//! CycloneDX: the JSON document written, its writer and its reader; the components of the XML form.

mod document;
mod read;
mod write;
mod xml;

pub use read::read_cyclonedx;
pub use write::{SPEC_VERSION_WRITTEN, WriteOptions, write_cyclonedx};
pub(crate) use xml::read_xml;

/// Keys of the identity facts that tell which product an SBOM describes.
mod subject {
    pub(super) const NAME: &str = "sbom:name";
    pub(super) const VERSION: &str = "sbom:version";
    pub(super) const KIND: &str = "sbom:type";
    pub(super) const PURL: &str = "sbom:purl";
    pub(super) const CPE: &str = "sbom:cpe";
    pub(super) const SUPPLIER: &str = "sbom:supplier";
}

/// Our own property names; a reader of this crate understands the same ones.
pub(crate) mod property {
    pub(super) const VERSION: &str = "auscult:version";
    pub(super) const VERSION_REASON: &str = "auscult:version:reason";
    pub(super) const VERSION_AT_LEAST: &str = "auscult:version:at-least";
    pub(super) const VERSION_BELOW: &str = "auscult:version:below";
    pub(super) const CPE: &str = "auscult:cpe";
    pub(super) const OCCURRENCES_OMITTED: &str = "auscult:occurrences-omitted";
    pub(super) const ORIGIN: &str = "auscult:origin";
    pub(crate) const PACKAGE_DATABASE: &str = "auscult:package:database";
    pub(crate) const PACKAGE_DISTRIBUTION: &str = "auscult:package:distribution";
    pub(crate) const PACKAGE_SOURCE: &str = "auscult:package:source";
    pub(crate) const PACKAGE_SOURCE_VERSION: &str = "auscult:package:source-version";
    pub(crate) const PACKAGE_ARCHITECTURE: &str = "auscult:package:architecture";
    pub(super) const RULE: &str = "auscult:rule";
    pub(super) const END_OF_SUPPORT: &str = "auscult:end-of-support";
}
