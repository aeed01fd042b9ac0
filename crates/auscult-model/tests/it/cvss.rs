//! Scores of CVSS against the vectors of other calculators.
