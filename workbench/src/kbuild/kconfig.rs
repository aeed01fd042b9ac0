//! From Kconfig to architectures: for kernels of which architectures can an option be set at all?
//!
//! An option can be set by its prompt or a default where its dependencies allow that, or by another
//! option that selects it whatever its dependencies are (Documentation/kbuild/kconfig-language.rst
//! of the kernel). What is not understood counts as met, so that an option that seems possible may
//! not be, and never the other way round.

mod expression;
mod parser;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use self::{
    expression::Expression,
    parser::{Definition, Definitions},
};
use super::{
    routes::{ARCHITECTURES, folder_and_name},
    tree::Tree,
};

/// Sources of programs and examples of Kconfig itself.
const LEFT_OUT: &[&str] = &["scripts/", "tools/", "Documentation/"];

/// Architectures of devices.
const COMMON: &[&str] = &["ARM", "ARM64", "MIPS", "PPC", "RISCV", "X86"];

/// For each option that not every architecture can set the options of the architectures that can.
pub(super) fn of_tree(tree: &Tree) -> BTreeMap<String, BTreeSet<String>> {
    let names = tree.texts.keys().filter_map(|path| {
        let name = path.strip_prefix("arch/")?.strip_suffix("/Kconfig")?;
        (!name.contains('/')).then_some(name)
    });
    let walks: Vec<(String, Definitions)> =
        names.map(|name| (option_of(name), parser::read(&tree.texts, name))).collect();
    let read: BTreeSet<&str> =
        walks.iter().flat_map(|(_, walk)| walk.files.iter().map(String::as_str)).collect();
    // Files that nothing leads to count in every architecture, whatever surrounds them.
    let others = tree.texts.keys().filter(|path| {
        folder_and_name(path).1.starts_with("Kconfig")
            && !LEFT_OUT.iter().any(|folder| path.starts_with(folder))
            && !read.contains(path.as_str())
    });
    let others: Vec<Definition> =
        others.flat_map(|path| parser::read_alone(&tree.texts, path)).collect();
    let defined = walks.iter().flat_map(|(_, walk)| &walk.all).map(|one| one.option.as_str());
    let anywhere: BTreeSet<String> = defined.map(str::to_owned).collect();
    let all: BTreeSet<String> = walks.iter().map(|(option, _)| option.clone()).collect();
    let mut possible: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (option, mut walk) in walks {
        walk.all.extend(others.iter().cloned());
        for name in walk.possible(&option, &anywhere) {
            possible.entry(name).or_default().insert(option.clone());
        }
    }
    // What all of the common ones can set is not worth a line.
    let common: Vec<&str> = COMMON.iter().copied().filter(|common| all.contains(*common)).collect();
    possible.retain(|_, options| common.iter().any(|common| !options.contains(*common)));
    possible
}

/// The option that an architecture sets, by its folder's name.
fn option_of(name: &str) -> String {
    let known = ARCHITECTURES.iter().find(|(folder, _)| *folder == name);
    known.map_or_else(|| name.to_uppercase(), |(_, option)| (*option).to_owned())
}

impl Definitions {
    /// The options that a kernel of an architecture can set: the largest set in which each one has
    /// a way to be set by others of the set.
    fn possible(&self, architecture: &str, anywhere: &BTreeSet<String>) -> BTreeSet<String> {
        let mut ways: HashMap<&str, Vec<Expression>> = HashMap::new();
        for one in &self.all {
            ways.entry(&one.option).or_default().push(one.own_way());
            for (target, when) in &one.selects {
                let by = Expression::Option(one.option.clone());
                let all = vec![by, when.clone(), one.depends.clone()];
                ways.entry(target).or_default().push(Expression::And(all));
            }
            for (target, when) in &one.implies {
                // What is implied keeps to its own dependencies, which is left out here.
                let all = vec![Expression::Option(one.option.clone()), when.clone()];
                ways.entry(target).or_default().push(Expression::And(all));
            }
        }
        if !self.complete {
            return anywhere.clone();
        }
        let defined: BTreeSet<&str> = self.all.iter().map(|one| one.option.as_str()).collect();
        // What only other architectures define has no value here.
        let elsewhere = anywhere.iter().map(String::as_str);
        let mut impossible: BTreeSet<&str> =
            elsewhere.filter(|option| !defined.contains(option)).collect();
        loop {
            let can = |option: &str| !impossible.contains(option);
            let certain = |option: &str| option == architecture;
            let lost: Vec<&str> = ways
                .iter()
                .filter(|(option, ways)| {
                    can(option) && !ways.iter().any(|way| way.can_hold(&can, &certain))
                })
                .map(|(option, _)| *option)
                .collect();
            if lost.is_empty() {
                break;
            }
            impossible.extend(lost);
        }
        defined.difference(&impossible).map(|option| (*option).to_owned()).collect()
    }
}

#[cfg(test)]
mod tests;
