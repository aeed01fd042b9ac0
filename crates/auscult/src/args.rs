//! The command line (DESIGN section 4), as it is typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use jiff::civil::Date;

/// Tells what is inside a medical device, which of its weaknesses matter to patients, and whether
/// a build may be released.
#[derive(Debug, Parser)]
#[command(name = "auscult", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Inspect a firmware image, disk image, directory or SBOM, and judge what is in it
    Scan(ScanArgs),
    /// List an image, extract it safely, or print bytes at a place in it
    Unpack(UnpackArgs),
    /// Show everything behind one finding or component of a target
    Explain(ExplainArgs),
    /// Build, check and query the advisory snapshot
    #[command(subcommand)]
    Advisories(AdvisoriesCommand),
    /// Read hostile bytes behind walls; started by the program itself
    #[command(hide = true)]
    Worker {
        /// JSON of the request; the image is on standard input
        request: String,
    },
}

const LIMITS: &str = "Limits";

/// What every inspection takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct LimitArgs {
    /// Seconds that reading the image may take
    #[arg(long = "time-limit", value_name = "SECONDS", default_value_t = 600, help_heading = LIMITS)]
    pub(crate) time_seconds: u64,
    /// Bytes that unpacking may put out in all
    #[arg(long = "unpacked-limit", value_name = "BYTES", help_heading = LIMITS)]
    pub(crate) unpacked_bytes: Option<u64>,
    /// Unpacked bytes held in memory; what is more goes to a temporary file
    #[arg(long = "memory-limit", value_name = "BYTES", help_heading = LIMITS)]
    pub(crate) memory_bytes: Option<u64>,
    /// Times that packed bytes may grow before they are taken for a bomb
    #[arg(long = "ratio-limit", value_name = "TIMES", help_heading = LIMITS)]
    pub(crate) ratio: Option<u64>,
    /// Containers inside containers
    #[arg(long = "depth-limit", value_name = "LEVELS", help_heading = LIMITS)]
    pub(crate) depth: Option<u32>,
    /// Files and other members in all
    #[arg(long = "entries-limit", value_name = "COUNT", help_heading = LIMITS)]
    pub(crate) entries: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    /// Firmware image, directory, disk image, SBOM file, or - for standard input
    pub(crate) target: PathBuf,
    /// Output: table (default), json, cyclonedx, csv, html; =FILE writes to a file. Repeatable
    #[arg(short = 'o', long = "output", value_name = "FORMAT[=FILE]")]
    pub(crate) outputs: Vec<String>,
    #[command(flatten)]
    pub(crate) judging: JudgingArgs,
    /// Gate: fail on any of immediate, out-of-cycle, scheduled, uncontrolled, kev, critical, high,
    /// medium, low, untriaged, new, gap:high
    #[arg(long, value_name = "LIST", conflicts_with = "policy")]
    pub(crate) fail_on: Option<String>,
    /// Gate: a policy file (gate.toml)
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Gate: oldest snapshot that can be trusted, in days
    #[arg(long, value_name = "DAYS")]
    pub(crate) max_snapshot_age: Option<u32>,
    /// Take the facts only: no advisories, no decisions
    #[arg(long, conflicts_with_all = ["fail_on", "policy"])]
    pub(crate) facts_only: bool,
    /// Use no network (a scan never does; accepted so that scripts can say so)
    #[arg(long)]
    pub(crate) offline: bool,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

/// What findings are judged by.
#[derive(Clone, Debug, Args)]
pub(crate) struct JudgingArgs {
    /// Folder in which findings are kept for the next build of the same device; nothing is kept
    /// without it
    #[arg(long, value_name = "DIR", env = "AUSCULT_CACHE")]
    pub(crate) cache: Option<PathBuf>,
    /// The device's operational context
    #[arg(long, value_name = "FILE")]
    pub(crate) context: Option<PathBuf>,
    /// Advisory snapshot; the built-in starter snapshot otherwise
    #[arg(long, value_name = "SNAPSHOT", env = "AUSCULT_ADVISORIES")]
    pub(crate) advisories: Option<PathBuf>,
    /// Date that the result is computed for; today otherwise
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<Date>,
}

#[derive(Debug, Args)]
pub(crate) struct UnpackArgs {
    /// The image, a directory, or - for standard input
    pub(crate) image: PathBuf,
    /// Extract everything below this new or empty folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["cat", "output"])]
    pub(crate) to: Option<PathBuf>,
    /// Print the bytes at this place to standard output
    #[arg(long, value_name = "LOCATOR", conflicts_with = "output")]
    pub(crate) cat: Option<String>,
    /// Output of the listing: table (default) or json
    #[arg(short = 'o', long = "output", value_name = "FORMAT[=FILE]")]
    pub(crate) output: Option<String>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Firmware image, directory, disk image, SBOM file, or - for standard input
    pub(crate) target: PathBuf,
    /// Id of a vulnerability, or name of a component
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) judging: JudgingArgs,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DeviceArgs {
    /// The maker, such as Philips; spellings and legal forms are brought together
    #[arg(long)]
    pub(crate) vendor: String,
    /// The model, such as "IntelliVue MX450"; its telling words are compared
    #[arg(long)]
    pub(crate) model: String,
    /// The device's version; without it most answers are undetermined
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<String>,
    /// Output: table (default) or json
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_parser = ["table", "json"], default_value = "table")]
    pub(crate) output: String,
    /// Advisory snapshot; the built-in starter snapshot otherwise
    #[arg(long, value_name = "SNAPSHOT", env = "AUSCULT_ADVISORIES")]
    pub(crate) advisories: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdvisoriesCommand {
    /// Build a snapshot from a folder of feeds, without the network
    Build {
        /// Folder with feeds as served or archived
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
        /// The snapshot to write
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Leave titles and descriptions out
        #[arg(long)]
        without_prose: bool,
    },
    /// Tell age, sources and coverage of a snapshot
    Status {
        /// Advisory snapshot; the built-in starter snapshot otherwise
        #[arg(long, value_name = "SNAPSHOT", env = "AUSCULT_ADVISORIES")]
        advisories: Option<PathBuf>,
        /// Date that the age is counted to; today otherwise
        #[arg(long, value_name = "DATE")]
        as_of: Option<Date>,
    },
    /// Tell which advisories speak of a device, by maker, model and version
    Device(DeviceArgs),
    /// Tell everything that a snapshot knows of one vulnerability
    Show {
        /// Id, such as CVE-2022-48174
        id: String,
        /// Advisory snapshot; the built-in starter snapshot otherwise
        #[arg(long, value_name = "SNAPSHOT", env = "AUSCULT_ADVISORIES")]
        advisories: Option<PathBuf>,
    },
}
