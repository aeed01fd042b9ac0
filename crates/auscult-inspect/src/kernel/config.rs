//! Kernel configurations: embedded by `CONFIG_IKCONFIG` or shipped in `/boot`.
//!
//! `kernel/configs.c` puts a gzip stream between `IKCFG_ST` and `IKCFG_ED` into the kernel. The
//! header comment of the text names the kernel's version, which BusyBox and U-Boot configurations
//! of the same form do not have in this wording.

use std::collections::BTreeMap;

use auscult_model::Limits;
use auscult_unpack::{NodeKind, Tree};

use super::banner;

/// A kernel configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// The version that its header names.
    pub(crate) version: Option<String>,
    /// `CONFIG_X` to its value; an option that is "not set" has the value `n`.
    pub(crate) options: BTreeMap<String, String>,
}

/// A configuration is some hundred KiB of text.
const CONFIG_BYTES_MAX: usize = 4 << 20;
/// Its header stands in the first lines.
const HEADER_BYTES: usize = 512;

/// Reads the text of a kernel configuration, if it is one.
pub(crate) fn read(bytes: &[u8]) -> Option<Config> {
    if bytes.len() > CONFIG_BYTES_MAX || !bytes.starts_with(b"#") {
        return None;
    }
    let header = String::from_utf8_lossy(bytes.get(..HEADER_BYTES).unwrap_or(bytes));
    let kernel = header.contains("Kernel Configuration")
        || header.contains("Linux kernel version")
        || header.contains("Linux Kernel Configuration");
    if !kernel {
        return None;
    }
    let version = header
        .lines()
        .take(8)
        .filter(|line| line.starts_with('#') && line.contains("ernel"))
        .flat_map(str::split_whitespace)
        .find_map(banner::numeric);
    let options = String::from_utf8_lossy(bytes).lines().filter_map(option).collect();
    Some(Config { version: version.map(ToOwned::to_owned), options })
}

/// `CONFIG_X=y`, or `# CONFIG_X is not set`.
fn option(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    if let Some(name) = line.strip_prefix("# ").and_then(|rest| rest.strip_suffix(" is not set")) {
        return name.starts_with("CONFIG_").then(|| (name.to_owned(), "n".to_owned()));
    }
    let (name, value) = line.split_once('=')?;
    name.starts_with("CONFIG_").then(|| (name.to_owned(), value.trim_matches('"').to_owned()))
}

/// The configuration embedded in a kernel's bytes.
pub(crate) fn embedded(bytes: &[u8], limits: &Limits) -> Option<Config> {
    let finder = memchr::memmem::Finder::new(b"IKCFG_ST");
    finder.find_iter(bytes).take(4).find_map(|at| {
        let start = at + 8;
        let rest = bytes.get(start..)?;
        let end = memchr::memmem::find(rest, b"IKCFG_ED").unwrap_or(rest.len());
        let stream = rest.get(..end.min(CONFIG_BYTES_MAX))?;
        let tree = Tree::from_bytes(stream.to_vec(), limits);
        tree.nodes()
            .filter(|(_, node)| matches!(node.kind, NodeKind::Member(_)))
            .find_map(|(id, _)| read(&tree.bytes(id).ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn options_and_version_are_read() {
        let text = "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/arm 6.1.176 Kernel \
            Configuration\n#\nCONFIG_ARM=y\nCONFIG_CC_VERSION_TEXT=\"gcc 12\"\n# CONFIG_MODULES is \
            not set\n";
        let config = read(text.as_bytes()).unwrap();
        assert_eq!(config.version.as_deref(), Some("6.1.176"));
        assert_eq!(config.options["CONFIG_ARM"], "y");
        assert_eq!(config.options["CONFIG_MODULES"], "n");
        assert_eq!(config.options["CONFIG_CC_VERSION_TEXT"], "gcc 12");
        let old = "#\n# Automatically generated make config: don't edit\n# Linux kernel version: \
            2.6.31\n# Fri\n#\nCONFIG_MIPS=y\n";
        assert_eq!(read(old.as_bytes()).unwrap().version.as_deref(), Some("2.6.31"));
        let busybox = "#\n# Automatically generated make config: don't edit\n# Busybox version: \
            1.36.1\nCONFIG_ASH=y\n";
        assert_eq!(read(busybox.as_bytes()), None);
    }
}
