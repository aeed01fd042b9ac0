//! Debian's archive as a source of labelled binaries: the package lists of any suite and
//! architecture, and the packages themselves, through `apt-get` with lists and a cache of its own.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail, ensure};

use xtask::shell::output_bytes;

/// One package in so many may be missing from a mirror that lists it.
const ABSENT_SHARE: usize = 10;
/// Signs the lists; from the package `debian-archive-keyring`.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// One architecture of one suite.
pub(crate) struct Archive {
    pub(crate) suite: String,
    pub(crate) architecture: String,
    folder: PathBuf,
}

/// A binary package of an archive.
#[derive(Clone, Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) architecture: String,
    /// The source package and its version.
    pub(crate) source: String,
    pub(crate) source_version: String,
    /// Bytes of the `.deb`.
    pub(crate) size: u64,
}

impl Archive {
    /// Opens an archive below the cache folder and refreshes its lists if there are none.
    pub(crate) fn open(cache: &Path, suite: &str, architecture: &str) -> anyhow::Result<Self> {
        let archive = Self {
            suite: suite.to_owned(),
            architecture: architecture.to_owned(),
            folder: cache.join(format!("{suite}-{architecture}")),
        };
        if archive.folder.join("available").is_file() {
            // The folder may have been moved since.
            archive.configure()?;
        } else {
            archive
                .update()
                .with_context(|| format!("read the lists of {suite}/{architecture}"))?;
        }
        Ok(archive)
    }

    fn config(&self) -> PathBuf {
        self.folder.join("apt.conf")
    }

    /// Writes the private configuration.
    fn configure(&self) -> anyhow::Result<()> {
        let base = &self.folder;
        for folder in [
            "etc/sources.list.d",
            "etc/preferences.d",
            "etc/apt.conf.d",
            "state/lists/partial",
            "cache/archives/partial",
            "debs",
        ] {
            fs::create_dir_all(base.join(folder))?;
        }
        fs::write(base.join("state/status"), "")?;
        let (mirror, suite) = (mirror()?, &self.suite);
        let source = format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n");
        fs::write(base.join("etc/sources.list"), source)?;
        let inherited = output(Command::new("apt-config").arg("dump"))?;
        let proxies = inherited.lines().filter(|line| line.starts_with("Acquire::http"));
        let (place, architecture) = (base.display(), &self.architecture);
        let settings = format!(
            "{}\nAPT::Architecture \"{architecture}\";\nAPT::Architectures {{\"{architecture}\";}};\n\
             Dir::State \"{place}/state\";\nDir::State::status \"{place}/state/status\";\n\
             Dir::Cache \"{place}/cache\";\nDir::Etc \"{place}/etc\";\nAcquire::Languages \"none\";\n\
             Acquire::Retries \"3\";\nAcquire::Check-Valid-Until \"false\";\n\
             APT::Sandbox::User \"root\";\n",
            proxies.collect::<Vec<_>>().join("\n"),
        );
        Ok(fs::write(self.config(), settings)?)
    }

    /// Fetches the lists and keeps what they say.
    fn update(&self) -> anyhow::Result<()> {
        self.configure()?;
        let (base, suite, architecture) = (&self.folder, &self.suite, &self.architecture);
        println!("reading the lists of {suite}/{architecture}");
        // A failed update is only a warning unless told otherwise.
        let error_mode = ["-q", "update", "-o", "APT::Update::Error-Mode=any"];
        output(Command::new("apt-get").args(error_mode).env("APT_CONFIG", self.config()))?;
        let available =
            output(Command::new("apt-cache").arg("dumpavail").env("APT_CONFIG", self.config()))?;
        ensure!(!available.is_empty(), "the lists are empty");
        fs::write(base.join("available"), available)?;
        Ok(())
    }

    /// Every binary package, as listed.
    pub(crate) fn packages(&self) -> anyhow::Result<Vec<Package>> {
        let text = fs::read_to_string(self.folder.join("available"))?;
        Ok(text.split("\n\n").filter_map(package).collect())
    }

    /// Downloads the packages that the cache lacks and returns each one's file. A mirror may list
    /// a few that it no longer has: these are left out, up to one in [`ABSENT_SHARE`].
    pub(crate) fn fetch(&self, packages: &[&Package]) -> anyhow::Result<HashMap<String, PathBuf>> {
        let debs = self.folder.join("debs");
        let file = |package: &Package| {
            let version = package.version.replace(':', "%3a");
            debs.join(format!("{}_{version}_{}.deb", package.name, package.architecture))
        };
        let absent: Vec<&Package> =
            packages.iter().copied().filter(|package| !file(package).is_file()).collect();
        for part in absent.chunks(64) {
            if self.download(&debs, part).is_err() {
                for package in part {
                    if let Err(error) = self.download(&debs, std::slice::from_ref(package)) {
                        println!("{} is left out: {error}", package.name);
                    }
                }
            }
        }
        let found = packages.iter().map(|package| (package.name.clone(), file(package)));
        let found: HashMap<_, _> = found.filter(|(_, file)| file.is_file()).collect();
        if (packages.len() - found.len()) * ABSENT_SHARE > packages.len() {
            bail!("{} has only {} of {} packages", self.suite, found.len(), packages.len());
        }
        Ok(found)
    }

