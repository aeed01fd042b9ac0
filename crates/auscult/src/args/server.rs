//! The command line of the server and of what works on its database.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::LimitArgs;

/// Where the database is.
#[derive(Clone, Debug, Args)]
pub(crate) struct DatabaseArgs {
    /// sqlite:PATH or postgres://USER@HOST/NAME; otherwise server.db in the data folder. A password
    /// belongs into the variable, which others cannot see
    #[arg(long, value_name = "URL", env = "AUSCULT_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,
    /// Folder of what the server keeps: its database and its certificate
    #[arg(long, value_name = "DIR", env = "AUSCULT_DATA")]
    pub(crate) data: Option<PathBuf>,
}

/// What is written to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// What failed inside
    Error,
    /// And what was refused or is at risk
    Warn,
    /// And every request and job
    Info,
    /// And connections that came to nothing
    Debug,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    /// For people
    Text,
    /// One object a line
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// Address and port to listen on; 0.0.0.0:PORT for everybody
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    pub(crate) listen: SocketAddr,
    /// Certificate with its chain (PEM); otherwise one is made and kept in the data folder
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) certificate: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub(crate) key: Option<PathBuf>,
    /// The organisation whose people sign in here
    #[arg(long, value_name = "NAME", default_value = "Default")]
    pub(crate) organisation: String,
    /// Gate: fail builds on any of immediate, out-of-cycle, scheduled, uncontrolled, kev, critical,
    /// high, medium, low, untriaged
    #[arg(long, value_name = "LIST", default_value = "immediate,kev", conflicts_with = "policy")]
    pub(crate) fail_on: String,
    /// Gate: a policy file (gate.toml)
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Advisory snapshot until one is loaded; else the one that `advisories update` made, else the
    /// built-in starter
    #[arg(long, value_name = "SNAPSHOT", env = "AUSCULT_ADVISORIES")]
    pub(crate) advisories: Option<PathBuf>,
    /// Largest upload
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 30)]
    pub(crate) upload_limit: u64,
    /// Images inspected at once; one core stays free for everything else
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) inspections: Option<u8>,
    /// Requests a second that one address may send in the long run
    #[arg(long, value_name = "COUNT", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) request_limit: u32,
    /// Form of the log on standard error
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(crate) log: LogForm,
    /// What is logged
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log_level: LogLevel,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// Firmware image, disk image, SBOM (CycloneDX JSON), facts, or - for standard input
    pub(crate) target: PathBuf,
    /// Address of the server, such as https://auscult.example:8443
    #[arg(long, value_name = "URL", env = "AUSCULT_SERVER")]
    pub(crate) server: String,
    /// Name of the product
    #[arg(long, value_name = "NAME")]
    pub(crate) product: String,
    /// Version or tag of the build; the name of the file otherwise
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,
    /// Make the product where it is missing
    #[arg(long)]
    pub(crate) create: bool,
    /// File that holds the key; AUSCULT_KEY otherwise
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Trust the certificates of this file (PEM) only
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Seconds to wait for the verdict
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) wait: u64,
    /// Output: table (default) or json; =FILE writes to a file
    #[arg(short = 'o', long = "output", value_name = "FORMAT[=FILE]")]
    pub(crate) output: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The file to write; one that is there is never replaced
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Do not read the uploads
    #[arg(long)]
    pub(crate) quick: bool,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Follow the chain of every organisation's log from its first entry to its head
    Verify {
        #[command(flatten)]
        database: DatabaseArgs,
    },
}
