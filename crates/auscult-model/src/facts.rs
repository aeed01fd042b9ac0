//! Facts: the inspection of one build, with canonical bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Component, Coverage, Dependency, FeatureInventory, Known, Limits, Locator, Mention, Operation,
    OwnedBinary, Problem, Sha256, VersionConflict, component::sort_unique,
};

/// Version of the facts format; a reader refuses a higher one.
pub const FACTS_SCHEMA: u32 = 1;

/// Everything that one inspection found in one build.
///
/// Facts hold no opinion, no host path and no time. Their canonical bytes are the compact JSON of
/// the value after [`canonicalise`](Self::canonicalise): every list sorted, so that the order of
/// discovery leaves no trace. The digest over them also covers the input's digest, the rule set,
/// the tool version and the limits, as these are part of the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// [`FACTS_SCHEMA`] of the writer.
    pub schema: u32,
    /// What made the facts.
    pub tool: ToolIdentity,
    /// The limits in force.
    pub limits: Limits,
    /// What was inspected.
    pub input: Input,
    /// What the image says of itself: os-release, OpenWrt, Yocto, image headers.
    pub identities: Vec<IdentityFact>,
    /// The formats opened, with their place.
    pub formats: Vec<FormatSeen>,
    /// The inventory.
    pub components: Vec<Component>,
    /// Which component needs which.
    #[serde(default)]
    pub dependencies: Vec<Dependency>,
    /// Where a package row and the file that it owns tell different versions.
    #[serde(default)]
    pub conflicts: Vec<VersionConflict>,
    /// Which of the binaries is whose.
    #[serde(default)]
    pub owned: Vec<OwnedBinary>,
    /// Names that are spoken of but not contained.
    pub mentions: Vec<Mention>,
    /// Executables, libraries and objects.
    pub binaries: Vec<BinaryFacts>,
    /// The kernels found.
    pub kernels: Vec<KernelFacts>,
    /// What programs that are built of parts say of their parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<FeatureInventory>,
    /// How the device runs: what starts, listens, is reached.
    #[serde(default, skip_serializing_if = "Operation::is_unasked")]
    pub operation: Operation,
    /// What was read and what was not.
    pub coverage: Coverage,
    /// What went wrong on the way.
    pub problems: Vec<Problem>,
}

impl Facts {
    /// Sorts every list and drops repetitions, so that equal findings give equal bytes.
    pub fn canonicalise(&mut self) {
        for component in &mut self.components {
            component.canonicalise();
        }
        for mention in &mut self.mentions {
            sort_unique(&mut mention.evidence);
        }
        sort_unique(&mut self.identities);
        sort_unique(&mut self.formats);
        sort_unique(&mut self.components);
        sort_unique(&mut self.dependencies);
        sort_unique(&mut self.conflicts);
        sort_unique(&mut self.owned);
        sort_unique(&mut self.mentions);
        sort_unique(&mut self.binaries);
        sort_unique(&mut self.kernels);
        sort_unique(&mut self.features);
        self.operation.canonicalise();
        sort_unique(&mut self.problems);
    }

    /// The canonical bytes.
    ///
    /// # Errors
    /// Serialisation of these plain values fails only when memory does.
    pub fn canonical_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut sorted = self.clone();
        sorted.canonicalise();
        serde_json::to_vec(&sorted)
    }

    /// The kernel modules in the image, of all kernels.
    pub fn kernel_modules(&self) -> impl Iterator<Item = &ModuleFacts> {
        self.kernels.iter().filter_map(|kernel| kernel.modules.known()).flatten()
    }

    /// The digest of the canonical bytes.
    ///
    /// # Errors
    /// As [`canonical_bytes`](Self::canonical_bytes).
    pub fn digest(&self) -> Result<Sha256, serde_json::Error> {
        self.canonical_bytes().map(|bytes| Sha256::of(&bytes))
    }
}

/// What made the facts: program, version and rule set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolIdentity {
    /// Always `auscult`.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// Digest of the signature rules in use.
    pub rules: Sha256,
}

/// What was inspected; never its path on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Digest of the input's bytes; of the packed tree for a directory.
    pub sha256: Sha256,
    /// Size in bytes.
    pub size: u64,
    /// What kind of input it was.
    pub kind: InputKind,
}

/// Kinds of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputKind {
    /// Bytes: a firmware image, a disk image, an archive.
    Image,
    /// A directory, packed by the caller.
    Directory,
    /// An SBOM document.
    Sbom,
}

/// A statement that the image makes of itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IdentityFact {
    /// What is stated: `os-release:ID`, `openwrt:DISTRIB_RELEASE`, `uimage:name`, … .
    pub key: String,
    /// The value.
    pub value: String,
    /// Where it stands.
    pub locator: Locator,
}

/// A container or format that was opened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FormatSeen {
    /// Where it starts.
    pub locator: Locator,
    /// Its name, as in locators.
    pub format: String,
    /// Bytes it claims.
    pub bytes: u64,
    /// What its header tells: compression, load address, image name, … .
    pub attributes: BTreeMap<String, String>,
}

/// What the headers of one executable, library or object tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BinaryFacts {
    /// The file.
    pub locator: Locator,
    /// Digest of its bytes.
    pub sha256: Sha256,
    /// Architecture with byte order and width, such as `arm-32-le`.
    pub architecture: String,
    /// `executable`, `shared`, `relocatable` or `core`, as `e_type` says.
    pub kind: String,
    /// The program interpreter (dynamic loader), if one is named.
    pub interpreter: Option<String>,
    /// `DT_SONAME`.
    pub soname: Option<String>,
    /// `DT_NEEDED`, in order.
    pub needed: Vec<String>,
    /// Undefined dynamic symbols, or why they cannot be listed.
    pub imports: Known<Vec<String>>,
    /// Defined dynamic symbols, or why they cannot be listed.
    pub exports: Known<Vec<String>>,
    /// GNU build id, hexadecimal.
    pub build_id: Option<String>,
    /// Whether the symbol table was removed.
    pub stripped: Known<bool>,
}

/// A kernel found in the image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KernelFacts {
    /// The decompressed kernel.
    pub locator: Locator,
    /// The whole `Linux version …` banner.
    pub banner: String,
    /// The release in it (what `uname -r` prints), such as `6.1.0-50-armmp`.
    pub release: String,
    /// The upstream version with its patch level, where it can be told.
    pub version: Known<String>,
    /// The embedded configuration, `CONFIG_X` to its value.
    pub config: Known<BTreeMap<String, String>>,
    /// The modules that belong to it.
    pub modules: Known<Vec<ModuleFacts>>,
}

/// A kernel module file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModuleFacts {
    /// Its name, without `.ko`.
    pub name: String,
    /// Where the file is.
    pub locator: Locator,
    /// `vermagic`, if it carries one.
    pub vermagic: Option<String>,
}