    fn download(&self, debs: &Path, packages: &[&Package]) -> anyhow::Result<()> {
        let names = packages.iter().map(|package| format!("{}={}", package.name, package.version));
        let mut download = Command::new("apt-get");
        download.args(["-q", "download"]).args(names).current_dir(debs);
        output(download.env("APT_CONFIG", self.config()))?;
        Ok(())
    }
}

/// Reads one record of the lists.
fn package(stanza: &str) -> Option<Package> {
    let field = |name: &str| {
        let mut lines = stanza.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value.trim())
    };
    let (name, version) = (field("Package")?, field("Version")?);
    let (source, source_version) = match field("Source") {
        Some(text) => match text.split_once(" (") {
            Some((source, rest)) => (source, rest.trim_end_matches(')')),
            None => (text, version),
        },
        None => (name, version),
    };
    Some(Package {
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: field("Architecture")?.to_owned(),
        source: source.to_owned(),
        source_version: source_version.to_owned(),
        size: field("Size")?.parse().ok()?,
    })
}

/// Upstream's version in a Debian version (Debian Policy 5.6.12), without what packagers add when
/// they repack the source.
pub(crate) fn upstream(version: &str) -> &str {
    let plain = version.split_once(':').map_or(version, |(_, rest)| rest);
    let plain = plain.rsplit_once('-').map_or(plain, |(upstream, _)| upstream);
    let plain = plain.split_once("+really").map_or(plain, |(_, really)| really);
    let marks = ["+dfsg", ".dfsg", "~dfsg", "+ds", ".ds", "+repack", "+b", "+deb", "~deb"];
    let end = marks.iter().filter_map(|mark| plain.find(mark)).min().unwrap_or(plain.len());
    plain.get(..end).unwrap_or(plain)
}

/// The archive that this system's own sources name first.
fn mirror() -> anyhow::Result<String> {
    let mut listings: Vec<PathBuf> = vec!["/etc/apt/sources.list".into()];
    if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
        listings.extend(entries.flatten().map(|entry| entry.path()));
    }
    listings.sort();
    let texts = listings.iter().filter_map(|listing| fs::read_to_string(listing).ok());
    let words: Vec<String> = texts
        .flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let found = words
        .iter()
        .map(|word| word.trim_end_matches('/'))
        .find(|word| word.starts_with("http") && word.ends_with("/debian"));
    found.map(str::to_owned).context("no Debian archive in this system's apt sources")
}

/// The list of the files of every package of a suite, as `PATH PACKAGE[,PACKAGE…]` lines.
pub(crate) fn contents(cache: &Path, suite: &str, architecture: &str) -> anyhow::Result<String> {
    let file = cache.join(format!("contents-{suite}-{architecture}.gz"));
    if !file.is_file() {
        let address = format!("{}/dists/{suite}/main/Contents-{architecture}.gz", mirror()?);
        let part = file.with_extension("part");
        output(Command::new("curl").args(["-fsSL", "-o"]).arg(&part).arg(&address))?;
        fs::rename(&part, &file)?;
    }
    output(Command::new("zcat").arg(&file))
}

/// Runs a command and returns what it writes; its last messages tell why it failed.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    Ok(String::from_utf8_lossy(&output_bytes(command)?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{package, upstream};

    #[test]
    fn upstream_versions_are_cut_out() {
        for (debian, expect) in [
            ("1:2.36.1-8+deb11u2", "2.36.1"),
            ("2.4.57+ds-1", "2.4.57"),
            ("1:4.2.8p15+dfsg-1", "4.2.8p15"),
            ("5.2.15-2+b2", "5.2.15"),
            ("20211016ubuntu+really1.2-1", "1.2"),
            ("1:1.3.dfsg+really1.3.1-1+b1", "1.3.1"),
            ("2022a", "2022a"),
        ] {
            assert_eq!(upstream(debian), expect, "{debian}");
        }
    }

    #[test]
    fn sources_may_have_a_version_of_their_own() {
        let text = "Package: libc6\nVersion: 2.36-9+b1\nArchitecture: arm64\nSize: 12\n\
                    Source: glibc (2.36-9)";
        let read = package(text).unwrap();
        assert_eq!((read.source.as_str(), read.source_version.as_str()), ("glibc", "2.36-9"));
    }
}
