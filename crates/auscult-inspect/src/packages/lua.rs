//! Rocks of Lua: `rocks-5.x/NAME/VERSION/NAME-VERSION.rockspec` (LuaRocks, "Rockspec format"), a
//! program in Lua of which only the plain assignments are read.

use super::{
    Database, Packages,
    language::{Found, Module},
};

pub(super) fn is_manifest(path: &[u8]) -> bool {
    let mut parts = path.rsplit(|&byte| byte == b'/');
    let file = parts.next().unwrap_or_default();
    file.ends_with(b".rockspec") && parts.nth(2).is_some_and(|tree| tree.starts_with(b"rocks"))
}

pub(super) fn read(found: &Found<'_>, packages: &mut Packages) {
    let text = found.text(packages);
    // The folders are what LuaRocks goes by.
    let path = String::from_utf8_lossy(found.path()).into_owned();
    let mut folders = path.rsplit('/').skip(1).map(ToOwned::to_owned);
    let (version, name) = (folders.next(), folders.next());
    let module = Module { name, version, licence: assigned(&text, "license") };
    found.add(Database::LuaRocks, module, packages);
}

/// The string in `KEY = "…"`.
fn assigned(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (left, right) = line.split_once('=')?;
        let right = right.trim().trim_end_matches(',');
        let inner = right.strip_prefix('"')?.strip_suffix('"')?;
        (left.trim() == key && !inner.is_empty()).then(|| inner.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use crate::packages::language::tests::{damage, modules};

    #[test]
    fn rocks_are_told_by_their_folders() {
        let path = "usr/lib/luarocks/rocks-5.1/luasocket/3.0rc1-2/luasocket-3.0rc1-2.rockspec";
        let spec = b"package = \"LuaSocket\"\nversion = \"3.0rc1-2\"\ndescription = {\n   \
            license = \"MIT\",\n}\n";
        assert_eq!(modules(&[(path, spec)]).0, ["pkg:luarocks/luasocket@3.0rc1-2 MIT"]);
        assert!(modules(&[("src/luasocket-3.0rc1-2.rockspec", spec)]).0.is_empty());
        damage(path, spec);
    }
}
