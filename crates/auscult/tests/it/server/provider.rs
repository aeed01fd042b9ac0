//! Signing in by a provider, step by step as a browser does it.

use std::collections::BTreeMap;

use auscult_testkit::{GroupsIn, OidcProvider};
use serde_json::{Value, json};

use super::{
    sign_in::{at_the_beginning_of_a_step, between, code, put},
    support::{Said, Server, databases},
};

const CALLBACK: &str = "/sign-in/provider/callback";

fn provider_for(server: &Server, groups: GroupsIn) -> OidcProvider {
    let (certificate, key) = (server.data.join("certificate.pem"), server.data.join("key.pem"));
    OidcProvider::start(&certificate, &key, &format!("{}{CALLBACK}", server.url), groups)
}

/// Settings for the provider of the testkit.
fn settings(server: &Server, provider: &OidcProvider, roles: &Value) -> Value {
    let ca = std::fs::read_to_string(server.data.join("certificate.pem")).expect("it is kept");
    json!({ "oidc": { "label": "Hospital account", "issuer": provider.issuer(), "ca": ca,
        "client_id": OidcProvider::CLIENT, "client_secret": OidcProvider::SECRET,
        "roles": roles } })
}

fn usual_roles() -> Value {
    json!([{ "group": "security", "role": "security-operations", "sites": ["North"] },
        { "group": "clinic", "role": "clinical-engineering",
            "sites": ["North", "South"] }])
}

/// A browser: it keeps the cookies of the server and those of the provider apart.
struct Browser<'a> {
    server: &'a Server,
    jars: BTreeMap<String, BTreeMap<String, String>>,
}

impl<'a> Browser<'a> {
    fn new(server: &'a Server) -> Self {
        Self { server, jars: BTreeMap::new() }
    }

    fn origin(url: &str) -> String {
        url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/")
    }

    fn cookies(&self, origin: &str) -> String {
        let cookies = self.jars.get(origin).into_iter().flatten();
        let cookies: Vec<_> = cookies.map(|(name, value)| format!("{name}={value}")).collect();
        cookies.join("; ")
    }

    fn ask(&mut self, method: &str, url: &str, body: &str) -> Said {
        let origin = Self::origin(url);
        let said = self.server.ask(method, url, &self.cookies(&origin), body.as_bytes());
        let jar = self.jars.entry(origin).or_default();
        for (_, cookie) in said.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = cookie.split_once('=').expect("a cookie");
            let value = value.split(';').next().unwrap_or_default();
            match value {
                "" => drop(jar.remove(name)),
                value => drop(jar.insert(name.to_owned(), value.to_owned())),
            }
        }
        said
    }

    /// Begins at the server, and returns where the provider is asked.
    fn begin(&mut self) -> String {
        let url = format!("{}/sign-in/provider?next=/products", self.server.url);
        let said = self.ask("GET", &url, "");
        assert_eq!(said.status, 303, "{}", said.body);
        said.header("location").expect("the provider").to_owned()
    }

    /// Signs in at the provider, and returns where that sends the browser back to.
    fn sign_in_there(&mut self, name: &str, begun: &str) -> String {
        let (mut url, provider) = (begun.to_owned(), Self::origin(begun));
        for _ in 0..8 {
            let mut said = self.ask("GET", &url, "");
            if said.status == 200 {
                let action = between(&said.body, "action=\"", "\"").to_owned();
                let form = format!("prompt=login&login={name}&password=anything");
                said = self.ask("POST", &action, &form);
            }
            let target = said.header("location").unwrap_or_else(|| panic!("{url}: {}", said.body));
            if target.starts_with(&self.server.url) {
                return target.to_owned();
            }
            let is_path = target.starts_with('/');
            url = if is_path { format!("{provider}{target}") } else { target.to_owned() };
        }
        panic!("the provider leads nowhere: {url}")
    }

    fn sign_in(&mut self, name: &str) -> Said {
        let begun = self.begin();
        let back = self.sign_in_there(name, &begun);
        self.ask("GET", &back, "")
    }

    /// The cookie of the session.
    fn session(&self) -> String {
        let cookies = self.cookies(&self.server.url);
        let mut cookies = cookies.split("; ");
        cookies.find(|one| one.starts_with("__Host-auscult=")).expect("a session").to_owned()
    }

    fn has_session(&self) -> bool {
        self.cookies(&self.server.url).contains("__Host-auscult=")
    }
}

