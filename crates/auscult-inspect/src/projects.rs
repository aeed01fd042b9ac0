//! Which project installs a file of this name, where only one does: `sshd` is OpenSSH's.
//!
//! The table is made by `cargo xtask projects` from the file lists of Debian's suites, for the
//! projects that rules describe; names that several sources use are left out. A name is a hint and
//! no proof: it tells to which component a file belongs, and makes none.

use std::{collections::HashMap, sync::LazyLock};

use crate::signatures::{Rule, RuleSet};

/// One line for each rule: `RULE: NAME…`; libraries without what follows `.so`.
static TABLE: &str = include_str!("../projects.txt");

static PROJECTS: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once(": "));
    pairs.flat_map(|(rule, names)| names.split(' ').map(move |name| (name, rule))).collect()
});

/// The project of the program or library at this path.
pub(crate) fn of_file(path: &[u8]) -> Option<&'static Rule> {
    let file = std::str::from_utf8(path.rsplit(|&byte| byte == b'/').next()?).ok()?;
    let name = match file.find(".so") {
        Some(at) => file.get(..at + 3)?,
        None => file,
    };
    RuleSet::builtin().for_name(PROJECTS.get(name)?)
}

#[cfg(test)]
mod tests {
    use super::{PROJECTS, of_file};
    use crate::signatures::RuleSet;

    #[test]
    fn every_project_has_a_rule() {
        for (name, rule) in PROJECTS.iter() {
            assert!(RuleSet::builtin().for_name(rule).is_some(), "{name}: {rule}");
        }
    }

    #[test]
    fn files_are_told_by_their_names() {
        let id = |path: &str| of_file(path.as_bytes()).map(|rule| rule.id.as_str());
        assert_eq!(id("/usr/sbin/sshd"), Some("openssh"));
        assert_eq!(id("/usr/lib/libblkid.so.1.1.0"), Some("util-linux"));
        assert_eq!(id("/usr/sbin/httpd"), None);
    }
}
