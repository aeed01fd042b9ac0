//! Base scores as feeds give them: computed from a vector, or published as a number.

use auscult_model::cvss::CvssVector;

/// The base score in tenths, of any version of CVSS; `None` where the vector is incomplete or not
/// valid. All other scores: [`CvssVector::scores`].
pub fn base_score(vector: &str) -> Option<u8> {
    CvssVector::parse(vector).ok().map(|vector| vector.scores().base)
}

/// Reads a published score such as 9.8 into tenths.
pub(crate) fn published(score: f64) -> Option<u8> {
    let tenths = (score * 10.0).round();
    (0..=100_u8).find(|candidate| (f64::from(*candidate) - tenths).abs() < 0.5)
}
