//! Services of inetd (`/etc/inetd.conf`, inetd(8)) and xinetd (`/etc/xinetd.d`, xinetd.conf(5)).

use auscult_model::{BootSource, BootState, Locator, Transport};

use super::{Builder, Draft};
use crate::operation::{
    files::{Files, Text},
    lines,
};

/// A service that is started when someone connects.
pub(in crate::operation) struct Service {
    pub(in crate::operation) name: String,
    /// A port by name or number.
    pub(in crate::operation) port: String,
    pub(in crate::operation) address: Option<String>,
    pub(in crate::operation) transport: Transport,
    pub(in crate::operation) user: Option<String>,
    pub(in crate::operation) words: Vec<String>,
    pub(in crate::operation) enabled: bool,
    pub(in crate::operation) locator: Locator,
    /// Whether xinetd reads this file, and not inetd.
    xinetd: bool,
}

/// Daemons that read `inetd.conf`.
const INETD: &[&str] = &["inetd", "inetutils-inetd", "openbsd-inetd", "rlinetd"];
/// Services of one root.
const SERVICES_MAX: usize = 1024;

/// Adds the services. Where nothing starts the daemon, they do not start either.
pub(super) fn read(builder: &mut Builder<'_, '_>) {
    let (inetd, xinetd) = (builder.starts_any(INETD), builder.starts_any(&["xinetd"]));
    for service in services(builder.files) {
        let runs = service.enabled && if service.xinetd { xinetd } else { inetd };
        builder.add(Draft {
            source: BootSource::Inetd,
            name: service.name,
            words: service.words,
            user: service.user,
            trigger: format!("connection to {}", service.port),
            state: if runs { BootState::OnDemand } else { BootState::Disabled },
            configuration: service.locator,
        });
    }
}

/// Every service of the root.
pub(in crate::operation) fn services(files: &Files<'_>) -> Vec<Service> {
    let mut services = Vec::new();
    let folder = files.texts("/etc/inetd.d", "");
    for text in files.text("/etc/inetd.conf").into_iter().chain(folder) {
        for line in text.lines() {
            services.extend(line_of_inetd(&line.text, text.at(line.offset)));
        }
    }
    let folder = files.texts("/etc/xinetd.d", "");
    for text in files.text("/etc/xinetd.conf").into_iter().chain(folder) {
        xinetd(&text, &mut services);
    }
    if services.len() > SERVICES_MAX {
        let why = format!("more than {SERVICES_MAX} services");
        files.report(&files.locator(), "read the tables of inetd", why);
        services.truncate(SERVICES_MAX);
    }
    services
}

/// `service stream|dgram tcp|udp wait|nowait user program arguments…`, the arguments from the name.
fn line_of_inetd(line: &str, locator: Locator) -> Option<Service> {
    let words = lines::words(lines::uncommented(line));
    let [service, _, protocol, _, user, program, rest @ ..] = words.as_slice() else { return None };
    let (address, port) = match service.rsplit_once(':') {
        Some((address, port)) => (Some(address.to_owned()), port.to_owned()),
        None => (None, service.clone()),
    };
    let arguments = rest.get(1..).unwrap_or_default();
    // TCP wrappers: the program behind them is the first argument.
    let wrapped = program.ends_with("/tcpd");
    let words =
        if wrapped { rest.to_vec() } else { [std::slice::from_ref(program), arguments].concat() };
    Some(Service {
        name: port.clone(),
        port,
        address,
        transport: transport(protocol),
        user: user.split(['.', ':']).next().map(str::to_owned),
        words,
        enabled: true,
        locator,
        xinetd: false,
    })
}

fn transport(protocol: &str) -> Transport {
    match protocol {
        _ if protocol.starts_with("tcp") => Transport::Tcp,
        _ if protocol.starts_with("udp") => Transport::Udp,
        _ => Transport::Other,
    }
}

/// `service NAME { key = value … }`.
fn xinetd(text: &Text, services: &mut Vec<Service>) {
    let mut current: Option<Service> = None;
    let mut server: Option<String> = None;
    for line in text.lines() {
        let line_text = lines::uncommented(&line.text);
        if let Some(name) = line_text.strip_prefix("service ") {
            let name = name.trim_matches([' ', '\t', '{']).to_owned();
            server = None;
            current = Some(Service {
                port: name.clone(),
                name,
                address: None,
                transport: Transport::Tcp,
                user: None,
                words: Vec::new(),
                enabled: true,
                locator: text.at(line.offset),
                xinetd: true,
            });
        } else if line_text.starts_with('}') {
            if let (Some(service), Some(program)) = (&mut current, server.take()) {
                service.words.insert(0, program);
            }
            services.extend(current.take().filter(|service| !service.words.is_empty()));
        } else if let (Some(service), Some((key, value))) =
            (&mut current, line_text.split_once('='))
        {
            let value = value.trim();
            match key.trim().trim_end_matches('+').trim() {
                "disable" => service.enabled = !value.eq_ignore_ascii_case("yes"),
                "port" => value.clone_into(&mut service.port),
                "bind" | "interface" => service.address = Some(value.to_owned()),
                "protocol" => service.transport = transport(value),
                "socket_type" if value == "dgram" => service.transport = Transport::Udp,
                "user" => service.user = Some(value.to_owned()),
                "server" => server = Some(value.to_owned()),
                "server_args" => service.words.extend(lines::words(value)),
                _ => {}
            }
        }
    }
}
