//! The server's certificate: given, or made once and kept.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    net::IpAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::Arc,
};

use auscult_model::Sha256;
use jiff::{Timestamp, tz::TimeZone};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use crate::{CertificateSource, Error, Settings};

/// Years that a certificate of our own is good.
const YEARS: i16 = 10;

/// What connections are encrypted with.
pub(crate) struct Certificate {
    pub(crate) config: Arc<ServerConfig>,
    /// SHA-256 of the certificate, in hexadecimal.
    pub(crate) fingerprint: String,
}

/// Reads the certificate, or makes it where none is kept yet.
pub(crate) fn load(settings: &Settings) -> Result<Certificate, Error> {
    let (chain, key) = match &settings.certificate {
        CertificateSource::Given { chain, key } => (chain.clone(), key.clone()),
        CertificateSource::Kept(folder) => {
            let (chain, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
            let is_there = chain.is_file() && key.is_file();
            if !is_there {
                make(folder, &chain, &key, settings.listen.ip())?;
            }
            (chain, key)
        }
    };
    read(&chain, &key)
}

fn read(chain_file: &Path, key_file: &Path) -> Result<Certificate, Error> {
    let doing = format!("read the certificate {}", chain_file.display());
    let failed = |why: &dyn std::fmt::Display| failed(&doing, why);
    let certificates = CertificateDer::pem_file_iter(chain_file).map_err(|why| failed(&why))?;
    let chain: Vec<_> = certificates.collect::<Result<_, _>>().map_err(|why| failed(&why))?;
    let first = chain.first().ok_or_else(|| failed(&"there is no certificate in it (PEM)"))?;
    let fingerprint = Sha256::of(first).to_string();
    let key = PrivateKeyDer::from_pem_file(key_file)
        .map_err(|why| self::failed(&format!("read the key {}", key_file.display()), &why))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| failed(&why))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|why| failed(&why))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Certificate { config: Arc::new(config), fingerprint })
}

/// Makes a certificate for this machine and keeps it; the key is for its owner alone.
fn make(folder: &Path, chain: &Path, key: &Path, listen: IpAddr) -> Result<(), Error> {
    let doing = format!("make a certificate in {}", folder.display());
    let made = |why: &dyn std::fmt::Display| failed(&doing, why);
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !listen.is_unspecified() {
        names.push(listen.to_string());
    }
    names.extend(host_name());
    names.sort();
    names.dedup();
    let mut params = CertificateParams::new(names).map_err(|why| made(&why))?;
    let today = TimeZone::UTC.to_datetime(Timestamp::now()).date();
    let date = |years: i16| {
        let (month, day) = (today.month().unsigned_abs(), today.day().unsigned_abs().min(28));
        rcgen::date_time_ymd((today.year() + years).into(), month, day)
    };
    (params.not_before, params.not_after) = (date(0), date(YEARS));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "auscult");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let pair = KeyPair::generate().map_err(|why| made(&why))?;
    let certificate = params.self_signed(&pair).map_err(|why| made(&why))?;
    fs::create_dir_all(folder).map_err(|why| made(&why))?;
    write(key, &pair.serialize_pem()).map_err(|why| made(&why))?;
    write(chain, &certificate.pem()).map_err(|why| made(&why))
}

/// Writes a file that only its owner reads, whole or not at all.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let partial = path.with_extension("partial");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&partial, path)
}

/// The name of this machine, where it is one that a certificate can carry.
fn host_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_str().ok()?.to_owned();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    (!name.is_empty() && name.bytes().all(is_plain)).then_some(name)
}

fn failed(doing: &str, why: &dyn std::fmt::Display) -> Error {
    Error::Certificate { doing: doing.to_owned(), why: why.to_string() }
}
