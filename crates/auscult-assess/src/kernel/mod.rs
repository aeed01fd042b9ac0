//! Whether the code of a kernel's vulnerability is in this kernel.
//!
//! The record names source files (`programFiles` of the kernel's CNA). Kbuild says under which
//! options each is built ([`map`]), the kernel's own configuration which are set, and the image
//! which modules it holds ([`contents`]).

mod contents;
mod map;

use auscult_model::{Facts, Finding};

use self::{
    contents::{Built, Contents, is_code},
    map::{Map, series},
};
use crate::statement::{Justification, Statement, Strength};

/// So many files are told by name; the rest is counted.
const FILES_TOLD_MAX: usize = 4;

/// The kernels of an image.
pub(crate) struct Kernels<'a> {
    kernels: Vec<Contents<'a>>,
}

impl<'a> Kernels<'a> {
    pub(crate) fn of(facts: &'a Facts) -> Self {
        let mut kernels: Vec<Contents<'a>> =
            facts.kernels.iter().map(|one| Contents::of(one, facts)).collect();
        for release in facts.operation.module_releases() {
            if !kernels.iter().any(|known| known.release == release.release) {
                kernels.push(Contents::of_modules(release, facts));
            }
        }
        Self { kernels }
    }

    /// Whether a finding is about one of them.
    pub(crate) fn holds(&self, finding: &Finding) -> bool {
        self.of_finding(finding).next().is_some()
    }

    fn of_finding(&self, finding: &Finding) -> impl Iterator<Item = &Contents<'a>> {
        let is_kernel = finding.component == "linux";
        self.kernels.iter().filter(move |one| is_kernel && is_same(one, finding))
    }

    /// What is to be said of a finding about files. Several kernels of one version may be there:
    /// only what holds for all of them closes.
    pub(crate) fn judge(&self, finding: &Finding, files: &[String]) -> Option<Statement> {
        if files.is_empty() {
            return None;
        }
        let map = Map::built_in()?;
        let mut evidence = Vec::new();
        let mut strength = Strength::Proven;
        // Texts and makefiles alone are no code to be without.
        let mut excluded = files.iter().any(|file| is_code(file));
        for kernel in self.of_finding(finding) {
            let Some(of) = series(kernel.release) else {
                excluded = false;
                continue;
            };
            let mut told = 0;
            for file in files {
                let built = kernel.is_built(map, file, of);
                match &built {
                    Built::No { strength: own, .. } => strength = strength.min(*own),
                    Built::Yes(_) | Built::Open(_) => excluded = false,
                }
                if told < FILES_TOLD_MAX {
                    evidence.push(sentence(kernel, file, &built));
                }
                told += 1;
            }
            if told > FILES_TOLD_MAX {
                evidence.push(format!("and {} more files", told - FILES_TOLD_MAX));
            }
        }
        let justification = Justification::VulnerableCodeNotPresent;
        Some(if excluded {
            Statement { not_affected: Some((justification, strength)), evidence }
        } else {
            Statement::note(evidence)
        })
    }
}

fn is_same(kernel: &Contents<'_>, finding: &Finding) -> bool {
    let version = &finding.version.0;
    match kernel.version {
        Some(known) => known == version,
        // The finding is of the release's first two parts then, or of the package's version.
        None => !version.is_empty() && series(kernel.release) == series(version),
    }
}

fn sentence(kernel: &Contents<'_>, file: &str, built: &Built) -> String {
    let (release, place) = (kernel.release, kernel.locator);
    match built {
        Built::No { because, .. } => {
            format!("{file} is not in kernel {release} ({place}): {because}")
        }
        Built::Yes(because) => format!("{file} is in kernel {release} ({place}): {because}"),
        Built::Open(because) => {
            format!("whether {file} is in kernel {release} ({place}) is open: {because}")
        }
    }
}

#[cfg(test)]
mod tests;
