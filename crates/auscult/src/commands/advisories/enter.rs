//! `auscult advisories enter`: a disclosure that came as a letter, a mail or a PDF joins the mirror.

use std::{
    fs,
    io::{self, Write as _},
};

use anyhow::Context as _;
use auscult_advisory::check_disclosure;
use auscult_fetch::Mirror;
use auscult_model::Sha256;

use crate::{args::EnterArgs, data, exit::Exit, failure::Hinted, target::read_text};

/// The folder of the mirror in which disclosures lie.
const FOLDER: &str = "disclosures";

/// Checks a disclosure and lays it in the mirror, from where every update takes it. One of the same
/// id is replaced: it was entered again, with what was learnt since.
pub(super) fn run(arguments: &EnterArgs) -> anyhow::Result<Exit> {
    let path = &arguments.file;
    let text = read_text(path, "disclosure")?;
    let id = check_disclosure(&text).map_err(|reason| {
        Hinted::error(
            format!("{}: {reason}", path.display()),
            "write it as docs/disclosures.md shows",
        )
    })?;
    let folder = Mirror::new(&data::folder(arguments.data.as_deref())?).feeds().join(FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let place = folder.join(format!("{}.toml", file_name(&id)));
    let replaced = place.try_exists().with_context(|| format!("look for {}", place.display()))?;
    auscult_fetch::write_atomically(&place, text.as_bytes())
        .with_context(|| format!("write {}", place.display()))?;
    let what = if replaced { "replaced" } else { "entered" };
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{what} {} as {}", auscult_report::clean(&id), place.display())?;
    writeln!(stdout, "to use it: auscult advisories update")?;
    Ok(Exit::Done)
}

/// An id as the name of a file: what is neither a letter nor a digit is a dash, and different ids
/// have different names.
fn file_name(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let name: String = id.chars().map(plain).take(80).collect();
    let name = name.trim_start_matches('.').to_owned();
    let digest = Sha256::of(id.as_bytes()).to_string();
    if name == id { name } else { format!("{name}-{}", digest.get(..8).unwrap_or_default()) }
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn ids_become_names_of_files() {
        assert_eq!(file_name("ACME-2026-03"), "ACME-2026-03");
        assert_ne!(file_name("a/b"), file_name("a b"));
        assert!(!file_name("../x").contains(['/']) && !file_name("..").starts_with('.'));
    }
}
