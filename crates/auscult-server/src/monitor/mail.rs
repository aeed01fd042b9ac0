//! Mail: to the organisation's own server (SMTP, RFC 5321), over TLS unless somebody decided otherwise.

use std::time::Duration;

use auscult_store::OrganisationId;
use axum::http::StatusCode;
use lettre::{
    Address, SmtpTransport, Transport as _,
    message::{Mailbox, Mailboxes, header::ContentType},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
    },
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    evaluate::blocking,
    problem::{Answer, Problem},
    state::App,
};

/// How long the server may take for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// The server that takes our mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailServer {
    /// Its name, for which its certificate must be.
    pub(crate) host: String,
    /// 25, 465 or 587, mostly.
    pub(crate) port: u16,
    /// How the way there is protected.
    #[serde(default)]
    pub(crate) security: Security,
    /// Who we are to it; it takes mail from anybody where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    /// Never told; sent as `null` it stays as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<String>,
    /// The sender of the mails.
    pub(crate) from: String,
    /// Certificates that are trusted in place of the public ones, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<String>,
}

/// How the way to the mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Security {
    /// TLS after a greeting; without it nothing is sent.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// None: whoever is on the way reads which devices are weak.
    None,
}

impl Security {
    pub(crate) const ALL: [Self; 3] = [Self::Starttls, Self::Tls, Self::None];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Starttls => "starttls",
            Self::Tls => "tls",
            Self::None => "none",
        }
    }
}

/// The mail server's settings, where there are any.
pub(crate) async fn server(app: &App, organisation: OrganisationId) -> Answer<Option<MailServer>> {
    let body = app.store.mail_server(organisation).await?;
    let read = |body: String| {
        serde_json::from_str(&body)
            .map_err(|error| Problem::internal("read the settings of the mail server", &error))
    };
    body.map(read).transpose()
}

impl MailServer {
    /// Refuses what cannot work.
    pub(crate) fn check(&self) -> Answer<()> {
        check_address(&self.from)?;
        if self.host.trim().is_empty() {
            return Err(Problem::invalid("the name of the mail server is empty"));
        }
        if self.password.is_some() && self.user.is_none() {
            return Err(Problem::invalid("there is a password, and nobody whose it is"));
        }
        if self.password.is_some() && self.security == Security::None {
            let detail = "a password would be sent for everybody to read";
            return Err(Problem::invalid(detail).hint("choose starttls or tls"));
        }
        self.transport().map(drop)
    }

    fn transport(&self) -> Answer<SmtpTransport> {
        let parameters = self.tls()?;
        let tls = match self.security {
            Security::Starttls => Tls::Required(parameters),
            Security::Tls => Tls::Wrapper(parameters),
            Security::None => Tls::None,
        };
        let mut builder = SmtpTransport::builder_dangerous(&self.host)
            .port(self.port)
            .tls(tls)
            .timeout(Some(ANSWER_MAX));
        if let (Some(user), Some(password)) = (&self.user, &self.password) {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        Ok(builder.build())
    }

    fn tls(&self) -> Answer<TlsParameters> {
        let mut builder = TlsParameters::builder(self.host.clone());
        if let Some(pem) = &self.ca {
            let no_certificate = |_| Problem::invalid("`ca` is no certificate in PEM form");
            let certificate = Certificate::from_pem(pem.as_bytes()).map_err(no_certificate)?;
            builder =
                builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
        }
        let unusable = |error: lettre::transport::smtp::Error| {
            Problem::invalid(format!("the mail server cannot be used so: {error}"))
        };
        builder.build_rustls().map_err(unusable)
    }
}

/// Refuses what is no address of mail.
pub(crate) fn check_address(address: &str) -> Answer<()> {
    address.parse::<Mailbox>().map(drop).map_err(|_| {
        Problem::invalid(format!("{address:?} is no address of mail"))
            .hint("as `security@hospital.example`, or `Security <security@hospital.example>`")
    })
}

/// Sends a text to some people, as one mail.
pub(crate) async fn send(
    app: &App,
    organisation: OrganisationId,
    to: &[String],
    id: &str,
    (subject, text): (String, String),
) -> Answer<()> {
    let missing = || {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no mail server is known")
            .hint("say under Administration, Notifications which server takes our mail")
    };
    let server = server(app, organisation).await?.ok_or_else(missing)?;
    let unusable = |error: &dyn std::fmt::Display| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the mail cannot be written: {error}"),
        )
    };
    let from: Mailbox = server.from.parse().map_err(|error| unusable(&error))?;
    let mailboxes: Mailboxes = to.join(", ").parse().map_err(|error| unusable(&error))?;
    let domain = Address::domain(&from.email).to_owned();
    let mut builder = lettre::Message::builder()
        .from(from)
        .message_id(Some(format!("<{id}@{domain}>")))
        .subject(subject)
        .header(ContentType::TEXT_PLAIN);
    for mailbox in mailboxes {
        builder = builder.to(mailbox);
    }
    let mail = builder.body(text).map_err(|error| unusable(&error))?;
    let transport = server.transport()?;
    let sent = blocking("send a mail", move || transport.send(&mail)).await?;
    sent.map(drop).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        let detail =
            format!("the mail server {}: {error}{}", server.host, cause.unwrap_or_default());
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    })
}
