//! Who is told of changes: rules, and the mail server.

use askama::Template;
use auscult_store::RuleId;
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};

use super::{
    Frame,
    form::{Fields, told},
    render,
    text::by_name,
};
use crate::{
    access::{Caller, Identity},
    api::{
        Id, RuleInput, RuleView, delete_rule, keep_mail_server, make_rule, rules, try_out,
        update_rule,
    },
    monitor::{
        mail::{self, MailServer, Security},
        rule::{Rule, Way, When},
        told::Kind,
    },
    problem::{Answer, Problem},
    state::App,
};

const HERE: &str = "/administration/notifications";

/// A rule in its form.
#[expect(clippy::struct_excessive_bools, reason = "each is a box of the form")]
struct RuleForm {
    id: String,
    name: String,
    revision: i64,
    is_active: bool,
    is_mail: bool,
    to: String,
    url: String,
    ca: String,
    /// Words of kinds of changes, and whether they are told.
    changes: Vec<(&'static str, bool)>,
    at_least: String,
    verdicts: bool,
    with_devices: bool,
    when: &'static str,
    /// Ids and names of products, and whether they are chosen.
    products: Vec<(String, String, bool)>,
    /// Where it goes, in short.
    target: String,
    pending: u64,
    since: Option<String>,
    error: Option<String>,
}

impl RuleForm {
    fn is_of_all_products(&self) -> bool {
        self.products.iter().all(|(_, _, is_chosen)| !is_chosen)
    }

    /// An empty one, by which a rule is made.
    fn new(products: &[(String, String)]) -> Self {
        Self::of_rule(&Rule::by(Way::Mail { to: Vec::new() }), products)
    }

    fn of(view: RuleView, products: &[(String, String)]) -> Self {
        Self {
            id: view.id,
            name: view.name,
            revision: view.revision,
            pending: view.pending,
            since: view.pending_since,
            error: view.error,
            ..Self::of_rule(&view.rule, products)
        }
    }

    fn of_rule(rule: &Rule, products: &[(String, String)]) -> Self {
        let (is_mail, to, url, ca) = match &rule.way {
            Way::Mail { to } => (true, to.join("\n"), String::new(), None),
            Way::Webhook { url, ca, .. } => (false, String::new(), url.clone(), ca.clone()),
        };
        let is_chosen = |id: &String| rule.products.contains(id);
        let told = |kind: &Kind| (kind.word(), rule.changes.contains(kind));
        Self {
            id: String::new(),
            name: String::new(),
            revision: 0,
            is_active: rule.is_active,
            is_mail,
            target: if is_mail { to.replace('\n', ", ") } else { url.clone() },
            to,
            url,
            ca: ca.unwrap_or_default(),
            changes: Kind::ALL.iter().map(told).collect(),
            at_least: rule.at_least.clone().unwrap_or_default(),
            verdicts: rule.verdicts,
            with_devices: rule.with_devices,
            when: rule.when.word(),
            products: products
                .iter()
                .map(|(id, name)| (id.clone(), name.clone(), is_chosen(id)))
                .collect(),
            pending: 0,
            since: None,
            error: None,
        }
    }
}

#[derive(Template)]
#[template(path = "notifications.html")]
struct NotificationsPage {
    frame: Frame,
    rules: Vec<RuleForm>,
    new: RuleForm,
    server: Option<MailServer>,
    securities: Vec<&'static str>,
    whens: Vec<&'static str>,
    /// The secret of a webhook that was just made.
    secret: Option<String>,
    done: Option<&'static str>,
    error: Option<String>,
}

impl NotificationsPage {
    fn host(&self) -> &str {
        self.server.as_ref().map(|server| server.host.as_str()).unwrap_or_default()
    }

    fn from(&self) -> &str {
        self.server.as_ref().map(|server| server.from.as_str()).unwrap_or_default()
    }

    fn user(&self) -> &str {
        self.server.as_ref().and_then(|server| server.user.as_deref()).unwrap_or_default()
    }

    fn ca(&self) -> &str {
        self.server.as_ref().and_then(|server| server.ca.as_deref()).unwrap_or_default()
    }

    fn port(&self) -> u16 {
        self.server.as_ref().map_or(587, |server| server.port)
    }

    fn security(&self) -> &'static str {
        self.server.as_ref().map_or(Security::default(), |server| server.security).word()
    }
}

/// What is said above the rules.
#[derive(Default)]
struct Said {
    secret: Option<String>,
    done: Option<&'static str>,
    error: Option<String>,
}

pub(super) async fn show(State(app): State<App>, Caller(who): Caller) -> Answer<Response> {
    page(&app, &who, Said::default()).await
}

