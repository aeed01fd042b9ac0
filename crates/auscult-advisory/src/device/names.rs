//! Names of makers and models, compared by their words.

use std::collections::BTreeSet;

/// Parts of a maker's name that say which kind of company it is.
const LEGAL: &[&str] = &[
    "inc",
    "incorporated",
    "corp",
    "corporation",
    "company",
    "co",
    "ltd",
    "limited",
    "llc",
    "llp",
    "gmbh",
    "ag",
    "kg",
    "kgaa",
    "mbh",
    "sa",
    "sas",
    "sarl",
    "spa",
    "srl",
    "nv",
    "bv",
    "plc",
    "pty",
    "pte",
    "oy",
    "oyj",
    "ab",
    "as",
    "aps",
    "kk",
    "se",
    "holdings",
    "holding",
    "group",
    "the",
    "and",
    "international",
    "intl",
    "of",
];

/// Words of a product's name that nearly every device could carry.
const COMMON: &[&str] = &[
    "the",
    "and",
    "or",
    "with",
    "for",
    "of",
    "by",
    "in",
    "on",
    "a",
    "an",
    "series",
    "model",
    "family",
    "system",
    "device",
    "product",
    "unit",
    "equipment",
    "software",
    "firmware",
    "hardware",
    "module",
    "monitor",
    "pump",
    "infusion",
    "insulin",
    "patient",
    "medical",
    "ventilator",
    "wireless",
    "version",
    "only",
    "all",
    "type",
    "application",
    "app",
    "machine",
    "class",
    "line",
    "edition",
];

/// A word this long may be misspelt by one letter, in names of makers only: among models `MX400`
/// and `MX450` are two devices.
const MISSPELT_LETTERS_MIN: usize = 6;
/// A name of more words is cut.
const WORDS_MAX: usize = 64;
/// A range of models such as `MP20-MP90` is read up to this number.
const MODEL_NUMBER_MAX: u32 = 1_000_000;

/// The key of a device's claims.
pub(crate) fn key(vendor: &str, product: &str) -> String {
    format!("m:{}:{}", clean(vendor).replace(':', " "), clean(product))
}

/// A name as it is meant: blanks made single, UTF-8 that was read as Latin-1 put right.
pub(crate) fn clean(name: &str) -> String {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    unscrambled(&name).unwrap_or(name)
}

/// Bytes 0x80 to 0x9f of Windows-1252 that are letters or signs of their own.
const HIGH: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";

/// Undoes reading UTF-8 as Windows-1252: `YhtymÃ¤` is `Yhtymä`.
fn unscrambled(name: &str) -> Option<String> {
    if name.is_ascii() {
        return None;
    }
    let byte = |character: char| {
        let number = u32::from(character);
        if let Ok(byte) = u8::try_from(number) {
            return Some(byte);
        }
        let at = HIGH.chars().position(|known| known == character)?;
        u8::try_from(at).ok()?.checked_add(0x80)
    };
    let bytes: Vec<u8> = name.chars().map(byte).collect::<Option<_>>()?;
    String::from_utf8(bytes).ok().filter(|text| text.chars().count() < name.chars().count())
}

/// Letters without their marks, in lower case; `ae` for `ä` and `a` are the same afterwards.
fn folded(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    for character in name.chars().flat_map(char::to_lowercase) {
        match character {
            'à'..='å' | 'æ' | 'ā' | 'ă' | 'ą' => folded.push('a'),
            'ç' | 'ć' | 'č' => folded.push('c'),
            'è'..='ë' | 'ē' | 'ę' | 'ě' => folded.push('e'),
            'ì'..='ï' => folded.push('i'),
            'ñ' | 'ń' => folded.push('n'),
            'ò'..='ö' | 'ø' | 'œ' => folded.push('o'),
            'ù'..='ü' => folded.push('u'),
            'ý' | 'ÿ' => folded.push('y'),
            'ß' => folded.push_str("ss"),
            'ś' | 'š' => folded.push('s'),
            'ź' | 'ż' | 'ž' => folded.push('z'),
            // The possessive and the trademark signs are no letters.
            '\'' | '’' | '®' | '™' | '©' => {}
            other => folded.push(other),
        }
    }
    folded
}

/// The words of a text: runs of letters and digits.
fn words(text: &str) -> Vec<String> {
    let split = text.split(|c: char| !c.is_alphanumeric());
    split.filter(|word| !word.is_empty()).take(WORDS_MAX).map(ToOwned::to_owned).collect()
}

/// A maker, with every name that the text gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vendor {
    names: Vec<Vec<String>>,
}

