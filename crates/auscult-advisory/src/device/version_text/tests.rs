//! Tests of sentences about versions, those of real advisories first.

use auscult_version::{Bound, Scheme};
use proptest::prelude::*;

use super::VersionText;
use crate::record::Span;

/// The spans in a short form: `[1.0, 2.0)`, `=1.0`, `?`.
fn shown(text: &str) -> String {
    let show = |span: &Span| match span {
        Span::Exactly { version, .. } => format!("={version}"),
        Span::Unreadable(_) => "?".to_owned(),
        Span::Between { lower, upper } => {
            let lower = lower.as_ref().map_or("(".to_owned(), |bound| match bound {
                Bound::Inclusive(version) => format!("[{version}"),
                Bound::Exclusive(version) => format!("({version}"),
            });
            let upper = upper.as_ref().map_or(")".to_owned(), |bound| match bound {
                Bound::Inclusive(version) => format!("{version}]"),
                Bound::Exclusive(version) => format!("{version})"),
            });
            format!("{lower}, {upper}")
        }
    };
    VersionText::read(text).spans.iter().map(show).collect::<Vec<_>>().join(" ")
}

#[test]
fn sentences_are_read() {
    for (text, expected) in [
        ("Version 2.3.6 and below", "(, 2.3.6]"),
        ("2.3.6 and  below", "(, 2.3.6]"),
        ("2.3.6 (and below)", "(, 2.3.6]"),
        ("1.1.3 Build 10", "=1.1.3 Build 10"),
        ("1.1.3 MR Build 11", "=1.1.3 MR Build 11"),
        ("all versions prior to 3.2", "(, 3.2)"),
        ("All firmware versions before V3.2", "(, 3.2)"),
        ("versions 1.0 through 2.1", "[1.0, 2.1]"),
        ("1.0 - 2.1", "[1.0, 2.1]"),
        ("1.0 – 2.1", "[1.0, 2.1]"),
        ("from 1.0 to 2.1", "[1.0, 2.1]"),
        ("from 1.0 before 2.1", "[1.0, 2.1)"),
        ("1.0 prior to 2.1", "[1.0, 2.1)"),
        ("between 1.0 and 2.1", "[1.0, 2.1]"),
        ("R2021.1 and earlier", "(, 2021.1]"),
        ("v5.2 or later", "[5.2, )"),
        ("5.2 and all later versions", "[5.2, )"),
        ("5.2+", "[5.2, )"),
        ("up to 4.0", "(, 4.0]"),
        ("up to and including 4.0", "(, 4.0]"),
        ("up to but not including 4.0", "(, 4.0)"),
        ("later than 4.0", "(4.0, )"),
        ("earlier than 4.0", "(, 4.0)"),
        ("<= 2.0.14.0", "(, 2.0.14.0]"),
        ("≤ 2.0", "(, 2.0]"),
        ("<12.1.3", "(, 12.1.3)"),
        (">= 1.3.4 | < 1.5.3", "[1.3.4, 1.5.3)"),
        (">= 1.3.4, < 1.5.3", "[1.3.4, 1.5.3)"),
        (">=1.0 <2.0", "[1.0, 2.0)"),
        ("9.13 | 9.19 | 9.33", "=9.13 =9.19 =9.33"),
        ("1.1.5, 1.1.6 and 1.2", "=1.1.5 =1.1.6 =1.2"),
        ("2131 and 2141", "=2131 =2141"),
        ("A10 < A11", "[A10, A11)"),
        ("14.1.x", "[14.1, 14.1.*]"),
        ("<= 12.2.x.x", "(, 12.2.*]"),
        ("< 1.8.4 Service Pack 01", "(, 1.8.4 Service Pack 01)"),
        ("4.20 SR1", "=4.20 SR1"),
        ("<= 3.0 D15", "(, 3.0 D15]"),
        ("<=N", "(, N]"),
        ("MMT-1710 | MMT-1712", "=MMT-1710 =MMT-1712"),
        ("vers:all/*", "(, )"),
        ("*", "(, )"),
        ("all versions", "(, )"),
        ("<= 2.0.2.2 (end of life)", "(, 2.0.2.2]"),
        ("03.04.10(16)", "=03.04.10(16)"),
        ("vers:generic/>=1.0|<2.0|3.1", "[1.0, 2.0) =3.1"),
        ("vers:intdot/<=1%2B2", "(, 1+2]"),
        ("vers:semver/>1.0.0", "(1.0.0, )"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn what_is_not_understood_is_kept_as_it_is() {
    for text in [
        "",
        "with wireless option (shipped between 26-June-2017 through 07-August 2018)",
        "* running on old, unsupported operating systems such as Windows 2000",
        "distributed  < april 1, 2018",
        "<May 2018",
        "<8/30/2024",
        "9.x model 35700BAX3",
        "882300 Gemini 16 Slice",
        "C.0x",
        "prior to",
        "1.0 through",
        "vers:",
        "vers:generic/",
        "vers:generic/>=",
        "vers:none/*",
        "vers:NONE/*",
        "before",
        "| |",
    ] {
        assert!(!VersionText::read(text).is_read(), "{text}: {}", shown(text));
    }
}

#[test]
fn a_vers_range_may_take_versions_out() {
    let read = VersionText::read("vers:deb/>=1.0|!=1.5|<2.0");
    assert_eq!((read.scheme, read.except.as_slice()), (Scheme::Debian, &["1.5".to_owned()][..]));
    assert_eq!(read.spans.len(), 1);
    assert!(VersionText::read("2.0 (only some)").remark);
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in "\\PC{0,60}") {
        let _ = VersionText::read(&text);
    }

    #[test]
    fn odd_sentences(words in prop::collection::vec(
        prop::sample::select(vec![
            "prior", "to", "and", "1.0", "2.x", "<", ">=", "through", "from", "all", "|", "up",
            "below", "later", "than", "(", ")", "build", "10", "vers:x/", "-", "between", "not",
            "including",
        ]), 0..9)) {
        let _ = VersionText::read(&words.join(" "));
    }
}
