//! Headers of small made trees.

use std::collections::BTreeMap;

use super::of_tree;
use crate::kbuild::{
    condition, routes,
    tree::{Include, Tree, is_source},
};

/// The headers of a tree of these files: path, and what it includes, in quotes or not.
fn headers(texts: &[(&str, &str)], files: &[(&str, &[&str])]) -> BTreeMap<String, String> {
    let mut tree = Tree::default();
    let options = ["A", "B", "ARM", "X86"].map(|option| format!("config {option}\n\ttristate\n"));
    tree.texts.insert("Kconfig".to_owned(), options.concat());
    for (path, text) in texts {
        tree.texts.insert((*path).to_owned(), (*text).to_owned());
    }
    for (path, includes) in files {
        let kind = if is_source(path) { &mut tree.sources } else { &mut tree.others };
        kind.insert((*path).to_owned());
        tree.includes.extend(includes.iter().map(|what| Include {
            by: (*path).to_owned(),
            what: what.trim_matches('"').to_owned(),
            quoted: what.starts_with('"'),
        }));
    }
    tree.licensed.clone_from(&tree.sources);
    let sources = routes::of_tree(&tree);
    let number = |sources: Option<usize>| sources.map(|one| one.to_string()).unwrap_or_default();
    of_tree(&tree, &sources)
        .into_iter()
        .map(|(path, header)| {
            (path, format!("{}#{}", number(header.sources), condition(&header.routes)))
        })
        .collect()
}

const DRIVERS: (&str, &str) =
    ("drivers/Makefile", "obj-$(CONFIG_A) += a.o\nobj-$(CONFIG_B) += b.o\n");

#[test]
fn a_header_has_all_sources_that_lead_to_it() {
    let found = headers(
        &[DRIVERS],
        &[
            ("drivers/a.c", &["\"a.h\"", "shared/deep.h"]),
            ("drivers/b.c", &["\"sub/../sub/b.h\""]),
            ("drivers/a.h", &[]),
            ("drivers/sub/b.h", &["../../include/shared/deep.h"]),
            ("include/shared/deep.h", &["\"deeper.h\""]),
            ("include/shared/deeper.h", &[]),
            ("drivers/unused.h", &["\"a.h\""]),
        ],
    );
    for (path, expected) in [
        ("drivers/a.h", Some("1#A=a")),
        ("drivers/sub/b.h", Some("1#B=b")),
        ("include/shared/deep.h", Some("2#A=a|B=b")),
        ("include/shared/deeper.h", Some("2#A=a|B=b")),
        // Nobody is seen to include it, which proves nothing.
        ("drivers/unused.h", None),
    ] {
        assert_eq!(found.get(path).map(String::as_str), expected, "{path}");
    }
}

#[test]
fn what_may_be_meant_counts() {
    let found = headers(
        &[DRIVERS, ("kernel/Makefile", "obj-y += core.o\n# core.o needs trace.h\n")],
        &[
            // Not beside it: any file of the name may be meant.
            ("drivers/a.c", &["\"core.h\"", "x/y.h"]),
            ("drivers/one/core.h", &[]),
            ("drivers/two/core.h", &[]),
            ("include/x/y.h", &[]),
            ("drivers/x/y.h", &[]),
            ("kernel/core.c", &["\"core.h\"", "\"trace.h\""]),
            ("kernel/core.h", &[]),
            ("kernel/trace.h", &[]),
        ],
    );
    for path in ["drivers/one/core.h", "drivers/two/core.h", "include/x/y.h", "drivers/x/y.h"] {
        assert_eq!(found[path], "1#A=a", "{path}");
    }
    // What a source under no option includes is not told.
    assert_eq!(found.get("kernel/core.h"), None);
}

#[test]
fn headers_of_unknown_users_are_left_out() {
    let named = ("lib/Makefile", "ccflags-y += -include $(src)/forced.h\nobj-$(CONFIG_A) += l.o\n");
    let found = headers(
        &[DRIVERS, named],
        &[
            ("drivers/a.c", &["\"macro.h\"", "\"sample.h\"", "\"made.h\""]),
            ("drivers/macro.h", &[]),
            ("drivers/sample.h", &[]),
            ("drivers/made.h", &[]),
            ("samples/s.c", &["../drivers/sample.h"]),
            ("drivers/make.pl", &["made.h"]),
            ("lib/l.c", &["\"forced.h\"", "\"own.h\""]),
            ("lib/forced.h", &[]),
            ("lib/own.h", &[]),
        ],
    );
    for path in ["drivers/sample.h", "drivers/made.h", "lib/forced.h"] {
        assert_eq!(found.get(path), None, "{path}");
    }
    assert_eq!(found["drivers/macro.h"], "1#A=a");
    assert_eq!(found["lib/own.h"], "1#A=l");
}

#[test]
fn headers_of_an_architecture_are_for_its_kernels() {
    let files: &[(&str, &[&str])] = &[
        ("kernel/all.c", &["asm/io.h"]),
        ("drivers/a.c", &["\"../arch/arm/mach/odd.h\""]),
        ("arch/arm/include/asm/io.h", &["asm/deep.h"]),
        ("arch/arm/include/asm/deep.h", &[]),
        ("arch/x86/include/asm/io.h", &[]),
        ("arch/x86/include/asm/alone.h", &[]),
        ("arch/arm/mach/odd.h", &["\"odder.h\""]),
        ("arch/arm/mach/odder.h", &[]),
    ];
    let makefiles = [
        DRIVERS,
        ("kernel/Makefile", "obj-y += all.o\n"),
        ("arch/arm/Makefile", ""),
        ("arch/x86/Makefile", ""),
    ];
    let found = headers(&makefiles, files);
    for (path, expected) in [
        ("arch/arm/include/asm/io.h", "1#ARM"),
        ("arch/arm/include/asm/deep.h", "1#ARM"),
        ("arch/x86/include/asm/io.h", "1#UML|X86"),
        ("arch/x86/include/asm/alone.h", "#UML|X86"),
        // Another folder reaches in there.
        ("arch/arm/mach/odd.h", "1#A=a"),
        ("arch/arm/mach/odder.h", "1#A=a"),
    ] {
        assert_eq!(found[path], expected, "{path}");
    }
    let mut named = makefiles.to_vec();
    named.push(("net/Makefile", "ccflags-y += -I$(srctree)/arch/arm/include\n"));
    assert_eq!(headers(&named, files).get("arch/arm/include/asm/io.h"), None);
}