impl Vendor {
    /// Reads `Becton, Dickinson and Company (BD)`: the whole, the short name in brackets, and each
    /// of several companies.
    pub(super) fn read(text: &str) -> Self {
        let text = folded(&clean(text));
        let mut names: Vec<Vec<String>> = Vec::new();
        let mut outside = String::new();
        for (at, part) in text.split(['(', ')']).enumerate() {
            if at % 2 == 1 {
                names.push(company(part));
            } else {
                outside.push_str(part);
                outside.push(' ');
            }
        }
        names.insert(0, company(&outside));
        for part in outside.split([',', ';', '/']).flat_map(|part| part.split(" and ")) {
            names.push(company(part));
        }
        names.retain(|name| !name.is_empty());
        let mut known = BTreeSet::new();
        names.retain(|name| known.insert(name.clone()));
        Self { names }
    }

    /// How sure it is that both are one maker, in percent; `None` where they are not.
    pub(super) fn same(&self, other: &Self) -> Option<u8> {
        let pairs = self.names.iter().flat_map(|one| other.names.iter().map(move |two| (one, two)));
        pairs.filter_map(|(one, two)| same_company(one, two)).max()
    }

    /// Every word of its names.
    pub(super) fn words(&self) -> BTreeSet<String> {
        self.names.iter().flatten().cloned().collect()
    }
}

/// The words of a company's name without its legal form.
fn company(name: &str) -> Vec<String> {
    // "a/s", "s.p.a.", "b.v."
    let name = name.replace("a/s", " ").replace('.', " ");
    let mut all = words(&name.replace('&', " "));
    all.dedup();
    let mut named: Vec<String> = join_letters(&all);
    named.retain(|word| !LEGAL.contains(&word.as_str()));
    // "ae" and "a" are two ways to write "ä".
    for word in &mut named {
        for (pair, letter) in [("ae", "a"), ("oe", "o"), ("ue", "u")] {
            *word = word.replace(pair, letter);
        }
    }
    named
}

/// Joins single letters: `s p a` is `spa`.
fn join_letters(words: &[String]) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    let mut letters = String::new();
    for word in words {
        if word.chars().count() == 1 && word.chars().all(char::is_alphabetic) {
            letters.push_str(word);
            continue;
        }
        if !letters.is_empty() {
            joined.push(std::mem::take(&mut letters));
        }
        joined.push(word.clone());
    }
    if !letters.is_empty() {
        joined.push(letters);
    }
    joined
}

fn same_company(one: &[String], two: &[String]) -> Option<u8> {
    let (short, long) = if one.len() <= two.len() { (one, two) } else { (two, one) };
    if short.is_empty() {
        return None;
    }
    if short.concat() == long.concat() {
        return Some(95);
    }
    let misspelt = short.iter().zip(long).filter(|(left, right)| left != right).count();
    let begins =
        short.iter().zip(long).all(|(left, right)| left == right || is_misspelt(left, right));
    if begins && short.len() == long.len() {
        return Some(if misspelt == 0 { 95 } else { 80 });
    }
    // "GE" and "GE Healthcare", "B. Braun" and "B. Braun Melsungen".
    if begins && misspelt == 0 && short.concat().chars().count() >= 2 {
        return Some(80);
    }
    let initials: String = long.iter().filter_map(|word| word.chars().next()).collect();
    let is_initials = short.len() == 1 && long.len() >= 2 && short.first() == Some(&initials);
    is_initials.then_some(70)
}

/// Tells whether one letter was left out, put in, changed or swapped with its neighbour.
fn is_misspelt(left: &str, right: &str) -> bool {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let (short, long) = if left.len() <= right.len() { (left, right) } else { (right, left) };
    if short.len() < MISSPELT_LETTERS_MIN || long.len() - short.len() > 1 {
        return false;
    }
    let same = short.iter().zip(&long).take_while(|(one, other)| one == other).count();
    let tail = |letters: &[char], from: usize| letters.get(from..).unwrap_or_default().to_vec();
    if short.len() < long.len() {
        return tail(&short, same) == tail(&long, same + 1);
    }
    let (mine, other) = (tail(&short, same), tail(&long, same));
    match (mine.as_slice(), other.as_slice()) {
        ([a, b, rest @ ..], [c, d, others @ ..]) if rest == others => b == d || (a == d && b == c),
        ([_, rest @ ..], [_, others @ ..]) => rest == others,
        _ => true,
    }
}

/// The words of a product's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Model {
    words: BTreeSet<String>,
    /// Words of what the text leaves out: "LOGIQ, not including LOGIQ 100 Pro".
    excluded: BTreeSet<String>,
    /// Ranges of models: `MP20-MP90`.
    ranges: Vec<(String, u32, u32)>,
}

