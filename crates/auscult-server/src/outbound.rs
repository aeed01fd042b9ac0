//! Requests that the server sends itself: to receivers of webhooks and to providers of identities.

use std::{net::IpAddr, time::Duration};

use axum::http::Uri;
use ureq::{
    Agent,
    tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem},
};

use crate::problem::{Answer, Problem};

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// Refuses an address that nothing is sent to: it must be `https`, or on this machine.
pub(crate) fn check(url: &str, ca: Option<&str>) -> Answer<()> {
    let wrong = |why: &str| {
        Problem::invalid(format!("the address {url:?} {why}"))
            .hint("as `https://receiver.hospital.example/auscult`")
    };
    let uri: Uri = url.parse().map_err(|_| wrong("is no URL"))?;
    let host = uri.host().ok_or_else(|| wrong("names no host"))?;
    let is_here = host == "localhost" || is_loopback(host);
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if is_here => {}
        _ => return Err(wrong("is not https: anybody on the way could read it")),
    }
    roots(ca).map(drop)
}

/// Whether the host of an address is one of this machine's own, by its number.
pub(crate) fn is_loopback(host: &str) -> bool {
    host.trim_matches(['[', ']']).parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn roots(ca: Option<&str>) -> Answer<RootCerts> {
    let Some(pem) = ca else { return Ok(RootCerts::WebPki) };
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    for item in parse_pem(pem.as_bytes()) {
        if let Ok(PemItem::Certificate(certificate)) = item {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(Problem::invalid("`ca` is no certificate in PEM form"));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

/// Somebody who sends requests, trusts the given certificates in place of the public ones, and is led
/// nowhere else.
pub(crate) fn agent(ca: Option<&str>) -> Answer<Agent> {
    let tls = TlsConfig::builder().provider(TlsProvider::Rustls).root_certs(roots(ca)?).build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(ANSWER_MAX))
        .build();
    Ok(config.new_agent())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn nothing_is_sent_where_others_can_read_it() {
        for good in
            ["https://a.example/x", "http://127.0.0.1:9/x", "http://[::1]:9/", "http://localhost/"]
        {
            assert!(check(good, None).is_ok(), "{good}");
        }
        for bad in [
            "http://a.example/",
            "ftp://a.example/",
            "https://",
            "a",
            "http://127.0.0.1.a.example/",
        ] {
            assert!(check(bad, None).is_err(), "{bad}");
        }
        assert!(check("https://a.example/", Some("no PEM")).is_err());
    }
}
