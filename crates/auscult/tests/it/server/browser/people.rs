//! What a house has beside the server: a directory, a provider and a mail server, each the real
//! program, told of on the pages that an administrator has for them.

use std::fs;

use auscult_testkit::{GroupsIn, Mailbox, OidcProvider, Slapd, free_port};

use super::{
    super::{monitoring::wait, support::PASSWORD},
    walk::{NEWER, PUMPS, Walk},
};

const MAIL_TO: &str = "security@hospital.example";

impl Walk<'_> {
    /// The certificate that all of them have, as a text.
    fn authority(&self) -> String {
        fs::read_to_string(self.server.data.join("certificate.pem")).expect("it is kept")
    }

    /// A rule by which people are told at once, and the server that takes their mail.
    pub(super) fn ask_for_mail(&self) -> Option<Mailbox> {
        if !Mailbox::is_there() {
            return None;
        }
        let (browser, port) = (self.browser, free_port());
        let (certificate, key) =
            (self.server.data.join("certificate.pem"), self.server.data.join("key.pem"));
        let mailbox = Mailbox::start(port, &certificate, &key, self.desk.path());
        browser.click("Administration");
        browser.click("Notifications");
        browser.unfold_all();
        browser.fill("Its name", "127.0.0.1");
        browser.fill("Port", &port.to_string());
        browser.fill("Sender", "auscult@hospital.example");
        browser.fill_named("ca", &self.authority());
        browser.click("Use it");
        browser.fill("Name", "Security of devices");
        browser.select("How soon", "at-once");
        browser.fill("Addresses", MAIL_TO);
        browser.click("Make the rule");
        self.assert_shows(MAIL_TO);
        self.seen("notifications-rule");
        Some(mailbox)
    }

    /// The mail names the vulnerability and the devices that are known to have it.
    pub(super) fn read_mail(mailbox: &Mailbox) {
        let wanted = [NEWER.to_owned(), format!("{PUMPS} devices of Infusion pump 1.1")];
        let is_it = |mail: &String| wanted.iter().all(|words| mail.contains(words));
        wait("a mail with the devices", || mailbox.mails().iter().any(is_it).then_some(()));
        assert!(mailbox.mails().iter().all(|mail| mail.contains(&format!("To: {MAIL_TO}"))));
    }

    /// Somebody of the directory and somebody of the provider sign in on the page.
    pub(super) fn people_of_the_house(&self) {
        if !Slapd::is_there() || !OidcProvider::is_there() {
            return;
        }
        let (browser, server) = (self.browser, self.server);
        let (certificate, key) = (server.data.join("certificate.pem"), server.data.join("key.pem"));
        let slapd = Slapd::start(&certificate, &key, self.desk.path());
        let callback = format!("{}/sign-in/provider/callback", server.url);
        let provider = OidcProvider::start(&certificate, &key, &callback, GroupsIn::UserInfo);
        self.say_how_people_sign_in(&slapd, &provider);
        browser.fill("Name that is typed", "grace");
        browser.click("Look");
        self.assert_shows("clinical-engineering");
        self.seen("sign-in-tried");
        browser.click("Sign out");
        self.seen("sign-in-by-provider");
        browser.fill("Name", "grace");
        browser.fill("Password", PASSWORD);
        browser.click("Sign in");
        self.assert_shows("Grace Hopper");
        browser.click("Sign out");
        browser.click("Hospital account");
        assert!(browser.address().starts_with(provider.issuer()), "{}", browser.address());
        browser.fill_named("login", "joan");
        browser.fill_named("password", "anything");
        browser.click("Sign-in");
        assert!(browser.address().starts_with(&server.url), "{}", browser.address());
        browser.click("Joan Clarke");
        self.assert_shows("Joan Clarke (joan) · viewer");
        assert!(!browser.has_link("Administration"), "{}", browser.words());
    }

    fn say_how_people_sign_in(&self, slapd: &Slapd, provider: &OidcProvider) {
        let (browser, suffix) = (self.browser, Slapd::SUFFIX);
        browser.click("Administration");
        browser.click("Sign-in");
        browser.unfold_all();
        browser.choose("people sign in with their name");
        browser.fill("Address", &slapd.url());
        browser.fill("Who looks for people", &format!("cn=auscult,{suffix}"));
        browser.fill("Its password", "looks for people");
        browser.fill("Below what people are", &format!("ou=people,{suffix}"));
        browser.fill("Below what groups are", &format!("ou=groups,{suffix}"));
        let clinic = format!("clinical-engineering = cn=clinic,ou=groups,{suffix}");
        browser.fill_named("ldap_roles", &clinic);
        browser.fill_named("ldap_ca", &self.authority());
        browser.choose("people are signed in by a provider");
        browser.fill("What the button says", "Hospital account");
        browser.fill("Issuer", provider.issuer());
        browser.fill("Client id", OidcProvider::CLIENT);
        browser.fill("Client secret", OidcProvider::SECRET);
        browser.fill_named("oidc_roles", "viewer = kitchen");
        browser.fill_named("oidc_ca", &self.authority());
        browser.click("Use it");
        self.seen("sign-in-used");
    }
}
