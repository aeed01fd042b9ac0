//! Arguments of `manifest`, `measure` and `verify`.

use std::path::PathBuf;

use auscult_attest::Level;
use clap::{Args, Subcommand};
use jiff::civil::Date;

use super::LimitArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum ManifestCommand {
    /// Write the reference manifest of a build, from its image
    Create(Box<ManifestCreateArgs>),
    /// Add a signature to a manifest, or sign a deny list or a trust root written as TOML
    Sign(ManifestSignArgs),
    /// Tell what a manifest, evidence, a deny list or a trust root says; no signature is checked
    Show {
        /// The file
        file: PathBuf,
        /// Output: table (default) or json; =FILE writes to a file
        #[arg(short = 'o', long = "output", value_name = "FORMAT[=FILE]")]
        output: Option<String>,
    },
    /// Write a challenge that evidence must answer, so that it cannot be older
    Challenge(ChallengeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ManifestCreateArgs {
    /// The image of the build
    pub(crate) image: PathBuf,
    /// The manifest to write
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// The maker
    #[arg(long)]
    pub(crate) vendor: Option<String>,
    /// The model
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Version of the firmware
    #[arg(long, value_name = "VERSION")]
    pub(crate) firmware_version: Option<String>,
    /// The build; the digest of the image without it
    #[arg(long, value_name = "ID")]
    pub(crate) build_id: Option<String>,
    /// Hardware that the build is for. Repeatable
    #[arg(long, value_name = "REVISION")]
    pub(crate) hardware_revision: Vec<String>,
    /// Security version number: builds with a lower one must not come back
    #[arg(long, value_name = "NUMBER")]
    pub(crate) svn: Option<u64>,
    /// Build that this one replaces. Repeatable
    #[arg(long, value_name = "ID")]
    pub(crate) supersedes: Vec<String>,
    /// What may change in use (docs/integrity.md); added to what every Linux system writes to
    #[arg(long, value_name = "FILE")]
    pub(crate) classes: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ManifestSignArgs {
    /// The manifest, or a deny list or a trust root as TOML
    pub(crate) file: PathBuf,
    /// Private key, Ed25519 or P-256 (PKCS#8, PEM); `auscult advisories keygen` makes one
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The signed file to write; otherwise the manifest is replaced
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ChallengeArgs {
    /// The challenge to write
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Serial number of the device that is asked
    #[arg(long, value_name = "SERIAL")]
    pub(crate) device: Option<String>,
    /// What it is for: a work order, a case
    #[arg(long, value_name = "TEXT")]
    pub(crate) session: Option<String>,
    /// Hours after which an answer comes too late
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    pub(crate) hours: u16,
}

#[derive(Debug, Args)]
pub(crate) struct MeasureArgs {
    /// Directory with a root file system, image or block device
    #[arg(required_unless_present = "live", conflicts_with = "live")]
    pub(crate) path: Option<PathBuf>,
    /// Measure the root of the running system
    #[arg(long)]
    pub(crate) live: bool,
    /// The challenge to answer
    #[arg(long, value_name = "FILE")]
    pub(crate) challenge: Option<PathBuf>,
    /// Private key of the bench or the device, Ed25519 or P-256 (PKCS#8, PEM)
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// The evidence to write; standard output otherwise
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Evidence, image, block device, or directory with a root file system
    pub(crate) target: PathBuf,
    /// Reference manifest of a build that the device may have. Repeatable
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) reference: Vec<PathBuf>,
    /// Public key, Ed25519 or P-256 (PEM), whose signatures count. Repeatable
    #[arg(long, value_name = "KEY.pub", conflicts_with = "root")]
    pub(crate) trust: Vec<PathBuf>,
    /// In place of --trust: the trust root that was kept, which names the keys by what they may sign
    #[arg(long, value_name = "FILE")]
    pub(crate) root: Option<PathBuf>,
    /// A trust root that follows it. Repeatable, in any order
    #[arg(long, value_name = "FILE", requires = "root")]
    pub(crate) next_root: Vec<PathBuf>,
    /// The challenge that the evidence must answer
    #[arg(long, value_name = "FILE")]
    pub(crate) challenge: Option<PathBuf>,
    /// Signed list of builds, devices and keys that must not pass
    #[arg(long, value_name = "FILE")]
    pub(crate) deny: Option<PathBuf>,
    /// The least assurance that is accepted: A0 to A4
    #[arg(long, value_name = "LEVEL")]
    pub(crate) min_level: Option<Level>,
    /// Date of the check; now otherwise
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<Date>,
    /// Output: table (default) or json; =FILE writes to a file. Repeatable
    #[arg(short = 'o', long = "output", value_name = "FORMAT[=FILE]")]
    pub(crate) outputs: Vec<String>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}
