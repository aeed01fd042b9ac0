//! SBOM documents: CycloneDX.