fn accounts(server: &Server, root: &str) -> usize {
    let accounts = server.as_session(root).get("/api/v1/accounts").json();
    accounts["items"].as_array().map(Vec::len).expect("a list")
}

fn check_people(server: &Server, root: &str) {
    let mut browser = Browser::new(server);
    let said = browser.sign_in("grace");
    assert_eq!((said.status, said.header("location")), (303, Some("/products")), "{}", said.body);
    let me = server.as_session(&browser.session()).get("/api/v1/me").json();
    let roles = json!(["clinical-engineering", "security-operations"]);
    assert_eq!((&me["name"], &me["roles"]), (&json!("grace"), &roles));
    assert_eq!((&me["sites"], &me["products"]), (&json!(["North"]), &json!([])));
    // No group that means a role, and somebody with the name of an account that is kept here.
    for name in ["joan", "root"] {
        let mut browser = Browser::new(server);
        let said = browser.sign_in(name);
        assert!(said.status == 403 && said.body.contains("may not use"), "{name}: {}", said.body);
        assert!(!browser.has_session());
    }
    // The same person once more is the same account.
    assert_eq!(Browser::new(server).sign_in("grace").status, 303);
    assert_eq!(accounts(server, root), 2);
}

/// Every way back that is not the one that was begun.
fn check_forgeries(server: &Server) {
    let refused = |browser: &mut Browser<'_>, url: &str, why: &str| {
        let said = browser.ask("GET", url, "");
        assert!(said.status == 403 && said.body.contains(why), "{url}: {}", said.body);
        assert!(!browser.has_session(), "{url}");
        said
    };
    let begun_elsewhere = "did not begin in this browser";
    let mut victim = Browser::new(server);
    let begun = victim.begin();
    let state = between(&begun, "state=", "&").to_owned();
    assert!(begun.contains("code_challenge_method=S256"), "{begun}");
    assert!(begun.contains("nonce=") && !begun.contains("verifier"), "{begun}");
    let back = victim.sign_in_there("grace", &begun);
    refused(&mut victim, &back.replace(&state, "guessed"), begun_elsewhere);
    refused(&mut victim, &format!("{}{CALLBACK}", server.url), begun_elsewhere);
    // What a link says is not shown.
    let link = format!("{}{CALLBACK}?error=x&error_description=call+us&state=x", server.url);
    assert!(!refused(&mut victim, &link, begun_elsewhere).body.contains("call us"));
    // Another browser, and one that began a sign-in of its own: with the state, and with the code alone.
    refused(&mut Browser::new(server), &back, begun_elsewhere);
    let mut other = Browser::new(server);
    let begun = other.begin();
    refused(&mut other, &back, begun_elsewhere);
    let own = back.replace(&state, between(&begun, "state=", "&"));
    refused(&mut other, &own, "cannot be trusted");
    // That was its only try.
    refused(&mut other, &own, begun_elsewhere);
    // None of this harmed whoever began, whose way back is good once.
    let step = victim.jars.clone();
    assert_eq!(victim.ask("GET", &back, "").status, 303);
    refused(&mut Browser { server, jars: step }, &back, begun_elsewhere);
    // Somebody says no at the provider.
    let mut browser = Browser::new(server);
    let begun = browser.begin();
    let state = between(&begun, "state=", "&");
    let no = format!("{}{CALLBACK}?error=access_denied&state={state}", server.url);
    refused(&mut browser, &no, "the provider refused: access_denied");
}

