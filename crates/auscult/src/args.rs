//! The command line (DESIGN section 4), as it is typed.

mod integrity;
mod server;

use std::path::PathBuf;

use auscult_model::SNAPSHOT_AGE_DAYS_MAX;
use clap::{Args, Parser, Subcommand};
pub(crate) use integrity::{
    ChallengeArgs, ManifestCommand, ManifestCreateArgs, ManifestSignArgs, MeasureArgs, VerifyArgs,
};
use jiff::civil::Date;
pub(crate) use server::{
    AuditCommand, BackupArgs, DatabaseArgs, DoctorArgs, LogForm, LogLevel, PushArgs, RestoreArgs,
    ServeArgs,
};

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
    /// Compare two images, results (scan -o json), directories or SBOMs
    Diff(DiffArgs),
    /// Propose the device's operational context
    #[command(subcommand)]
    Context(ContextCommand),
    /// Show everything behind one finding or component of a target
    Explain(ExplainArgs),
    /// Update, build, check and query the advisory snapshot
    #[command(subcommand)]
    Advisories(AdvisoriesCommand),
    /// Write, sign and show reference manifests of builds
    #[command(subcommand)]
    Manifest(ManifestCommand),
    /// Measure a device: a root file system, an image, or the running system
    Measure(MeasureArgs),
    /// Tell whether a device still is the build that was approved
    Verify(VerifyArgs),
    /// Start the server: builds, findings and decisions for everybody, in a browser and over REST
    Serve(ServeArgs),
    /// Send a build to a server, wait for its verdict, and exit as its gate says
    Push(PushArgs),
    /// Write everything that a server has, of one moment, to one file
    Backup(BackupArgs),
    /// Restore a backup into an empty database of either kind
    Restore(RestoreArgs),
    /// Look whether everything in the database is as it was written
    Doctor(DoctorArgs),
    /// Verify the audit log of a server
    #[command(subcommand)]
    Audit(AuditCommand),
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
    /// Output: table (default), json, cyclonedx, openvex, csaf-vex, csv, html; =FILE writes to a
    /// file. Repeatable
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
    /// Gate: the result (scan -o json) or image that `new` compares with
    #[arg(long, value_name = "FACTS|IMAGE")]
    pub(crate) baseline: Option<PathBuf>,
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
    /// Advisory snapshot; else the one that `advisories update` made, else the built-in starter
    #[arg(long, value_name = "SNAPSHOT", env = "AUSCULT_ADVISORIES")]
    pub(crate) advisories: Option<PathBuf>,
    /// What suppliers say of vulnerabilities: OpenVEX, CSAF or CycloneDX. Repeatable
    #[arg(long, value_name = "FILE")]
    pub(crate) vex: Vec<PathBuf>,
    /// Only these issuers may close a finding by a VEX document; the others are told. Repeatable
    #[arg(long, value_name = "ISSUER")]
    pub(crate) trust_issuer: Vec<String>,
    /// Decision tables: medical-strict (default) or certcc-human-impact; beside them ssvc-supplier,
    /// cisa-coordinator
    #[arg(long, value_name = "LIST")]
    pub(crate) decide_by: Option<String>,
    /// What was seen on a running unit: a capture made by docs/capture.sh
    #[arg(long, value_name = "FILE")]
    pub(crate) runtime: Option<PathBuf>,
    /// Decisions of people (docs/decisions.md)
    #[arg(long, value_name = "FILE")]
    pub(crate) decisions: Option<PathBuf>,
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

