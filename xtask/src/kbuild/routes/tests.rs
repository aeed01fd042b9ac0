//! Conditions of the sources of small made trees.

use std::collections::BTreeMap;

use super::{of_tree, simple};
use crate::kbuild::{condition, tree::Tree};

/// The conditions of the sources of a small tree.
fn conditions(texts: &[(&str, &str)], sources: &[&str]) -> BTreeMap<String, String> {
    let mut tree = Tree::default();
    let options = ["A", "B", "C", "D"].map(|option| format!("config {option}\n\ttristate\n"));
    tree.texts.insert("Kconfig".to_owned(), options.concat() + "config Y\n\tbool\n");
    for (path, text) in texts {
        tree.texts.insert((*path).to_owned(), (*text).to_owned());
    }
    tree.sources = sources.iter().map(|path| (*path).to_owned()).collect();
    of_tree(&tree).into_iter().map(|(path, routes)| (path, condition(&routes))).collect()
}

#[test]
fn folders_objects_and_parts_add_their_options() {
    let found = conditions(
        &[
            ("drivers/Makefile", "obj-$(CONFIG_A) += net/ \\\n  misc/ # both\nobj-y += core.o\n"),
            (
                "drivers/net/Makefile",
                "obj-$(CONFIG_B) += big-one.o\nbig-one-y := a.o\n\
                big-one-$(CONFIG_Y) += b.o $(extra)\nextra = sub/c.o\nobj-$(CONFIG_Y) += d.o\n",
            ),
        ],
        &[
            "drivers/core.c",
            "drivers/net/a.c",
            "drivers/net/b.c",
            "drivers/net/sub/c.S",
            "drivers/net/d.c",
            "drivers/misc/alone.c",
        ],
    );
    for (path, expected) in [
        ("drivers/core.c", "*"),
        ("drivers/net/a.c", "A&B=big_one"),
        ("drivers/net/b.c", "A&B&Y=big_one"),
        ("drivers/net/sub/c.S", "A&B&Y=big_one"),
        ("drivers/net/d.c", "A&Y"),
        // Nothing says how it is built: its folder's options are all that is known.
        ("drivers/misc/alone.c", "A"),
    ] {
        assert_eq!(found[path], expected, "{path}");
    }
}

#[test]
fn what_is_not_understood_asks_for_less() {
    let found = conditions(
        &[
            (
                "lib/Makefile",
                "ifdef CONFIG_A\nobj-y += a.o\nelse\nobj-y += b.o\nendif\n\
                ifeq ($(CONFIG_B),y)\nobj-y += c.o\nendif\nifneq ($(CONFIG_C),)\nobj-y += d.o\nendif\n\
                ifndef CONFIG_D\nobj-y += e.o\nendif\nobj-$(CONFIG_UNDEFINED) += f.o\n\
                obj-$(call odd,$(CONFIG_A)) += g.o\n",
            ),
            ("net/Makefile", "obj-$(CONFIG_A) += one.o\nobj-$(CONFIG_B) += $(shell ls *.o)\n"),
            ("fs/Makefile", "obj-$(CONFIG_A) += x/\n"),
            (
                "fs/x/Makefile",
                "obj-$(CONFIG_B) += x.o\nx-y := ../y/shared.o own.o\n\
                include $(src)/no-such-file\n",
            ),
        ],
        &[
            "lib/a.c",
            "lib/b.c",
            "lib/c.c",
            "lib/d.c",
            "lib/e.c",
            "lib/f.c",
            "lib/g.c",
            "net/one.c",
            "fs/y/shared.c",
            "fs/x/own.c",
        ],
    );
    for (path, expected) in [
        ("lib/a.c", "A"),
        ("lib/b.c", "*"),
        ("lib/c.c", "B"),
        ("lib/d.c", "C"),
        ("lib/e.c", "*"),
        ("lib/f.c", "*"),
        ("lib/g.c", "*"),
        // The list that is not understood may name it too.
        ("net/one.c", "A=one|B"),
        ("fs/x/own.c", "A"),
    ] {
        assert_eq!(found[path], expected, "{path}");
    }
    assert!(!found["fs/y/shared.c"].contains("&B"), "{found:?}");
}

#[test]
fn sources_that_others_include_are_built_with_them() {
    let mut tree = Tree::default();
    tree.texts.insert("Kconfig".to_owned(), "config A\n\tbool\nconfig B\n\tbool\n".to_owned());
    tree.texts.insert(
        "kernel/Makefile".to_owned(),
        "obj-$(CONFIG_A) += a.o\nobj-$(CONFIG_B) += b.o\n".to_owned(),
    );
    for path in ["kernel/a.c", "kernel/b.c", "kernel/c.c"] {
        tree.sources.insert(path.to_owned());
    }
    tree.includes = vec![
        ("kernel/a.c".to_owned(), "b.c".to_owned()),
        ("include/x.h".to_owned(), "../kernel/c.c".to_owned()),
    ];
    let found = of_tree(&tree);
    assert_eq!(condition(&found["kernel/b.c"]), "A|B");
    assert_eq!(condition(&found["kernel/c.c"]), "*");
    assert!(simple(&found["kernel/a.c"]).len() == 1);
}
