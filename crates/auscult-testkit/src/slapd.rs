//! A real directory for tests (OpenLDAP's `slapd`), with a few people and groups of a hospital.
//!
//! Where none is installed the test is skipped, and says so; where `CI` is set that is a failure.

#![expect(clippy::print_stderr, reason = "a skipped test is told")]

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::free_port;

const PROGRAM: &str = "/usr/sbin/slapd";

/// A directory over TLS on loopback.
pub struct Slapd {
    process: Child,
    port: u16,
}

/// Everything below the suffix: who looks for people, three people, two groups.
const PEOPLE: &str = "\
dn: dc=hospital,dc=example
objectClass: dcObject
objectClass: organization
o: Hospital
dc: hospital

dn: ou=people,dc=hospital,dc=example
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=hospital,dc=example
objectClass: organizationalUnit
ou: groups

dn: cn=auscult,dc=hospital,dc=example
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: auscult
userPassword: looks for people

dn: uid=grace,ou=people,dc=hospital,dc=example
objectClass: inetOrgPerson
uid: grace
cn: Grace
sn: Hopper
displayName: Grace Hopper
userPassword: vier Wagen im Nebel

dn: uid=joan,ou=people,dc=hospital,dc=example
objectClass: inetOrgPerson
uid: joan
cn: Joan (Clarke)
sn: Clarke
userPassword: acht Boote am Steg

dn: uid=root,ou=people,dc=hospital,dc=example
objectClass: inetOrgPerson
uid: root
cn: Root
sn: Root
userPassword: zwei Wurzeln im Topf

dn: cn=security,ou=groups,dc=hospital,dc=example
objectClass: groupOfNames
cn: security
member: uid=grace,ou=people,dc=hospital,dc=example
member: uid=root,ou=people,dc=hospital,dc=example

dn: cn=clinic,ou=groups,dc=hospital,dc=example
objectClass: groupOfNames
cn: clinic
member: uid=grace,ou=people,dc=hospital,dc=example
";

impl Slapd {
    /// Below what everything is.
    pub const SUFFIX: &str = "dc=hospital,dc=example";

    /// Whether a directory is installed.
    ///
    /// # Panics
    /// It is not, and `CI` is set.
    pub fn is_there() -> bool {
        let is_there = Path::new(PROGRAM).is_file();
        assert!(is_there || std::env::var_os("CI").is_none(), "install slapd");
        if !is_there {
            eprintln!("\nSKIPPED: no directory (Debian's package slapd)\n");
        }
        is_there
    }

    /// Starts a directory with this certificate, its files in a folder.
    ///
    /// # Panics
    /// It does not start.
    pub fn start(certificate: &Path, key: &Path, folder: &Path) -> Self {
        let data = folder.join("directory");
        fs::create_dir(&data).expect("a folder");
        let (settings, people) = (folder.join("slapd.conf"), folder.join("people.ldif"));
        fs::write(&settings, conf(certificate, key, &data)).expect("written");
        fs::write(&people, PEOPLE).expect("written");
        let mut adding = Command::new("/usr/sbin/slapadd");
        let added = adding.arg("-f").arg(&settings).arg("-l").arg(&people).output();
        let added = added.expect("slapadd starts");
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let port = free_port();
        let mut command = Command::new(PROGRAM);
        command.args(["-d", "0", "-h", &format!("ldaps://127.0.0.1:{port}")]);
        command.arg("-f").arg(&settings).stderr(Stdio::null());
        let process = command.spawn().expect("slapd starts");
        let start = Instant::now();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        while TcpStream::connect(address).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "slapd does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { process, port }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.port)
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn conf(certificate: &Path, key: &Path, data: &Path) -> String {
    let suffix = Slapd::SUFFIX;
    let schemas = ["core", "cosine", "inetorgperson"]
        .map(|name| format!("include /etc/ldap/schema/{name}.schema"));
    let mut lines = schemas.to_vec();
    lines.extend([
        "modulepath /usr/lib/ldap".to_owned(),
        "moduleload back_mdb".to_owned(),
        format!("TLSCertificateFile {}", certificate.display()),
        format!("TLSCertificateKeyFile {}", key.display()),
        "database mdb".to_owned(),
        format!("suffix \"{suffix}\""),
        format!("directory {}", data.display()),
        "access to attrs=userPassword by anonymous auth by * none".to_owned(),
        format!("access to * by dn.exact=\"cn=auscult,{suffix}\" read by * none"),
        String::new(),
    ]);
    lines.join("\n")
}
