//! What a kernel was built with, and what of it the image holds.

use std::collections::{BTreeMap, BTreeSet};

use auscult_model::{BinaryFacts, Facts, KernelFacts, Known, Locator, ModuleFacts, ModuleRelease};

use super::map::{Condition, Map, Of, Route, Series, is_header};
use crate::statement::Strength;

/// A shorter configuration is a part of one.
const OPTIONS_MIN: usize = 200;
/// Architectures, as facts name them, with the option that each sets: every complete configuration
/// sets one of these.
const ARCHITECTURES: &[(&str, &str)] = &[
    ("aarch64", "ARM64"),
    ("alpha", "ALPHA"),
    ("arc", "ARC"),
    ("arm", "ARM"),
    ("csky", "CSKY"),
    ("ia64", "IA64"),
    ("loongarch", "LOONGARCH"),
    ("m68k", "M68K"),
    ("microblaze", "MICROBLAZE"),
    ("mips", "MIPS"),
    ("nios2", "NIOS2"),
    ("openrisc", "OPENRISC"),
    ("parisc", "PARISC"),
    ("powerpc", "PPC"),
    ("powerpc64", "PPC"),
    ("riscv", "RISCV"),
    ("s390", "S390"),
    ("sparc", "SPARC"),
    ("sparc64", "SPARC"),
    ("superh", "SUPERH"),
    ("x86", "X86"),
    ("x86_64", "X86"),
    ("xtensa", "XTENSA"),
];

/// Options of architectures that no facts name: that of user-mode Linux, which runs on x86 alone,
/// and one whose binaries nobody reads.
const UML: &str = "UML";
const HEXAGON: &str = "HEXAGON";
/// Folders of the sources that hold programs, tests and documentation, none of which is a part of a
/// kernel.
const NO_KERNEL_CODE: &[&str] = &["Documentation/", "tools/"];
/// What lies there is built into kernels all the same (`kernel/bpf/Makefile`).
const KERNEL_CODE: &[&str] = &["tools/lib/"];

/// Whether a source file is in a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Built {
    No { strength: Strength, because: String },
    Yes(String),
    Open(String),
}

/// A kernel with what is known of its contents.
pub(super) struct Contents<'a> {
    /// What `uname -r` prints.
    pub(super) release: &'a str,
    /// The kernel, or the place of its modules where it is not in the image itself.
    pub(super) locator: &'a Locator,
    /// The upstream version with its patch level, where it can be told.
    pub(super) version: Option<&'a str>,
    /// The configuration, or why there is none.
    config: Result<&'a BTreeMap<String, String>, &'a str>,
    modules: Option<BTreeSet<String>>,
    builtin: Option<BTreeSet<&'a str>>,
    /// The option that its architecture sets.
    architecture: Option<&'static str>,
    /// Whether a module may lie in what was not read, or elsewhere on the device.
    unread: bool,
}

/// What became of one route.
enum Way {
    /// Closed, for a reason and as far as that carries.
    Shut(String, Strength),
    /// Open, and why.
    Open(String),
    Unknown,
}

impl<'a> Contents<'a> {
    pub(super) fn of(kernel: &'a KernelFacts, facts: &'a Facts) -> Self {
        let modules = kernel.modules.known();
        let first = modules.and_then(|modules| modules.first());
        let binary =
            first.and_then(|first| facts.binaries.iter().find(|one| one.locator == first.locator));
        let names =
            |modules: &Vec<ModuleFacts>| modules.iter().map(|module| module.name.clone()).collect();
        Self {
            release: &kernel.release,
            locator: &kernel.locator,
            version: kernel.version.known().map(String::as_str),
            config: match &kernel.config {
                Known::Known(options) => Ok(options),
                Known::Unknown(reason) => Err(reason),
            },
            modules: modules.map(names),
            builtin: builtin(facts, &kernel.release),
            architecture: binary.and_then(|binary| architecture(&binary.architecture)),
            unread: !facts.coverage.regions_unread.is_empty(),
        }
    }