async fn page(app: &App, who: &Identity, said: Said) -> Answer<Response> {
    let products = by_name(crate::fleet::products(app, who.organisation, who.within()).await?);
    let rules = rules(app, who).await?.into_iter();
    let server = mail::server(app, who.organisation).await?;
    let page = NotificationsPage {
        frame: Frame::of(app, "Notifications", "/administration", who).await?,
        rules: rules.map(|rule| RuleForm::of(rule, &products)).collect(),
        new: RuleForm::new(&products),
        server: server.map(|server| MailServer { password: None, ..server }),
        securities: Security::ALL.iter().map(|one| one.word()).collect(),
        whens: When::ALL.iter().map(|one| one.word()).collect(),
        secret: said.secret,
        done: said.done,
        error: said.error,
    };
    render(&page)
}

/// Goes back to the page, or shows it with what was wrong.
async fn back(app: &App, who: &Identity, done: Answer<Said>) -> Answer<Response> {
    match done {
        Ok(said) if said.secret.is_none() && said.done.is_none() => {
            Ok(Redirect::to(HERE).into_response())
        }
        Ok(said) => page(app, who, said).await,
        Err(problem) if problem.status == StatusCode::FORBIDDEN => Err(problem),
        Err(problem) => {
            let status = problem.status;
            let error = Some(told(problem));
            let shown = page(app, who, Said { error, ..Said::default() }).await?;
            Ok((status, shown).into_response())
        }
    }
}

/// The rule of a form.
fn read(fields: &Fields) -> Answer<RuleInput> {
    let chosen = fields.all("changes");
    let split = |text: &str| -> Vec<String> {
        let parts = text.split([',', '\n', ';']).map(str::trim);
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    let said =
        |name: &str| Some(fields.get(name).trim().to_owned()).filter(|text| !text.is_empty());
    let way = if fields.get("by") == "webhook" {
        let url = fields.get("url").trim().to_owned();
        Way::Webhook { url, secret: String::new(), ca: said("ca") }
    } else {
        Way::Mail { to: split(fields.get("to")) }
    };
    let when = When::ALL.into_iter().find(|one| one.word() == fields.get("when"));
    let rule = Rule {
        is_active: fields.get("is_active") == "yes",
        changes: Kind::ALL
            .into_iter()
            .filter(|kind| chosen.iter().any(|word| word == kind.word()))
            .collect(),
        at_least: said("at_least"),
        verdicts: fields.get("verdicts") == "yes",
        products: fields.all("products"),
        with_devices: fields.get("with_devices") == "yes",
        when: when.ok_or_else(|| Problem::invalid("say how soon people are told"))?,
        way,
    };
    let revision = fields.get("revision").parse().unwrap_or(0);
    Ok(RuleInput { name: fields.get("name").to_owned(), rule, revision })
}

pub(super) async fn make(
    State(app): State<App>,
    Caller(who): Caller,
    request: Request,
) -> Answer<Response> {
    let fields = Fields::of(&who, request).await?;
    let done = match read(&fields) {
        Ok(input) => make_rule(&app, &who, input).await,
        Err(problem) => Err(problem),
    };
    let said = done.map(|made| Said { secret: made.secret, ..Said::default() });
    back(&app, &who, said).await
}

pub(super) async fn change(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<RuleId>,
    request: Request,
) -> Answer<Response> {
    let fields = Fields::of(&who, request).await?;
    let done = match fields.get("action") {
        "delete" => delete_rule(&app, &who, id).await.map(|()| None),
        "test" => try_out(&app, &who, id).await.map(|()| Some("The test was taken.")),
        _ => match read(&fields) {
            Ok(input) => update_rule(&app, &who, id, input).await.map(|()| None),
            Err(problem) => Err(problem),
        },
    };
    back(&app, &who, done.map(|done| Said { done, ..Said::default() })).await
}

pub(super) async fn mail_server(
    State(app): State<App>,
    Caller(who): Caller,
    request: Request,
) -> Answer<Response> {
    let fields = Fields::of(&who, request).await?;
    let said =
        |name: &str| Some(fields.get(name).trim().to_owned()).filter(|text| !text.is_empty());
    let security = Security::ALL.into_iter().find(|one| one.word() == fields.get("security"));
    let port = fields.get("port").trim().parse();
    let done = match (security, port) {
        (Some(security), Ok(port)) => {
            let server = MailServer {
                host: fields.get("host").trim().to_owned(),
                port,
                security,
                user: said("user"),
                password: Some(fields.get("password").to_owned()).filter(|text| !text.is_empty()),
                from: fields.get("from").trim().to_owned(),
                ca: said("ca"),
            };
            keep_mail_server(&app, &who, server).await
        }
        _ => Err(Problem::invalid("the port is a number from 1 to 65535")),
    };
    back(&app, &who, done.map(|()| Said::default())).await
}
