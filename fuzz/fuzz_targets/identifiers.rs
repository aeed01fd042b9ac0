//! Any text as a package URL, a CPE name, a CVSS vector: what is read is written so that it is read
//! again the same, and scores stay in their range.
#![no_main]

use auscult_model::{
    CpeName, CpeRelation, Purl,
    cvss::{CvssEnvironment, CvssVector},
};

/// Longest name whose URI, three bytes for a special character, is still read.
const NAME_BYTES: usize = 1000;

libfuzzer_sys::fuzz_target!(|text: &str| {
    for read in [Purl::canonical, Purl::parse] {
        if let Ok(purl) = read(text) {
            assert!(read(&purl.0).as_ref() == Ok(&purl) || purl.0.len() > 5000, "{purl:?}");
        }
    }
    for read in [CpeName::parse, CpeName::parse_tolerant] {
        let Ok(name) = read(text) else { continue };
        if text.len() < NAME_BYTES {
            assert_eq!(CpeName::parse(&name.formatted().0).as_ref(), Ok(&name));
            assert_eq!(CpeName::parse(&name.to_string()).as_ref(), Ok(&name));
            CpeName::parse(&name.uri()).expect("its own URI");
        }
        assert!(name.is_equal(&name));
    }
    let (one, other) = text.split_once('\n').unwrap_or((text, ""));
    if let (Ok(one), Ok(other)) = (CpeName::parse(one), CpeName::parse(other)) {
        let both = (one.relation(&other), other.relation(&one));
        assert_eq!(both.0 == CpeRelation::Equal, both.1 == CpeRelation::Equal, "{one} {other}");
    }
    if let Ok(vector) = CvssVector::parse(one) {
        assert_eq!(CvssVector::parse_strict(&vector.to_string()).as_ref(), Ok(&vector));
        let environment = other.parse::<CvssEnvironment>().unwrap_or_default();
        let scores = vector.in_environment(&environment).vector.scores();
        assert!(scores.overall() <= 100 && scores.base == vector.scores().base);
    }
});
