//! What a CVSS vector says of an attack: how near, past how many obstacles, with what effect.
//!
//! Base metrics of CVSS 2.0, 3.0, 3.1 and 4.0 (FIRST). Scores are not computed here, and threat or
//! environmental metrics are left aside: they would state the context twice.

/// How near an attacker must come, from CVSS attack vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reach {
    /// Touch the device.
    Physical,
    /// Have an account or run a program on it.
    Local,
    /// Be in its network or radio range.
    Adjacent,
    /// Reach it from anywhere.
    Network,
}

impl Reach {
    /// The word of the tables.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Physical => "physical",
            Self::Local => "local",
            Self::Adjacent => "adjacent",
            Self::Network => "network",
        }
    }
}

/// The facts that decisions take from a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attack {
    /// How near an attacker must come.
    pub(crate) reach: Reach,
    /// How many of complexity, privileges and interaction stand in the way: 0 to 3.
    pub(crate) obstacles: u8,
    /// Whether confidentiality, integrity and availability are all lost entirely.
    pub(crate) total: bool,
}

impl Attack {
    /// Whether nothing keeps the attack from being run by a program against many devices.
    pub(crate) fn automatable(self) -> bool {
        self.reach == Reach::Network && self.obstacles == 0
    }
}

/// Reads a vector of any version; `None` when it is incomplete or malformed.
pub(crate) fn parse(vector: &str) -> Option<Attack> {
    let text = vector.trim().trim_start_matches('(').trim_end_matches(')');
    let (version, metrics) = match text.strip_prefix("CVSS:") {
        Some(rest) => rest.split_once('/')?,
        None => ("2.0", text),
    };
    // So few that a search from the front is quicker than any map; every finding has one or two.
    let mut values: Vec<(&str, &str)> = Vec::with_capacity(16);
    for part in metrics.split('/') {
        let (metric, value) = part.split_once(':')?;
        if values.iter().any(|(known, _)| *known == metric) {
            return None;
        }
        values.push((metric, value));
    }
    let get = |metric: &str| values.iter().find(|(known, _)| *known == metric).map(|(_, v)| *v);
    let (obstacles, impacts, full) = match version {
        "2.0" => {
            // Version 2 has no interaction metric; its "medium" complexity stands for one.
            let obstacles =
                [one_of(get("AC")?, "L", &["M", "H"])?, { one_of(get("Au")?, "N", &["S", "M"])? }];
            (obstacles.iter().sum(), [get("C")?, get("I")?, get("A")?], "C")
        }
        "3.0" | "3.1" => (
            one_of(get("AC")?, "L", &["H"])?
                + one_of(get("PR")?, "N", &["L", "H"])?
                + one_of(get("UI")?, "N", &["R"])?,
            [get("C")?, get("I")?, get("A")?],
            "H",
        ),
        "4.0" => {
            // Version 4 splits complexity in two; together they are one obstacle as before.
            let complexity = one_of(get("AC")?, "L", &["H"])?.max(one_of(get("AT")?, "N", &["P"])?);
            let rest =
                one_of(get("PR")?, "N", &["L", "H"])? + one_of(get("UI")?, "N", &["P", "A"])?;
            (complexity + rest, [get("VC")?, get("VI")?, get("VA")?], "H")
        }
        _ => return None,
    };
    let reach = match get("AV")? {
        "N" => Reach::Network,
        "A" => Reach::Adjacent,
        "L" => Reach::Local,
        "P" if version != "2.0" => Reach::Physical,
        _ => return None,
    };
    Some(Attack { reach, obstacles, total: impacts.iter().all(|impact| *impact == full) })
}

/// 0 for the easiest value of a metric, 1 for one of the others, `None` for anything else.
fn one_of(value: &str, easiest: &str, others: &[&str]) -> Option<u8> {
    if value == easiest {
        return Some(0);
    }
    others.contains(&value).then_some(1)
}

#[cfg(test)]
mod tests {
    use super::{Attack, Reach, parse};

    #[test]
    fn vectors_of_every_version_are_read() {
        for (vector, reach, obstacles, total) in [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Reach::Network, 0, true),
            ("CVSS:3.0/AV:A/AC:H/PR:L/UI:R/S:C/C:H/I:H/A:N", Reach::Adjacent, 3, false),
            ("CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L/E:P", Reach::Physical, 0, false),
            ("AV:N/AC:M/Au:N/C:C/I:C/A:C", Reach::Network, 1, true),
            ("(AV:L/AC:L/Au:S/C:P/I:C/A:C)", Reach::Local, 1, false),
            (
                "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
                Reach::Network,
                1,
                true,
            ),
        ] {
            assert_eq!(parse(vector), Some(Attack { reach, obstacles, total }), "{vector}");
        }
    }

    #[test]
    fn damaged_vectors_are_none() {
        for vector in [
            "",
            "CVSS:3.1",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H",
            "CVSS:3.1/AV:N/AV:L/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:9.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "AV:P/AC:L/Au:N/C:C/I:C/A:C",
        ] {
            assert_eq!(parse(vector), None, "{vector}");
        }
    }
}
