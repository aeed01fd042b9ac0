//! Conditions of the sources of small made trees.

use std::collections::BTreeMap;

use super::{of_tree, simple};
use crate::kbuild::{
    condition,
    tree::{Include, Tree},
};

/// The conditions of the sources of a small tree.
fn conditions(texts: &[(&str, &str)], sources: &[&str]) -> BTreeMap<String, String> {
    let mut tree = Tree::default();
    let options = ["A", "B", "C", "D"].map(|option| format!("config {option}\n\ttristate\n"));
    tree.texts.insert("Kconfig".to_owned(), options.concat() + "config Y\n\tbool\n");
    for (path, text) in texts {
        tree.texts.insert((*path).to_owned(), (*text).to_owned());
    }
    tree.sources = sources.iter().map(|path| (*path).to_owned()).collect();
    tree.licensed = tree.sources.iter().filter(|path| !path.contains("free")).cloned().collect();
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
    let include =
        |by: &str, what: &str| Include { by: by.to_owned(), what: what.to_owned(), quoted: true };
    tree.includes = vec![include("kernel/a.c", "b.c"), include("include/x.h", "../kernel/c.c")];
    let found = of_tree(&tree);
    assert_eq!(condition(&found["kernel/b.c"]), "A|B");
    assert_eq!(condition(&found["kernel/c.c"]), "*");
    assert!(simple(&found["kernel/a.c"]).len() == 1);
}

#[test]
fn what_a_makefile_speaks_of_becomes_a_part_of_what_it_makes() {
    let texts = [
        ("drivers/Makefile", "obj-$(CONFIG_A) += big/\n"),
        (
            "drivers/big/Makefile",
            "ccflags-y := -I$(srctree)/drivers/flags -I $(srctree)/drivers/apart\n\
            ROOT = $(srctree)/$(src)/..\nLATER = $(ROOT)/part/Makefile.later\ninclude $(addsuffix /Makefile, $(addprefix $(ROOT)/,part))\n\
            big-y := main.o $(PART)\nobj-$(CONFIG_B) += big.o\n",
        ),
        ("drivers/part/Makefile", "include $(LATER)\nPART = $(addprefix ../part/,$(NAMES))\n"),
        ("drivers/part/Makefile.later", "NAMES = p.o\n"),
        ("drivers/flags/Makefile", "obj-$(CONFIG_C) += flag.o\n"),
        ("drivers/apart/Makefile", "obj-$(CONFIG_C) += apart.o\n"),
    ];
    let sources = [
        "drivers/big/main.c",
        "drivers/big/unlisted.c",
        "drivers/part/p.c",
        "drivers/flags/flag.c",
        "drivers/apart/apart.c",
    ];
    let found = conditions(&texts, &sources);
    for (path, expected) in [
        ("drivers/big/main.c", "A&B=big"),
        // Whatever is made there is a part of the one object that is made.
        ("drivers/big/unlisted.c", "A&B=big"),
        ("drivers/part/p.c", "A&B=big"),
        // Folders in which only headers are looked for.
        ("drivers/flags/flag.c", "C=flag"),
        ("drivers/apart/apart.c", "C=apart"),
    ] {
        assert_eq!(found[path], expected, "{path}");
    }
    // Another object may take it too, and so may one that is not understood.
    for (more, expected) in [
        ("obj-$(CONFIG_D) += other.o\n", "A&B=big|A&D=other"),
        ("obj-$(CONFIG_Y) += other.o\n", "A&B=big|A&Y"),
        ("obj-y += $(odd)\n", "A"),
        ("export ROOT\n", "A"),
    ] {
        let mut texts = texts;
        let own = texts[1].1.to_owned() + more;
        texts[1].1 = &own;
        assert_eq!(conditions(&texts, &sources)["drivers/part/p.c"], expected, "{more}");
    }
}

#[test]
fn an_option_that_is_bool_somewhere_makes_no_module_there() {
    let found = conditions(
        &[
            ("arch/arm64/Kconfig", "config A\n\tbool \"a\"\nconfig B\n\tdepends on A\n"),
            ("arch/arm64/a/Makefile", "obj-$(CONFIG_A) += a.o\nobj-$(CONFIG_B) += b.o\n"),
            ("arch/x86/a/Makefile", "obj-$(CONFIG_A) += a.o\n"),
            ("lib/Makefile", "obj-$(CONFIG_A) += a.o\nobj-$(CONFIG_B) += b.o\n"),
        ],
        &["arch/arm64/a/a.c", "arch/arm64/a/b.c", "arch/x86/a/a.c", "lib/a.c", "lib/b.c"],
    );
    for (path, expected) in [
        ("arch/arm64/a/a.c", "A&ARM64"),
        ("arch/arm64/a/b.c", "ARM64&B=b"),
        ("arch/x86/a/a.c", "A&X86=a"),
        ("lib/a.c", "A"),
        ("lib/b.c", "B=b"),
    ] {
        assert_eq!(found[path], expected, "{path}");
    }
}

/// `modules.builtin` does not name everything that is built in under an option that may be `m`.
#[test]
fn what_no_list_would_name_is_no_module() {
    let found = conditions(
        &[(
            "net/Makefile",
            "obj-$(subst m,y,$(CONFIG_A)) += core.o\nobj-$(CONFIG_A) += a.o licence-free.o\n",
        )],
        &["net/core.c", "net/a.c", "net/licence-free.c"],
    );
    for (path, expected) in [("net/core.c", "A"), ("net/a.c", "A=a"), ("net/licence-free.c", "A")] {
        assert_eq!(found[path], expected, "{path}");
    }
}