#[derive(Debug, Subcommand)]
pub(crate) enum ContextCommand {
    /// Write a first device.toml from what an image tells; what only people know is left open
    Init(ContextInitArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ContextInitArgs {
    /// Firmware image, directory or disk image
    pub(crate) image: PathBuf,
    /// File to write; standard output otherwise
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Folder in which findings are kept for the next build of the same device
    #[arg(long, value_name = "DIR", env = "AUSCULT_CACHE")]
    pub(crate) cache: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The old image, result, directory or SBOM
    pub(crate) old: PathBuf,
    /// The new one
    pub(crate) new: PathBuf,
    /// Output: table (default), json or markdown; =FILE writes to a file. Repeatable
    #[arg(short = 'o', long = "output", value_name = "FORMAT[=FILE]")]
    pub(crate) outputs: Vec<String>,
    /// Compare facts only: no advisories
    #[arg(long)]
    pub(crate) facts_only: bool,
    #[command(flatten)]
    pub(crate) judging: JudgingArgs,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Firmware image, directory, disk image, SBOM file, or - for standard input
    pub(crate) target: PathBuf,
    /// Id of a vulnerability, name of a component, or a fact that decisions can rely on, such as
    /// kernel-option:CONFIG_BT
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
    /// Output: table (default) or json; =FILE writes to a file
    #[arg(short = 'o', long = "output", value_name = "FORMAT[=FILE]")]
    pub(crate) output: Option<String>,
    /// Advisory snapshot; else the one that `advisories update` made, else the built-in starter
    #[arg(long, value_name = "SNAPSHOT", env = "AUSCULT_ADVISORIES")]
    pub(crate) advisories: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdvisoriesCommand {
    /// Fetch what changed in the feeds, build a snapshot and put it in the place of the last one
    Update(UpdateArgs),
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
        /// Replace a snapshot that holds more than the new one
        #[arg(long)]
        force: bool,
    },
    /// Tell age, sources and coverage of a snapshot
    Status(StatusArgs),
    /// Tell which advisories speak of a device, by maker, model and version
    Device(DeviceArgs),
    /// Tell everything that a snapshot knows of vulnerabilities
    Show(ShowArgs),
    /// Enter a maker's disclosure that came as a letter, a mail or a PDF (docs/disclosures.md)
    Enter(EnterArgs),
    /// Write a signed bundle for a site without a network
    Export(ExportArgs),
    /// Verify a signed bundle and put its snapshot into the place of the present one
    Import(ImportArgs),
    /// Make a pair of Ed25519 keys to sign bundles and verify them
    Keygen {
        /// File for the private key; the public one goes beside it, with .pub behind its name
        key: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// Folder of the mirror, the snapshot and what is remembered of both
    #[arg(long, value_name = "DIR", env = "AUSCULT_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// The snapshot to replace; otherwise the one in the data folder
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Build from this mirror, without the network
    #[arg(long, value_name = "DIR", conflicts_with_all = ["only", "skip", "proxy", "ca_file", "config"])]
    pub(crate) from: Option<PathBuf>,
    /// Settings for feeds (feeds.toml)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Fetch these feeds only; a comma-separated list
    #[arg(long, value_name = "FEED", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Fetch all usual feeds but these; a comma-separated list
    #[arg(long, value_name = "FEED", value_delimiter = ',')]
    pub(crate) skip: Vec<String>,
    /// Leave titles and descriptions out
    #[arg(long)]
    pub(crate) without_prose: bool,
    /// Take copies and a snapshot that lost records or sources
    #[arg(long)]
    pub(crate) force: bool,
    /// Show no progress
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Proxy, http://[user:password@]host:port; HTTPS_PROXY otherwise
    #[arg(long, value_name = "URL")]
    pub(crate) proxy: Option<String>,
    /// Trust the certificate authorities of this file (PEM) only
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Advisory snapshot; else the one that `advisories update` made, else the built-in starter
    #[arg(long, value_name = "SNAPSHOT", env = "AUSCULT_ADVISORIES")]
    pub(crate) advisories: Option<PathBuf>,
    /// Date that the age is counted to; today otherwise
    #[arg(long, value_name = "DATE")]
    pub(crate) as_of: Option<Date>,
    /// Days after which a snapshot is stale
    #[arg(long, value_name = "DAYS", default_value_t = SNAPSHOT_AGE_DAYS_MAX)]
    pub(crate) max_snapshot_age: u32,
    /// Output: table (default) or json; =FILE writes to a file
    #[arg(short = 'o', long = "output", value_name = "FORMAT[=FILE]")]
    pub(crate) output: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Ids such as CVE-2022-48174, or other names of them: of GitHub, of a distribution
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Advisory snapshot; else the one that `advisories update` made, else the built-in starter
    #[arg(long, value_name = "SNAPSHOT", env = "AUSCULT_ADVISORIES")]
    pub(crate) advisories: Option<PathBuf>,
    /// Output: table (default) or json (an object for a single vulnerability, else an array);
    /// =FILE writes to a file
    #[arg(short = 'o', long = "output", value_name = "FORMAT[=FILE]")]
    pub(crate) output: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct EnterArgs {
    /// The disclosure, written down as TOML
    pub(crate) file: PathBuf,
    /// Folder of the mirror, the snapshot and what is remembered of both
    #[arg(long, value_name = "DIR", env = "AUSCULT_DATA")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Advisory snapshot; else the one that `advisories update` made, else the built-in starter
    #[arg(long, value_name = "SNAPSHOT", env = "AUSCULT_ADVISORIES")]
    pub(crate) advisories: Option<PathBuf>,
    /// Write only the difference to this older snapshot, which the site must have
    #[arg(long, value_name = "OLD")]
    pub(crate) since: Option<PathBuf>,
    /// Private Ed25519 key (PKCS#8, PEM); `auscult advisories keygen` makes one
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// The bundle to write
    #[arg(short = 'o', long = "output", value_name = "BUNDLE")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The bundle
    pub(crate) bundle: PathBuf,
    /// The snapshot to replace, or to create; the base of a delta
    #[arg(long, value_name = "SNAPSHOT", env = "AUSCULT_ADVISORIES")]
    pub(crate) advisories: PathBuf,
    /// Public Ed25519 key (PEM) whose bundles are trusted. Repeatable
    #[arg(long, value_name = "KEY.pub", env = "AUSCULT_TRUST")]
    pub(crate) trust: Vec<PathBuf>,
    /// Replace a snapshot that is newer or holds more than the one of the bundle
    #[arg(long)]
    pub(crate) force: bool,
}
