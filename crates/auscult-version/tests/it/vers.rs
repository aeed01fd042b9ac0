//! Version range specifiers by the rules of the standard, and the names of ecosystems.

use auscult_version::{Comparator, Error, Fault, Scheme, Vers, compare, key};

fn fault(text: &str) -> Fault {
    match Vers::parse(text) {
        Err(Error::Vers { fault, .. }) => fault,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn the_strict_reader_names_the_broken_rule() {
    for (text, expected) in [
        ("npm/1.0.0", Fault::Scheme),
        ("VERS:npm/1.0.0", Fault::Scheme),
        ("vers:npm", Fault::Type),
        ("vers:Npm/1.0.0", Fault::Type),
        ("vers:1npm/1.0.0", Fault::Type),
        ("vers:invalid/*", Fault::Reserved),
        ("vers:npm/", Fault::Empty),
        ("vers:npm/>=", Fault::Empty),
        ("vers:npm/1.0.0||2.0.0", Fault::Empty),
        ("vers:npm/1.0.0 |2.0.0", Fault::Whitespace),
        ("vers:npm/*|1.0.0", Fault::Asterisk),
        ("vers:npm/*1.0.0", Fault::Asterisk),
        ("vers:all/1.0.0", Fault::Asterisk),
        ("vers:npm/=1.0.0", Fault::Comparator("=1.0.0".into())),
        ("vers:npm/1.0%2", Fault::Encoding("1.0%2".into())),
        ("vers:npm/1%FF", Fault::Encoding("1%FF".into())),
        ("vers:deb/1%3A2.0", Fault::NotCanonical("1%3A2.0".into())),
        ("vers:npm/one|1.0.0", Fault::Incomparable("one".into(), "1.0.0".into())),
        ("vers:datetime/2024-01-01", Fault::Version("2024-01-01".into())),
        ("vers:npm/2.0.0|1.0.0", Fault::Order("1.0.0".into())),
        ("vers:npm/1.0.0|1.0.0", Fault::Duplicate("1.0.0".into())),
        ("vers:npm/>=1.0|<1.0.0", Fault::Duplicate("1.0.0".into())),
        ("vers:npm/>=1.0.0|>2.0.0", Fault::Sequence("2.0.0".into())),
        ("vers:npm/<1.0.0|!=1.5.0|<=2.0.0", Fault::Sequence("2.0.0".into())),
        ("vers:npm/1.0.0|<2.0.0", Fault::Sequence("2.0.0".into())),
        ("vers:npm/>1.0.0|1.5.0|<2.0.0", Fault::Sequence("1.5.0".into())),
    ] {
        assert_eq!(fault(text), expected, "{text}");
    }
}

#[test]
fn the_lenient_reader_repairs() {
    for (text, canonical) in [
        ("VERS:NPM/ 2.0.0 | >= 1.0.0 |", "vers:npm/>=1.0.0|2.0.0"),
        ("vers:deb/1%3A2.0|=1.5", "vers:deb/1.5|1:2.0"),
        ("vers:lexicographic/1 2", "vers:lexicographic/1%202"),
        ("vers:example/2|1", "vers:example/2|1"),
        ("vers:npm/ * ", "vers:npm/*"),
    ] {
        assert_eq!(Vers::canonicalize(text).unwrap().to_string(), canonical, "{text}");
    }
    for text in ["", "vers:npm/|", "vers:npm/>=", "vers:npm/one|1", "vers:invalid/1", "vers:none/1"]
    {
        assert!(Vers::canonicalize(text).is_err(), "{text}");
    }
}

#[test]
fn versions_are_judged() {
    for (text, version, expected) in [
        ("vers:npm/>=1.2.0|<2.0.0", "1.9.0", Some(true)),
        ("vers:npm/>=1.2.0|<2.0.0", "2.0.0", Some(false)),
        ("vers:npm/>=1.2.0|!=1.5.0|<2.0.0", "1.5.0", Some(false)),
        ("vers:npm/<1.0.0|>=2.0.0|<2.1.0|3.0.0", "3.0.0", Some(true)),
        ("vers:npm/<1.0.0|>=2.0.0|<2.1.0|3.0.0", "1.5.0", Some(false)),
        ("vers:npm/!=1.0.0", "2.0.0", Some(true)),
        ("vers:npm/1.0.0|2.0.0", "1.5.0", Some(false)),
        ("vers:intdot/>=1.2|<2.0", "1.10beta", Some(true)),
        ("vers:npm/>=1.2.0", "main", None),
        ("vers:all/*", "anything", Some(true)),
        ("vers:none/*", "1.0", Some(false)),
        // No order is defined for it, but a name is a name.
        ("vers:example/1.2.3|>=2.0.0|<5.0.0", "3.0.0", None),
        ("vers:example/1.2.3|>=2.0.0|<5.0.0", "1.2.3", Some(true)),
        // A redundant bound changes nothing.
        ("vers:npm/>=1.0.0|>=2.0.0|<3.0.0|<4.0.0", "3.5.0", Some(true)),
        ("vers:pypi/<=6.4", "6.4+local.1", Some(true)),
        ("vers:openssh/<=7.4", "7.4p1", Some(true)),
    ] {
        let vers = Vers::canonicalize(text).unwrap();
        assert_eq!(vers.contains(version), expected, "{version} in {text}");
    }
}

#[test]
fn native_notations_are_read() {
    for (kind, native, expected) in [
        ("npm", "^1.2.3", "vers:npm/>=1.2.3|<2.0.0"),
        ("npm", "^0.0.3", "vers:npm/>=0.0.3|<0.0.4"),
        ("npm", "^0.0", "vers:npm/>=0.0.0|<0.1.0"),
        ("npm", "~1", "vers:npm/>=1.0.0|<2.0.0"),
        ("npm", "1.x || >=2.5.0 || 5.0.0 - 7.2.3", "vers:npm/>=1.0.0|<2.0.0|>=2.5.0"),
        ("npm", "1.2 - 2.3", "vers:npm/>=1.2.0|<2.4.0"),
        ("npm", ">1.2", "vers:npm/>=1.3.0"),
        ("npm", "1.0.0 2.0.0", "vers:none/*"),
        ("deb", "=9, !=9", "vers:none/*"),
        ("deb", "!=5, >=5, <5.0", "vers:deb/>5|<5.0"),
        ("deb", "<=5, !=5", "vers:deb/<5"),
        ("maven", ">=5, <=5.0", "vers:maven/5"),
        ("deb", "=9, !=9 || <0.0", "vers:deb/<0.0"),
        ("deb", ">=9, <=9, !=9.0 || =2", "vers:deb/2|9"),
        ("cargo", "1.2", "vers:cargo/>=1.2.0|<2.0.0"),
        ("composer", "~1.2", "vers:composer/>=1.2.0|<2.0.0"),
        ("composer", "~1.2.3", "vers:composer/>=1.2.3|<1.3.0"),
        ("composer", "1.0.*", "vers:composer/>=1.0.0|<1.1.0"),
        ("gem", "~> 2.2, != 2.2.3", "vers:gem/>=2.2|!=2.2.3|<3"),
        ("gem", "~> 1", "vers:gem/>=1|<2"),
        ("pypi", "~=1.4.2", "vers:pypi/>=1.4.2|<1.5.dev0"),
        ("pypi", "==1.1.*", "vers:pypi/>=1.1.dev0|<1.2.dev0"),
        ("pypi", "!=1.1.*,>1.0", "vers:pypi/>1.0|<1.1.dev0|>=1.2.dev0"),
        ("maven", "[1.0,2.0)", "vers:maven/>=1.0|<2.0"),
        ("maven", "(,1.0],[1.2,)", "vers:maven/<=1.0|>=1.2"),
        ("maven", "[1.5]", "vers:maven/1.5"),
        ("nuget", "1.0", "vers:nuget/>=1.0"),
        ("nginx", "1.1.4-1.2.8, 1.3.9+", "vers:nginx/>=1.1.4|<=1.2.8|>=1.3.9"),
        ("nginx", "all", "vers:nginx/*"),
        ("openssl", "1.0.2ck, 0.9.8", "vers:openssl/0.9.8|1.0.2ck"),
        ("deb", ">> 2.23, << 2.24", "vers:deb/>2.23|<2.24"),
        ("rpm", ">= 1:1.1.4", "vers:rpm/>=1:1.1.4"),
        ("conan", "^0.1.2 include_prerelease", "vers:conan/>=0.1.2|<0.2-"),
    ] {
        let got = Vers::from_native(kind, native).map(|vers| vers.to_string());
        assert_eq!(got.as_deref(), Ok(expected), "{kind} {native}");
    }
    for (kind, native) in [
        ("npm", ">="),
        ("npm", "1.0.0 -"),
        ("npm", "?1.0.0"),
        ("maven", "[1.0"),
        ("maven", "[]"),
        ("example", "1.0"),
        ("invalid", "1.0"),
        ("nginx", "new+"),
        ("npm", "^99999999999999999999"),
    ] {
        assert!(Vers::from_native(kind, native).is_err(), "{kind} {native}");
    }
    // Alternatives of alternatives grow fast.
    let native = "!=1.1.*,".repeat(40);
    assert!(Vers::from_native("pypi", &native).is_err());
}

#[test]
fn ecosystems_have_schemes() {
    for (name, scheme) in [
        ("deb", Scheme::Debian),
        ("opkg", Scheme::Debian),
        ("apk", Scheme::Alpine),
        ("npm", Scheme::Semver),
        ("golang", Scheme::Go),
        ("pypi", Scheme::Pep440),
        ("generic", Scheme::Generic),
    ] {
        assert_eq!(Scheme::of_purl_type(name), Some(scheme), "{name}");
        assert_eq!(Scheme::of_vers_type(name), Some(scheme), "{name}");
    }
    assert_eq!(Scheme::of_purl_type("openssl"), None);
    assert_eq!(Scheme::of_vers_type("openssl"), Some(Scheme::OpenSsl));
    assert_eq!(Scheme::of_osv_ecosystem("Alpine:v3.18"), Some(Scheme::Alpine));
    assert_eq!(Scheme::of_osv_ecosystem("Packagist"), Some(Scheme::Composer));
    assert_eq!(Scheme::of_osv_ecosystem("Unheard"), None);
}

#[test]
fn schemes_say_what_they_cannot_read() {
    for (scheme, text) in [
        (Scheme::Debian, "x:1.0"),
        (Scheme::Alpine, "1..2"),
        (Scheme::Semver, "1.0.2k"),
        (Scheme::Pep440, "0.1-charmander"),
        (Scheme::Gem, "1.0/2"),
        (Scheme::Go, "go1.21x"),
        (Scheme::Cran, "1.0a"),
        (Scheme::Gentoo, "1.0_x1"),
        (Scheme::Kernel, "next"),
        (Scheme::Intdot, "v1"),
        (Scheme::Datetime, "2023-02-29T00:00:00Z"),
        (Scheme::Datetime, "2023-02-28T00:00:00"),
        (Scheme::Cpan, "1.x"),
        (Scheme::Jvm, "java"),
    ] {
        assert_eq!(key(scheme, text), None, "{scheme:?} {text}");
        assert_eq!(compare(scheme, text, "1.0"), None, "{scheme:?} {text}");
    }
}

#[test]
fn constraints_are_told() {
    let vers = Vers::parse("vers:gem/>=2.2.0|!=2.2.1|<2.3.0").unwrap();
    assert_eq!((vers.kind(), vers.scheme()), ("gem", Some(Scheme::Gem)));
    let comparators: Vec<Comparator> =
        vers.constraints().iter().map(|one| one.comparator).collect();
    assert_eq!(comparators, [Comparator::GreaterOrEqual, Comparator::NotEqual, Comparator::Less]);
}
