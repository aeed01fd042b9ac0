//! Where results go: `-o FORMAT[=FILE]`.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Write},
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::Context as _;

use crate::failure::WrongUsage;

/// One output that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output<Format> {
    pub(crate) format: Format,
    /// The file, or standard output.
    pub(crate) file: Option<PathBuf>,
}

/// Reads the `-o` options; `default` to standard output if there is none.
pub(crate) fn parse<Format: FromStr<Err: fmt::Display>>(
    options: &[String],
    default: Format,
) -> Result<Vec<Output<Format>>, WrongUsage> {
    let mut outputs = Vec::new();
    for option in options {
        let (format, file) = match option.split_once('=') {
            Some((format, file)) => (format, Some(PathBuf::from(file))),
            None => (option.as_str(), None),
        };
        if file.as_ref().is_some_and(|file| file.as_os_str().is_empty()) {
            return Err(WrongUsage(format!("-o {option}: the file name is empty")));
        }
        let format = format.parse().map_err(|error| WrongUsage(format!("-o {option}: {error}")))?;
        outputs.push(Output { format, file });
    }
    if outputs.iter().filter(|output| output.file.is_none()).count() > 1 {
        let message = "-o: only one format can go to standard output; give the others a file";
        return Err(WrongUsage(message.to_owned()));
    }
    if outputs.is_empty() {
        outputs.push(Output { format: default, file: None });
    }
    Ok(outputs)
}

/// Forms of a result that has no others.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// For people.
    Table,
    /// For programs.
    Json,
}

impl FromStr for Form {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "table" => Ok(Self::Table),
            "json" => Ok(Self::Json),
            _ => Err("it is written as table or json"),
        }
    }
}

/// Writes one result where it was asked for; a file appears whole or not at all.
pub(crate) fn write<Format>(output: &Output<Format>, bytes: &[u8]) -> anyhow::Result<()> {
    write_with(output, |out| out.write_all(bytes).context("write the result"))
}

/// The same for a result that is written while it is made.
pub(crate) fn write_with<Format>(
    output: &Output<Format>,
    make: impl FnOnce(&mut (dyn Write + Send)) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if let Some(path) = &output.file {
        return write_file(path, make);
    }
    // Not by way of `Stdout`, which looks for the ends of lines.
    let stdout = io::stdout().as_fd().try_clone_to_owned().context("take the output")?;
    make(&mut File::from(stdout))
}

fn write_file(
    path: &Path,
    make: impl FnOnce(&mut (dyn Write + Send)) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let shown = path.display();
    let written = || format!("write {shown}");
    // A device or a pipe (`/dev/null`, `/dev/fd/3`) is written in place: it cannot be replaced.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        let mut file = File::options().write(true).open(path).with_context(written)?;
        return make(&mut file).with_context(written);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::Builder::new()
        .permissions(readable_by_all())
        .tempfile_in(folder)
        .with_context(|| format!("create a file in {}", folder.display()))?;
    make(file.as_file_mut()).with_context(written)?;
    file.persist(path).map_err(|error| error.error).with_context(written)?;
    Ok(())
}

/// As an ordinary file would be made; the user's mask is applied by the system.
fn readable_by_all() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

#[cfg(test)]
mod tests {
    use auscult_report::OutputFormat;

    use super::parse;

    #[test]
    fn outputs_are_checked_before_anything_runs() {
        let parse = |options: &[&str]| {
            let options: Vec<String> = options.iter().map(|&option| option.into()).collect();
            parse(&options, OutputFormat::Table)
        };
        assert_eq!(parse(&[]).unwrap()[0].format, OutputFormat::Table);
        assert_eq!(parse(&["json=a=b", "table"]).unwrap().len(), 2);
        for wrong in [&["xml"][..], &["sarif=x"], &["json="], &["json", "table"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
