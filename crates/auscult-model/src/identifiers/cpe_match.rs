//! How CPE names relate as sets (NISTIR 7696), and statements over them (NISTIR 7698).

use super::{
    cpe::{CpeAttribute, CpeName},
    cpe_value::{self, CpeValue},
};

/// How the set of a source relates to that of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CpeRelation {
    /// Nothing is in both.
    Disjoint,
    /// They are the same.
    Equal,
    /// All of the source is in the target.
    Subset,
    /// All of the target is in the source.
    Superset,
    /// The standard does not say: the target has wildcards.
    Undefined,
}

impl CpeValue {
    /// Compares the value of a source with that of a target (NISTIR 7696 table 6-2).
    pub fn relation(&self, target: &Self) -> CpeRelation {
        use CpeRelation::{Disjoint, Equal, Subset, Superset, Undefined};
        match (self, target) {
            (Self::Text(source), Self::Text(target)) if cpe_value::same(source, target) => Equal,
            (_, Self::Text(_)) if target.has_wildcard() => Undefined,
            (Self::Any, Self::Any) | (Self::NotApplicable, Self::NotApplicable) => Equal,
            (Self::Any, _) => Superset,
            (_, Self::Any) => Subset,
            (Self::NotApplicable, _) | (_, Self::NotApplicable) => Disjoint,
            (Self::Text(source), Self::Text(target)) => {
                if self.has_wildcard() && cpe_value::covers(source, target) {
                    Superset
                } else {
                    Disjoint
                }
            }
        }
    }
}

impl CpeName {
    /// Compares attribute by attribute, this name being the source (NISTIR 7696 section 6.1.1).
    pub fn relations(&self, target: &Self) -> [CpeRelation; 11] {
        CpeAttribute::ALL.map(|attribute| self.get(attribute).relation(target.get(attribute)))
    }

    /// Some attribute is disjoint: the names share no product (section 6.2).
    pub fn is_disjoint(&self, target: &Self) -> bool {
        self.relations(target).contains(&CpeRelation::Disjoint)
    }

    /// All attributes are equal.
    pub fn is_equal(&self, target: &Self) -> bool {
        self.relations(target).iter().all(|relation| *relation == CpeRelation::Equal)
    }

    /// This name lies in the target or is equal to it.
    pub fn is_subset(&self, target: &Self) -> bool {
        let fits =
            |relation: &CpeRelation| matches!(relation, CpeRelation::Subset | CpeRelation::Equal);
        self.relations(target).iter().all(fits)
    }

    /// This name covers the target or is equal to it.
    pub fn is_superset(&self, target: &Self) -> bool {
        let fits =
            |relation: &CpeRelation| matches!(relation, CpeRelation::Superset | CpeRelation::Equal);
        self.relations(target).iter().all(fits)
    }

    /// How the names relate as a whole.
    pub fn relation(&self, target: &Self) -> CpeRelation {
        if self.is_disjoint(target) {
            CpeRelation::Disjoint
        } else if self.is_equal(target) {
            CpeRelation::Equal
        } else if self.is_subset(target) {
            CpeRelation::Subset
        } else if self.is_superset(target) {
            CpeRelation::Superset
        } else {
            CpeRelation::Undefined
        }
    }

    /// Whether one of the names of a platform lies in this one (section 7.2, name matching).
    pub fn matches_any(&self, platform: &[Self]) -> bool {
        platform.iter().any(|known| self.is_superset(known))
    }
}

/// A statement about a platform: AND, OR and NOT over names (NISTIR 7698).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CpeStatement {
    /// Something of this name is there.
    Name(Box<CpeName>),
    /// All hold; none at all is no statement.
    All(Vec<Self>),
    /// One holds.
    Any(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// A check by other means, or a name that could not be read.
    Unanswered(String),
}

impl CpeStatement {
    /// A statement that something of this name is there.
    pub fn name(name: CpeName) -> Self {
        Self::Name(Box::new(name))
    }

    /// Whether it holds of a platform that these names describe; `None` where that hangs on
    /// something that cannot be answered (the truth tables of NISTIR 7698 section 7.3).
    pub fn holds(&self, platform: &[CpeName]) -> Option<bool> {
        match self {
            Self::Name(name) => Some(name.matches_any(platform)),
            Self::All(parts) => Self::combine(parts, platform, false),
            Self::Any(parts) => Self::combine(parts, platform, true),
            Self::Not(part) => part.holds(platform).map(|holds| !holds),
            Self::Unanswered(_) => None,
        }
    }

    /// `decisive` settles the whole; else an open answer leaves it open.
    fn combine(parts: &[Self], platform: &[CpeName], decisive: bool) -> Option<bool> {
        let mut open = parts.is_empty();
        for part in parts {
            match part.holds(platform) {
                Some(answer) if answer == decisive => return Some(decisive),
                Some(_) => {}
                None => open = true,
            }
        }
        (!open).then_some(!decisive)
    }
}

#[cfg(test)]
mod tests {
    use super::{CpeName, CpeRelation, CpeStatement};

    fn name(version: &str) -> CpeName {
        CpeName::parse(&format!("cpe:2.3:a:acme:pump:{version}:*:*:*:*:*:*:*")).unwrap()
    }

    #[test]
    fn names_relate_as_sets() {
        use CpeRelation::{Disjoint, Equal, Subset, Superset, Undefined};
        for (source, target, relation) in [
            ("*", "*", Equal),
            ("*", "-", Superset),
            ("-", "*", Subset),
            ("-", "1", Disjoint),
            ("1", "-", Disjoint),
            ("1.0B", "1.0b", Equal),
            ("1.*", "1.2.3", Superset),
            ("1.*", "1.*", Equal),
            ("1.*", "2.*", Undefined),
            ("*", "1.*", Undefined),
            ("-", "1.*", Undefined),
            ("1.*", "*", Subset),
            ("1.*", "-", Disjoint),
            ("1.?", "1.12", Disjoint),
            ("1.??", "1.12", Superset),
            ("1.??", "1.", Superset),
            ("??", "12", Superset),
            ("?", "12", Disjoint),
            ("*.2", "1.2.2", Superset),
            ("?.2", "1.2.2", Disjoint),
            ("*2*", "121", Superset),
            (r"1.\*", "1.2", Disjoint),
            (r"1.\*", r"1.\*", Equal),
        ] {
            assert_eq!(name(source).relation(&name(target)), relation, "{source} {target}");
        }
    }

    #[test]
    fn statements_are_three_valued() {
        let platform = [name("1.2")];
        let yes = || CpeStatement::name(name("1.*"));
        let no = || CpeStatement::name(name("2.*"));
        let open = || CpeStatement::Unanswered("an OVAL check".to_owned());
        for (statement, holds) in [
            (CpeStatement::All(vec![yes(), open()]), None),
            (CpeStatement::All(vec![no(), open()]), Some(false)),
            (CpeStatement::Any(vec![yes(), open()]), Some(true)),
            (CpeStatement::Any(vec![no(), open()]), None),
            (CpeStatement::Not(Box::new(CpeStatement::Any(vec![no(), no()]))), Some(true)),
            (CpeStatement::Not(Box::new(open())), None),
            (CpeStatement::All(vec![]), None),
        ] {
            assert_eq!(statement.holds(&platform), holds, "{statement:?}");
        }
    }
}