    /// A kernel that is elsewhere, of which the image holds the modules and the list of what is
    /// built in.
    pub(super) fn of_modules(release: &'a ModuleRelease, facts: &'a Facts) -> Self {
        let folder = format!("/lib/modules/{}/", release.release);
        let own: Vec<(String, &BinaryFacts)> = facts
            .binaries
            .iter()
            .filter_map(|binary| {
                let path = binary.locator.path()?.to_string();
                let (_, rest) = path.split_once(&folder)?;
                let (name, _) = rest.rsplit('/').next()?.split_once(".ko")?;
                Some((name.replace('-', "_"), binary))
            })
            .collect();
        let architecture = own.first().and_then(|(_, binary)| architecture(&binary.architecture));
        let modules: BTreeSet<String> = own.into_iter().map(|(name, _)| name).collect();
        Self {
            release: &release.release,
            locator: &release.locator,
            version: None,
            config: Err("the kernel is not in the image, and no configuration of it"),
            modules: Some(modules).filter(|modules| !modules.is_empty()),
            builtin: builtin(facts, &release.release),
            architecture,
            // The kernel is elsewhere, and so may be more of its modules.
            unread: true,
        }
    }

    /// Whether a file of the sources is in this kernel of a series.
    pub(super) fn is_built(&self, map: &Map, file: &str, of: Series) -> Built {
        let below = |folders: &[&str]| folders.iter().any(|folder| file.starts_with(folder));
        if below(NO_KERNEL_CODE) && !below(KERNEL_CODE) {
            let because = "no kernel is built of what lies there".to_owned();
            return Built::No { strength: Strength::Proven, because };
        }
        if !is_code(file) {
            return Built::Open("it is no code, and what it changes is not known".to_owned());
        }
        let condition = match map.condition(file, of) {
            Ok(condition) => condition,
            Err(_) if is_header(file) => {
                let because = "no object is made of it alone, and nothing tells who includes it";
                return Built::Open(because.to_owned());
            }
            Err(reason) => return Built::Open(reason),
        };
        let options = options_of(&condition);
        let ways: Vec<Way> = if let Ok(config) = self.config {
            let value = |option: &str| {
                config.get(&format!("CONFIG_{option}")).map_or("n", |value| value.as_str())
            };
            let complete = ARCHITECTURES.iter().any(|(_, one)| value(one) == "y");
            if config.len() < OPTIONS_MIN || !complete {
                return Built::Open("its configuration is not complete".to_owned());
            }
            let way = |route| self.way(route, &condition, &options, value);
            condition.routes.iter().map(way).collect()
        } else {
            let foreign = |route: &Route| self.foreign(route, map, of);
            let way = |route| foreign(route).unwrap_or_else(|| self.way_by_lists(route, &options));
            condition.routes.iter().map(way).collect()
        };
        self.told(&condition, &options, ways)
    }

