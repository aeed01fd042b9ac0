//! Every format by its name.

use auscult_report::{OutputFormat, TableOptions};

use crate::results;

#[test]
fn every_format_is_made_and_the_same_each_time() {
    for format in OutputFormat::ALL {
        for result in [results::ordinary(), results::hostile()] {
            let make = || format.render(&result, &TableOptions::default()).unwrap();
            let bytes = make();
            assert!(!bytes.is_empty() && bytes.ends_with(b"\n"), "{}", format.name());
            assert_eq!(bytes, make());
        }
    }
}
