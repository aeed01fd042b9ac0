//! Every rule's own tests, and what the engine promises.

use std::collections::BTreeSet;

use auscult_model::{EvidenceClass, VersionClaim};

use super::{
    FileContext, FileKind, Hit, RuleSet,
    rule::{Rule, RuleTest, bytes_of_hex},
};

fn scan<'r>(set: &'r RuleSet, bytes: &[u8]) -> Vec<Hit<'r>> {
    set.scan(&FileContext { path: b"/bin/x", soname: None, kind: FileKind::Elf }, bytes)
}

fn one(text: &str) -> RuleSet {
    let head = "id = \"x\"\nname = \"x\"\nkind = \"library\"\npurl = \"pkg:generic/x\"\n";
    let text = format!("{head}{text}");
    RuleSet::from_files(&[("g/x.toml", &text)]).unwrap()
}

fn brief(hits: &[Hit<'_>]) -> Vec<(String, EvidenceClass, u8)> {
    hits.iter().map(|hit| (hit.version.to_string(), hit.class, hit.confidence)).collect()
}

#[test]
fn embedded_rules_are_valid_and_many() {
    let set = RuleSet::from_files(RuleSet::embedded_files()).unwrap();
    assert_eq!(set.digest(), RuleSet::builtin().digest());
    assert!(set.len() >= 390, "{}", set.len());
}

#[test]
fn every_rule_passes_its_own_tests() {
    let set = RuleSet::builtin();
    let mut faults = Vec::new();
    for rule in set.rules() {
        let tested: BTreeSet<bool> = rule.tests.iter().map(|test| test.hit).collect();
        if !rule.patterns.is_empty() && tested.len() < 2 {
            faults.push(format!("{}: needs a positive and a negative test", rule.id));
        }
        faults.extend(rule.tests.iter().filter_map(|test| check(set, rule, test)));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn version_schemes_are_those_of_the_version_crate() {
    let known = ["generic", "semver", "open-ssl", "open-ssh", "kernel", "pep440"];
    for rule in RuleSet::builtin().rules() {
        assert!(known.contains(&rule.version_scheme.as_str()), "{}", rule.id);
    }
}

fn check(set: &RuleSet, rule: &Rule, test: &RuleTest) -> Option<String> {
    let bytes = match &test.hex {
        Some(hex) => bytes_of_hex(hex).unwrap(),
        None => test.text.clone().into_bytes(),
    };
    let file = FileContext { path: test.file.as_bytes(), soname: None, kind: test.kind };
    let hits = set.scan(&file, &bytes);
    let hit = hits.iter().find(|hit| hit.rule.id == rule.id);
    let seen = hit.map(|hit| (hit.class, hit.version.clone()));
    let right = match (&seen, test.hit) {
        (None, false) => true,
        (Some((class, version)), true) => {
            *class == test.class
                && match version {
                    VersionClaim::Exact(version) => {
                        !test.incomplete && Some(&version.0) == test.version.as_ref()
                    }
                    VersionClaim::Incomplete { known, .. } => {
                        test.incomplete && Some(&known.0) == test.version.as_ref()
                    }
                    VersionClaim::Range { .. } => false,
                    VersionClaim::Unknown(_) => test.version.is_none(),
                }
        }
        _ => false,
    };
    (!right).then(|| format!("{}: {:?} gave {seen:?}, want {:?}", rule.id, test.text, test.version))
}

#[test]
fn a_version_is_never_a_piece_of_a_longer_one() {
    let set =
        one("[[patterns]]\nliteral = 'name-'\nversion = 'name-([0-9]\\.[0-9])'\nconfidence = 90\n");
    for (bytes, expect) in [
        ("name-1.2\0", Some("1.2")),
        ("name-1.23", None),
        ("name-1.2.3", None),
        ("name-1.2.", Some("1.2")),
    ] {
        let hits = scan(&set, bytes.as_bytes());
        let seen = hits.first().map(|hit| hit.version.to_string());
        assert_eq!(seen.as_deref(), expect, "{bytes}");
    }
}

#[test]
fn a_window_in_front_must_cover_the_literal() {
    let set =
        one("[[patterns]]\nliteral = 'tool for x'\nversion = '([0-9]\\.[0-9]+) tool for x'\n\
         before = 16\nconfidence = 90\n");
    let hits = scan(&set, b"1.1 tool for y\x001.25 tool for x");
    assert_eq!(brief(&hits), [("1.25".to_owned(), EvidenceClass::ContainsCode, 90)]);
    assert_eq!(hits[0].offset, 15);
    assert_eq!(hits[0].matched, "1.25 tool for x");
}

#[test]
fn what_is_required_decides_the_class() {
    let set = one(
        "[[patterns]]\nliteral = 'Lib 1'\nversion = 'Lib ([0-9.]+[0-9])'\nconfidence = 90\n\
         requires-any = ['part of Lib']\notherwise = 'compiled-against'\nexcludes = ['fake lib']\n",
    );
    let user = scan(&set, b"Lib 1.2 ");
    assert_eq!(brief(&user), [("1.2".to_owned(), EvidenceClass::CompiledAgainst, 90)]);
    let library = scan(&set, b"Lib 1.2 part of Lib");
    assert_eq!(brief(&library), [("1.2".to_owned(), EvidenceClass::ContainsCode, 90)]);
    assert!(scan(&set, b"Lib 1.2 fake lib").is_empty());
}

#[test]
fn contradictions_are_told_with_less_confidence() {
    let set =
        one("[[patterns]]\nliteral = 'strong '\nversion = 'strong ([0-9.]+)'\nconfidence = 90\n\
         [[patterns]]\nliteral = 'weak '\nversion = 'weak ([0-9.]+)'\nconfidence = 60\n");
    let code = EvidenceClass::ContainsCode;
    let both = scan(&set, b"strong 1.2 weak 1.3 ");
    assert_eq!(brief(&both), [("1.2".into(), code, 90), ("1.3".into(), code, 30)]);
    let equal = scan(&set, b"strong 1.2 strong 1.3 ");
    assert_eq!(brief(&equal), [("1.2".into(), code, 45), ("1.3".into(), code, 45)]);
    let detail = scan(&set, b"strong 1.2 weak 1.2.1 ");
    assert_eq!(brief(&detail), [("1.2.1".into(), code, 90)]);
}

#[test]
fn a_standalone_version_must_be_the_only_one() {
    let set = one(
        "[[patterns]]\nliteral = 'tool %s'\nversion = '([0-9]\\.[0-9]+\\.[0-9]+)(?: \\(old\\))?'\n\
         standalone = true\nconfidence = 80\n",
    );
    for (bytes, expect) in [
        ("\x001.2.3\0tool %s\0", Some("1.2.3")),
        ("tool %s\0a 1.2.4\x001.2.3\x001.2.3\0", Some("1.2.3")),
        ("1.2.3\0tool %s\x001.2.4", Some("unknown")),
        ("1.2.3\0tool %s\x001.2.3 (old)", Some("1.2.3")),
        ("1.2.3-rc\0tool %s\x001.2", Some("unknown")),
        ("\u{ff}1.2.3\0tool %s\0", Some("1.2.3")),
        ("1.2.3\0another %s", None),
        // zlib's, which the file calls and of which nothing else in it can be the version.
        ("tool %s\x001.2.3\0inflateInit_", Some("unknown")),
        ("tool %s\x001.2.3\x001.2.13\x001.4.0\0inflateInit_", Some("1.4.0")),
        ("tool %s\x001.4.0\x001.2.13 (x)\0inflateInit_", Some("1.4.0")),
    ] {
        let hits = scan(&set, bytes.as_bytes());
        assert_eq!(hits.first().map(|hit| hit.version.to_string()).as_deref(), expect, "{bytes}");
    }
}

#[test]
fn file_patterns_see_the_name_and_the_soname() {
    let set = one("[[patterns]]\nliteral = 'text'\nconfidence = 50\nfile = ['libx.so*']\n");
    let file = |path: &'static [u8], soname| FileContext { path, soname, kind: FileKind::Elf };
    assert_eq!(set.scan(&file(b"/lib/libx.so.1", None), b"text").len(), 1);
    assert_eq!(set.scan(&file(b"/opt/renamed", Some("libx.so.1")), b"text").len(), 1);
    assert!(set.scan(&file(b"/opt/renamed", None), b"text").is_empty());
}

#[test]
fn faulty_rules_are_refused() {
    for (text, expect) in [
        ("[[patterns]]\nliteral = 'abc'\nconfidence = 1", "shorter"),
        ("[[patterns]]\nliteral = 'abcd'\nconfidence = 0", "percentage"),
        ("[[patterns]]\nliteral = 'abcd'\nconfidence = 9\nversion = 'abcd'", "no group"),
        ("[[patterns]]\nliteral = 'abcd'\nconfidence = 9\notherwise = 'mentions'", "requires"),
        ("cpes = ['busybox']", "vendor:product"),
    ] {
        let head = "id = \"x\"\nname = \"x\"\nkind = \"library\"\npurl = \"pkg:generic/x\"\n";
        let text = format!("{head}{text}");
        let error = RuleSet::from_files(&[("g/x.toml", &text)]).err().unwrap().to_string();
        assert!(error.contains(expect), "{error}");
    }
}

#[test]
fn packages_and_sonames_lead_to_their_rule() {
    let set = RuleSet::builtin();
    for (name, expect) in [("libssl1.1", "openssl"), ("openssl", "openssl"), ("BusyBox", "busybox")]
    {
        assert_eq!(set.for_name(name).map(|rule| rule.id.as_str()), Some(expect), "{name}");
    }
    assert_eq!(set.for_soname("libcrypto.so.3").map(|rule| rule.id.as_str()), Some("openssl"));
    assert_eq!(set.for_soname("libssl3.so").map(|rule| rule.id.as_str()), Some("nss"));
    for name in ["no-such-thing", "httpd", "telnetd", "login", "ntpd", "mount"] {
        assert!(set.for_name(name).is_none(), "{name} is a name that many projects use");
    }
}

#[test]
fn purl_and_cpe_carry_the_exact_version_only() {
    let set = one("cpes = ['maker:x', 'o:maker:y']\n");
    let rule = &set.rules()[0];
    let exact = VersionClaim::Exact(auscult_model::Version("1.0+git2".to_owned()));
    assert_eq!(rule.purl(&exact).0, "pkg:generic/x@1.0%2Bgit2");
    let cpes: Vec<_> = rule.cpes(&exact).into_iter().map(|cpe| cpe.0).collect();
    assert_eq!(
        cpes,
        ["cpe:2.3:a:maker:x:1.0:*:*:*:*:*:*:*", "cpe:2.3:o:maker:y:1.0:*:*:*:*:*:*:*"]
    );
    let unknown = VersionClaim::Unknown(String::new());
    assert_eq!(rule.purl(&unknown).0, "pkg:generic/x");
}