#[test]
fn people_of_a_provider_get_in_by_their_groups_and_nobody_else() {
    if !OidcProvider::is_there() {
        return;
    }
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let client = server.as_session(&root);
        assert_eq!(client.get("/sign-in/provider").status, 404);
        let provider = provider_for(&server, GroupsIn::UserInfo);
        let wanted = settings(&server, &provider, &usual_roles());
        let mut open = wanted.clone();
        open["oidc"]["issuer"] = "http://provider.example".into();
        assert_eq!(put(&client, "/api/v1/sign-in", &open).status, 422);
        assert_eq!(put(&client, "/api/v1/sign-in", &wanted).status, 204);
        let shown = client.get("/api/v1/sign-in");
        assert!(!shown.body.contains(OidcProvider::SECRET), "{}", shown.body);
        // What is read can be written: the secret stays.
        assert_eq!(put(&client, "/api/v1/sign-in", &shown.json()).status, 204);
        assert!(server.get("/sign-in").body.contains("Hospital account"));
        check_people(&server, &root);
        check_forgeries(&server);
        assert_eq!(accounts(&server, &root), 2);
        let log = client.get("/api/v1/audit?limit=1000").body;
        assert!(log.contains("oidc") && !log.contains(OidcProvider::SECRET), "{log}");
        // Without its provider nobody of it gets in and is told so; accounts that are kept here do.
        let mut browser = Browser::new(&server);
        let begun = browser.begin();
        let back = browser.sign_in_there("grace", &begun);
        drop(provider);
        for url in [back, format!("{}/sign-in/provider", server.url)] {
            let said = browser.ask("GET", &url, "");
            assert_eq!(said.status, 503, "{}", said.body);
            assert!(said.body.contains("accounts of this server still get in"), "{}", said.body);
        }
        server.sign_in("root");
    }
}

#[test]
fn groups_of_a_signed_token_count_until_they_mean_nothing() {
    if !OidcProvider::is_there() {
        return;
    }
    let (database, folder) = databases().remove(0);
    let server = Server::start(&database, folder.path());
    let root = server.set_up();
    let client = server.as_session(&root);
    let provider = provider_for(&server, GroupsIn::IdToken);
    let wanted = settings(&server, &provider, &usual_roles());
    assert_eq!(put(&client, "/api/v1/sign-in", &wanted).status, 204);
    check_people(&server, &root);
    let mut browser = Browser::new(&server);
    assert_eq!(browser.sign_in("grace").status, 303);
    let session = browser.session();
    let grace = server.as_session(&session);
    let key = grace.key(&["read"]);
    assert_eq!(server.as_key(&key).get("/api/v1/products").status, 200);
    let kitchen = json!([{ "group": "kitchen", "role": "viewer" }]);
    let wanted = settings(&server, &provider, &kitchen);
    assert_eq!(put(&client, "/api/v1/sign-in", &wanted).status, 204);
    // Who is sent away has no older session and no key that still opens a door.
    assert_eq!(Browser::new(&server).sign_in("grace").status, 403);
    assert_eq!(grace.get("/api/v1/products").status, 403);
    assert_eq!(server.as_key(&key).get("/api/v1/products").status, 403);
    let mut browser = Browser::new(&server);
    assert_eq!(browser.sign_in("joan").status, 303);
    let session = browser.session();
    assert_eq!(server.as_session(&session).get("/api/v1/me").json()["roles"], json!(["viewer"]));
}

#[test]
fn a_second_factor_is_asked_for_behind_a_provider_too() {
    if !OidcProvider::is_there() {
        return;
    }
    let (database, folder) = databases().remove(0);
    let server = Server::start(&database, folder.path());
    let root = server.set_up();
    let provider = provider_for(&server, GroupsIn::IdToken);
    let wanted = settings(&server, &provider, &usual_roles());
    assert_eq!(put(&server.as_session(&root), "/api/v1/sign-in", &wanted).status, 204);
    let mut browser = Browser::new(&server);
    assert_eq!(browser.sign_in("grace").status, 303);
    let session = browser.session();
    let token = server.form_token(&session);
    let account = |fields: &[(&str, &str)]| {
        let fields: Vec<_> = [("csrf", token.as_str())].iter().chain(fields).copied().collect();
        server.form("/account", &session, &fields).body
    };
    let secret = between(&account(&[("action", "factor")]), "<pre>", "<").to_owned();
    at_the_beginning_of_a_step();
    let confirmed = account(&[("action", "confirm"), ("code", &code(&secret, 0))]);
    assert!(confirmed.contains("The second factor is on"), "{confirmed}");
    let mut browser = Browser::new(&server);
    let said = browser.sign_in("grace");
    let to = said.header("location");
    assert_eq!((said.status, to), (303, Some("/sign-in/code")), "{}", said.body);
    assert!(!browser.has_session());
    let cookies = browser.cookies(&server.url);
    let said = server.form("/sign-in/code", &cookies, &[("code", &code(&secret, 1))]);
    assert_eq!((said.status, said.header("location")), (303, Some("/products")), "{}", said.body);
}