impl Model {
    /// Reads a name; the maker's own words add nothing.
    pub(super) fn read(text: &str, vendor: &Vendor) -> Self {
        let text = folded(&clean(text));
        let marks = ["not including", "excluding", "except for", "except"];
        let cut = marks.iter().filter_map(|mark| text.find(mark)).min().unwrap_or(text.len());
        let (named, left_out) = text.split_at_checked(cut).unwrap_or((&text, ""));
        let mut model = Self::default();
        for chunk in named.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')'))
        {
            model.add(chunk);
        }
        let own = vendor.words();
        if model.words.iter().any(|word| !own.contains(word) && !common(word)) {
            model.words.retain(|word| !own.contains(word));
        }
        model.excluded = words(left_out).iter().map(|word| singular(word)).collect();
        for mark in ["not", "including", "excluding", "except", "for"] {
            model.excluded.remove(mark);
        }
        model.excluded.retain(|word| !model.words.contains(word) && !common(word));
        model
    }

    /// Adds a word, with what shorthand stands for: `MX800/700/600`, `MP20-MP90`.
    fn add(&mut self, chunk: &str) {
        if self.words.len() >= WORDS_MAX {
            return;
        }
        let ends: Vec<(String, u32)> = chunk.split('-').filter_map(numbered).collect();
        if let [(prefix, first), (second, last)] = ends.as_slice()
            && chunk.split('-').count() == 2
            && !prefix.is_empty()
            && (second == prefix || second.is_empty())
            && first < last
        {
            self.ranges.push((prefix.clone(), *first, *last));
        }
        let mut prefix = String::new();
        for part in chunk.split('/') {
            if let Some((letters, _)) = numbered(part) {
                if letters.is_empty() && !prefix.is_empty() {
                    self.words.insert(format!("{prefix}{part}"));
                }
                if !letters.is_empty() {
                    prefix = letters;
                }
            }
        }
        let split = chunk.split(|c: char| !c.is_alphanumeric());
        self.words.extend(split.filter(|word| !word.is_empty()).map(singular));
        // "MMT-1710" is also written "MMT1710".
        if chunk.contains('-') && chunk.bytes().any(|byte| byte.is_ascii_digit()) {
            self.words.insert(chunk.chars().filter(|c| c.is_alphanumeric()).collect());
        }
    }

    /// Words that tell devices apart; all of them where there are no others.
    fn telling(&self) -> BTreeSet<&str> {
        let telling: BTreeSet<&str> =
            self.words.iter().map(String::as_str).filter(|word| !common(word)).collect();
        if telling.is_empty() { self.words.iter().map(String::as_str).collect() } else { telling }
    }

    fn holds(&self, word: &str) -> bool {
        let in_range = |(prefix, first, last): &(String, u32, u32)| {
            numbered(word).is_some_and(|(letters, number)| {
                letters == *prefix && (*first..=*last).contains(&number)
            })
        };
        self.words.contains(word) || self.ranges.iter().any(in_range)
    }

    /// How sure it is that a device of the name `asked` is meant by this name, in percent.
    pub(super) fn meant(&self, asked: &Self) -> Option<u8> {
        let (mine, theirs) = (self.telling(), asked.telling());
        if mine.is_empty() || theirs.is_empty() {
            return None;
        }
        if theirs.iter().any(|word| self.excluded.contains(*word)) {
            return None;
        }
        let has_digit = |word: &str| word.bytes().any(|byte| byte.is_ascii_digit());
        let shared: Vec<&str> = theirs.iter().copied().filter(|word| self.holds(word)).collect();
        let all_asked = shared.len() == theirs.len();
        let all_mine = mine.iter().all(|word| asked.words.contains(*word));
        let number = shared.iter().any(|word| has_digit(word));
        if all_asked && all_mine {
            return Some(95);
        }
        if all_asked {
            // The advisory says more than was asked: another member of the family may be meant.
            return Some(if number {
                80
            } else if shared.len() >= 2 {
                65
            } else {
                45
            });
        }
        if all_mine {
            // More was asked than the advisory says: it speaks of the family.
            let other_number = theirs.iter().any(|word| has_digit(word) && !self.holds(word));
            return Some(match (number, other_number) {
                (true, _) => 75,
                (false, false) => 65,
                (false, true) => 45,
            });
        }
        let telling_number = shared.iter().any(|word| has_digit(word) && word.len() >= 4);
        (telling_number && shared.len() >= 2
            || shared.iter().any(|word| has_digit(word) && word.len() >= 6))
        .then_some(50)
    }
}

fn common(word: &str) -> bool {
    COMMON.contains(&word)
}