    fn way<'v>(
        &self,
        route: &Route,
        condition: &Condition,
        options: &str,
        value: impl Fn(&str) -> &'v str,
    ) -> Way {
        let unset = |option: &&&'static str| value(option) == "n";
        let known = |option: &&&'static str| !condition.new_options.contains(option);
        if let Some(option) = route.needs.iter().filter(unset).find(known) {
            return Way::Shut(format!("CONFIG_{option} is not set"), Strength::Proven);
        }
        if route.needs.iter().any(|option| unset(&option)) {
            return Way::Unknown;
        }
        let is_module = route.needs.iter().any(|option| value(option) == "m");
        match (route.module.filter(|_| is_module), &self.modules) {
            (Some(module), Some(modules)) if modules.contains(module) => {
                Way::Open(format!("module {module} is there"))
            }
            (Some(module), Some(_)) => {
                let because = format!("module {module} is not in the image");
                Way::Shut(because, self.by_list_strength())
            }
            (Some(_), None) => Way::Unknown,
            (None, _) => built_in(options),
        }
    }

    /// A route that is shut to kernels of this architecture.
    fn foreign(&self, route: &Route, map: &Map, of: Series) -> Option<Way> {
        let own = self.architecture?;
        let is_other = |needed: &str| {
            needed != own
                && (needed == HEXAGON
                    || needed == UML && own != "X86"
                    || ARCHITECTURES.iter().any(|(_, option)| *option == needed))
        };
        if let Some(option) = route.needs.iter().find(|needed| is_other(needed)) {
            let because = format!("it is only for CONFIG_{option}");
            return Some(Way::Shut(because, Strength::Proven));
        }
        route.needs.iter().find_map(|option| {
            let able = map.architectures(option, of)?;
            if able.contains(&own) || own == "X86" && able.contains(&UML) {
                return None;
            }
            let able: BTreeSet<&str> = able.into_iter().collect();
            let able = able.into_iter().collect::<Vec<_>>().join(" or ");
            let because = format!("by Kconfig CONFIG_{option} can only be set with CONFIG_{able}");
            Some(Way::Shut(because, Strength::Strong))
        })
    }

    /// A route by the lists of modules and of what is built in, where no configuration is at hand.
    fn way_by_lists(&self, route: &Route, options: &str) -> Way {
        // Parts of a module may be left out, which only a configuration tells.
        let doubt = if options.contains(", ") {
            format!(", and without a configuration all of {options} may be set")
        } else {
            String::new()
        };
        match (route.module, &self.modules, &self.builtin) {
            (Some(module), Some(modules), _) if modules.contains(module) => {
                Way::Open(format!("module {module} is there{doubt}"))
            }
            (Some(module), _, Some(builtin)) if builtin.contains(module) => {
                Way::Open(format!("{module} is in modules.builtin{doubt}"))
            }
            (Some(module), Some(_), Some(_)) => {
                let because =
                    format!("{module} is neither in modules.builtin nor a module in the image");
                Way::Shut(because, self.by_list_strength())
            }
            _ if route.needs.is_empty() => built_in(options),
            _ => Way::Unknown,
        }
    }

    /// How far a list of the image's modules carries: what was not read may hold more of them, and
    /// `modules.builtin` names what says of itself that it could be a module.
    fn by_list_strength(&self) -> Strength {
        match (self.unread, self.config) {
            (true, _) => Strength::Weak,
            (false, Ok(_)) => Strength::Proven,
            (false, Err(_)) => Strength::Strong,
        }
    }

    fn why_unknown(&self) -> &str {
        match self.config {
            Ok(_) => "newer than the releases that were read, or its modules are unknown",
            Err(reason) => reason,
        }
    }

    fn told(&self, condition: &Condition, options: &str, ways: Vec<Way>) -> Built {
        let mut reasons = BTreeSet::new();
        // A vendor's own sources, which nobody has read, may include any header.
        let is_proof = condition.own_series && condition.of == Of::Source;
        let mut strength = if is_proof { Strength::Proven } else { Strength::Strong };
        let mut unknown = false;
        for way in ways {
            match way {
                Way::Open(because) if condition.of != Of::Source => {
                    let because = format!(
                        "no object is made of it alone, and a source that may include it is there: \
                         {because}"
                    );
                    return Built::Open(because);
                }
                Way::Open(because) => return Built::Yes(because),
                Way::Unknown => unknown = true,
                Way::Shut(because, own) => {
                    strength = strength.min(own);
                    reasons.insert(because);
                }
            }
        }
        if unknown {
            return Built::Open(format!("{options}: {}", self.why_unknown()));
        }
        let reasons = reasons.into_iter().collect::<Vec<_>>().join(", ");
        let whose = match condition.of {
            Of::Source => String::new(),
            Of::Includers(Some(1)) => {
                "only one source may include it, which is not there: ".to_owned()
            }
            Of::Includers(Some(most)) => {
                format!("no more than {most} sources may include it, none of which is there: ")
            }
            Of::Includers(None) => "only kernels of its architecture include it: ".to_owned(),
        };
        let releases = condition.releases.join(" and ");
        Built::No { strength, because: format!("{whose}{reasons} (Kbuild of {releases})") }
    }
}

/// Whether a file is code, by its ending.
pub(super) fn is_code(file: &str) -> bool {
    matches!(file.rsplit_once('.'), Some((_, "c" | "S" | "h")))
}

/// All options of a condition, as a configuration writes them.
fn options_of(condition: &Condition) -> String {
    let options = condition.routes.iter().flat_map(|route| route.needs.iter().copied());
    let options: BTreeSet<&str> = options.collect();
    options.into_iter().map(|option| format!("CONFIG_{option}")).collect::<Vec<_>>().join(", ")
}

fn built_in(options: &str) -> Way {
    Way::Open(if options.is_empty() {
        "it is built under no option".to_owned()
    } else {
        format!("built by {options}")
    })
}

/// The option that the kernel of an architecture sets: `arm-32-le` of a module.
fn architecture(name: &str) -> Option<&'static str> {
    let name = name.split('-').next().unwrap_or(name);
    ARCHITECTURES.iter().find(|(known, _)| *known == name).map(|(_, option)| *option)
}

/// What is built into the kernel of a release, as the lists of all roots say.
fn builtin<'a>(facts: &'a Facts, release: &str) -> Option<BTreeSet<&'a str>> {
    let releases = facts.operation.module_releases();
    let lists = releases.filter(|one| one.release == release).filter_map(|one| one.builtin.known());
    let names: BTreeSet<&str> = lists.flatten().map(String::as_str).collect();
    Some(names).filter(|names| !names.is_empty())
}
