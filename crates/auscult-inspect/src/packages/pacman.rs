//! The pacman database of Arch Linux and its kin: one folder for each package in
//! `/var/lib/pacman/local`, with the files `desc` and `files` (alpm, `be_local.c`).
//!
//! A field is its name between percent signs on a line, its values on the lines below, and an empty
//! line.

use std::collections::HashMap;

use auscult_unpack::{NodeId, Tree};

use super::{Database, Packages, Row, nameless, version_of};
use crate::roots::{self, Root};

const FOLDER: &[u8] = b"/var/lib/pacman/local/";
const DESCRIPTION: &[u8] = b"/desc";

pub(super) fn read(tree: &Tree, packages: &mut Packages) {
    for root in roots(tree) {
        packages.databases += 1;
        let members = root.under(tree, FOLDER);
        for &(name, id) in &members {
            let Some(folder) = name.strip_suffix(DESCRIPTION) else { continue };
            let wanted = [folder, b"/files"].concat();
            let files = members.iter().find(|(name, _)| *name == wanted).map(|&(_, id)| id);
            add(tree, &root, id, files, packages);
        }
    }
}

/// The roots with a database, each once.
fn roots(tree: &Tree) -> Vec<Root> {
    let mut found: Vec<Root> = Vec::new();
    for container in tree.file_systems() {
        for &id in &tree.node(container).children {
            let Some(rest) = tree.node(id).name.0.strip_suffix(DESCRIPTION) else { continue };
            let Some(cut) = rest.iter().rposition(|&byte| byte == b'/') else { continue };
            let folder = rest.get(..=cut).unwrap_or_default();
            if let Some(prefix) = folder.strip_suffix(FOLDER) {
                let root = Root { container, prefix: prefix.to_vec() };
                if found.last() != Some(&root) {
                    found.push(root);
                }
            }
        }
    }
    found.dedup();
    found
}

fn add(tree: &Tree, root: &Root, id: NodeId, files: Option<NodeId>, packages: &mut Packages) {
    let fields = fields(&roots::read_text(tree, id, &mut packages.problems));
    let field = |name: &str| fields.get(name)?.first().cloned();
    let locator = tree.locator(id);
    let Some(name) = field("NAME") else {
        nameless(&locator, &mut packages.problems);
        return;
    };
    let version = version_of(field("VERSION").as_deref(), &locator, &mut packages.problems);
    let files = files.map(|id| {
        let mut lists = self::fields(&roots::read_text(tree, id, &mut packages.problems));
        lists.remove("FILES").unwrap_or_default()
    });
    let files = files.into_iter().flatten().filter(|path| !path.ends_with('/'));
    packages.rows.push(Row {
        architecture: field("ARCH"),
        source: field("BASE").filter(|base| *base != name),
        licences: fields.get("LICENSE").cloned().unwrap_or_default(),
        files: files.map(|path| [b"/", path.as_bytes()].concat()).collect(),
        ..Row::new(Database::Pacman, name, version, root.clone(), locator)
    });
}

fn fields(bytes: &[u8]) -> HashMap<String, Vec<String>> {
    let text = String::from_utf8_lossy(bytes);
    let mut fields: HashMap<String, Vec<String>> = HashMap::new();
    let mut current = None;
    for line in text.lines().map(str::trim) {
        let name = line.strip_prefix('%').and_then(|rest| rest.strip_suffix('%'));
        match (name, &current) {
            (Some(name), _) => current = Some(name.to_owned()),
            (None, _) if line.is_empty() => current = None,
            (None, Some(name)) => fields.entry(name.clone()).or_default().push(line.to_owned()),
            (None, None) => {}
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{
        Tree as Files,
        squashfs::{SquashfsOptions, squashfs},
    };
    use auscult_unpack::Tree;

    use super::{Packages, fields, read};

    #[test]
    fn folders_are_packages() {
        let files = Files::new()
            .file(
                "root/var/lib/pacman/local/zlib-1:1.3.1-2/desc",
                0o644,
                "%NAME%\nzlib\n\n%VERSION%\n1:1.3.1-2\n\n%BASE%\nzlib-ng\n\n%ARCH%\nx86_64\n\n\
                 %LICENSE%\nZlib\nMIT\n\n",
            )
            .file(
                "root/var/lib/pacman/local/zlib-1:1.3.1-2/files",
                0o644,
                "%FILES%\nusr/\nusr/lib/\nusr/lib/libz.so.1.3.1\n",
            )
            .file("root/var/lib/pacman/local/lost-1/desc", 0o644, "%VERSION%\n1\n");
        let image = squashfs(&files, SquashfsOptions::default());
        let mut packages = Packages::default();
        read(&Tree::from_bytes(image, &Limits::default()), &mut packages);
        assert_eq!((packages.databases, packages.problems.len()), (1, 1));
        let [zlib] = packages.rows.as_slice() else { panic!("{:?}", packages.rows) };
        let component = crate::packages::component(zlib, None);
        assert_eq!(component.purl.unwrap().0, "pkg:alpm/arch/zlib@1:1.3.1-2?arch=x86_64");
        assert_eq!(zlib.source.as_deref(), Some("zlib-ng"));
        assert_eq!(zlib.licences, ["Zlib", "MIT"]);
        assert_eq!(zlib.files, [b"/usr/lib/libz.so.1.3.1".to_vec()]);
        assert_eq!(zlib.root.prefix, b"/root");
        assert!(fields(b"%NAME\nx\n\xff%%\n").is_empty());
    }
}