/// Without the plural: `pumps` is `pump`.
fn singular(word: &str) -> String {
    let plural = word.len() >= 4
        && word.bytes().all(|byte| byte.is_ascii_alphabetic())
        && !word.ends_with("ss")
        && !word.ends_with("us");
    if plural { word.strip_suffix('s').unwrap_or(word) } else { word }.to_owned()
}

/// `mx400` is (`mx`, 400).
fn numbered(word: &str) -> Option<(String, u32)> {
    let digits = word.find(|c: char| c.is_ascii_digit())?;
    let (letters, number) = word.split_at_checked(digits)?;
    let number: u32 = number.parse().ok().filter(|number| *number <= MODEL_NUMBER_MAX)?;
    letters.bytes().all(|byte| byte.is_ascii_alphabetic()).then(|| (letters.to_owned(), number))
}

#[cfg(test)]
mod tests {
    use super::{Model, Vendor, clean, key};

    #[test]
    fn makers_are_recognised_under_their_spellings() {
        for (one, other, same) in [
            ("Philips", "Phillips", true),
            ("Philips", "PHILIPS ", true),
            ("Medtronic ", "Medtronic, Inc.", true),
            ("BD", "Becton, Dickinson and Company (BD)", true),
            ("Becton Dickinson", "Becton, Dickinson and Company (BD)", true),
            ("Becton, Dickinson & Co.", "Becton, Dickinson and Company (BD)", true),
            ("GE", "General Electric (GE)", true),
            ("GE", "GE Healthcare", true),
            ("GE Healthcare", "Silex Technology and GE Healthcare", true),
            ("Drager", "Dräger", true),
            ("Draeger", "Dräger", true),
            ("Innokas Yhtymä", "Innokas YhtymÃ¤ Oy", true),
            ("B. Braun", "B. Braun Melsungen AG", true),
            ("B Braun Medical", "B. Braun Medical", true),
            ("Hillrom", "Hillrom and ELI, Baxter International Inc.", true),
            ("Baxter", "Hillrom and ELI, Baxter International Inc.", true),
            ("Johnson & Johnson", "Johnson and Johnson", true),
            ("Philips", "Siemens", false),
            ("Roche", "Rocha", false),
            ("Abbott", "Abbot", false),
            ("Medtronic", "Medronics", false),
            ("", "Philips", false),
        ] {
            let found = Vendor::read(one).same(&Vendor::read(other));
            assert_eq!(found.is_some(), same, "{one} {other} {found:?}");
        }
        assert_eq!(clean("Innokas  YhtymÃ¤ Oy "), "Innokas Yhtymä Oy");
        assert_eq!(clean("Dräger"), "Dräger");
        assert_eq!(key("A:B", "c:d"), "m:A B:c:d");
    }

    fn meant(vendor: &str, written: &str, asked: &str) -> Option<u8> {
        let vendor = Vendor::read(vendor);
        Model::read(written, &vendor).meant(&Model::read(asked, &vendor))
    }

    #[test]
    fn models_are_recognised_by_their_words() {
        for (vendor, written, asked, found) in [
            ("BD", "Alaris Gateway Workstation", "Alaris Gateway Workstation", true),
            ("BD", "BD Alaris Point-of-Care Unit (PCU) Model 8015", "Alaris PCU 8015", true),
            ("Philips", "IntelliVue patient monitor MX400-MX850", "IntelliVue MX450", true),
            ("Philips", "IntelliVue patient monitor MX400-MX850", "IntelliVue MX900", false),
            ("Philips", "IntelliVue MP monitors MX800/700/600 WLAN", "MX700", true),
            (
                "Medtronic",
                "MiniMed Paradigm 522/722 pumps",
                "MiniMed Paradigm 722 insulin pump",
                true,
            ),
            ("Medtronic", "MiniMed 508 pump", "MiniMed 508", true),
            ("Medtronic", "MiniMed 508 pump", "MiniMed 630G", false),
            ("Medtronic", "MMT-1710", "MMT1710", true),
            ("Contec", "CMS8000 CONTEC ICU CCU Vital Signs Patient Monitor", "CMS8000", true),
            ("GE", "LOGIQ, not including LOGIQ 100 Pro", "LOGIQ 100 Pro", false),
            ("GE", "LOGIQ, not including LOGIQ 100 Pro", "LOGIQ 9", true),
            ("Philips", "Brilliance 64", "Brilliance iCT", false),
            ("Baxter", "Baxter Spectrum IQ", "Spectrum IQ", true),
            ("Baxter", "Phoenix Hemodialysis Delivery System", "Delivery robot", false),
            ("X", "", "y", false),
        ] {
            assert_eq!(meant(vendor, written, asked).is_some(), found, "{written} / {asked}");
        }
        assert!(meant("Philips", "Xcelera", "Xcelera") > meant("Philips", "Xcelera", "Xcelera 4"));
    }
}
