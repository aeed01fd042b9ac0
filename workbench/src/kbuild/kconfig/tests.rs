//! Options of small made configurations.

use std::collections::BTreeMap;

use super::of_tree;
use crate::kbuild::tree::Tree;

const ARM: &str = "config ARM\n\tbool\n\tdefault y\n\tselect ONLY_SELECTED\n";
const X86: &str =
    "config X86\n\tdef_bool y\nconfig X86_64\n\tbool \"64-bit\" if \"$(ARCH)\" = \"x86\"\n";

/// The architectures that alone can set an option; none where all can.
fn able(root: &str) -> BTreeMap<String, String> {
    let mut tree = Tree::default();
    for (path, text) in [
        ("Kconfig", "source \"arch/$(SRCARCH)/Kconfig\"\nsource \"all/Kconfig\"\n"),
        ("arch/arm/Kconfig", ARM),
        ("arch/x86/Kconfig", X86),
        ("all/Kconfig", root),
    ] {
        tree.texts.insert(path.to_owned(), text.to_owned());
    }
    let options = of_tree(&tree).into_iter();
    options.map(|(option, able)| (option, able.into_iter().collect::<Vec<_>>().join(" "))).collect()
}

fn check(root: &str, option: &str, expected: Option<&str>) {
    assert_eq!(able(root).get(option).map(String::as_str), expected, "{root}");
}

#[test]
fn dependencies_restrict_to_architectures() {
    check("config A\n\tbool \"a\"\n\tdepends on X86 && NET\n", "A", Some("X86"));
    check("config A\n\ttristate \"a\"\n\tdepends on X86_64=y\n", "A", Some("X86"));
    check("if ARM\nconfig A\n\tbool \"a\"\nendif\nconfig B\n\tbool \"b\"\n", "A", Some("ARM"));
    check("menu \"m\"\n\tdepends on ARM\nconfig A\n\tbool \"a\"\nendmenu\n", "A", Some("ARM"));
    check(
        "config B\n\tbool \"b\"\n\tdepends on A\nconfig A\n\tbool \"a\"\n\tdepends on !ARM\n",
        "B",
        Some("X86"),
    );
    check("config A\n\tdef_bool X86\n", "A", Some("X86"));
    check("config A\n\tbool\n", "A", None);
    check("config A\n\tbool \"a\" if X86\n\tdefault y if X86\n", "A", Some("X86"));
}

#[test]
fn whatever_may_set_it_leaves_it_open() {
    for root in [
        "config A\n\tbool \"a\"\n\tdepends on X86 || COMPILE_TEST\n",
        "config A\n\tbool \"a\"\n\tdepends on X86\nconfig B\n\tbool \"b\"\n\tselect A if NET\n",
        "config A\n\tbool \"a\"\n\tdepends on $(success,test X86)\n",
        "config A\n\tbool \"a\"\n\tdepends on X86\nconfig A\n\tbool \"a\"\n\tdepends on ARM\n",
        "config A\n\tbool \"a\"\n\tdepends on (X86\n",
        "config A\n\tbool \"a\"\n\tdepends on X86 || !NET\n",
        "config A\n\tbool \"a\"\n\thelp\n\t  It says\n\n\t  depends on X86\nconfig C\n\tbool \"c\"\n",
        "config A\n\tbool\n\tdepends on X86\nconfig B\n\tdef_bool y\n\tselect A\n",
        "choice\n\tprompt \"c\"\nconfig A\n\tbool\nendchoice\n",
        "config A\n\tdef_bool X86\nconfig B\n\tbool \"b\"\n\timply A\n",
    ] {
        check(root, "A", None);
    }
    // Options that need each other may both be set.
    check(
        "config A\n\tbool \"a\"\n\tdepends on B\nconfig B\n\tbool \"b\"\n\tdepends on A\n",
        "A",
        None,
    );
}

#[test]
fn selecting_carries_over_dependencies() {
    check("config ONLY_SELECTED\n\tbool\n", "ONLY_SELECTED", Some("ARM"));
    // A file that is not found may hold anything.
    check("source \"not/there\"\nconfig A\n\tbool \"a\"\n\tdepends on X86\n", "A", None);
}
