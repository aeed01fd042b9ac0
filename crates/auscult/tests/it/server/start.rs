//! The start, the set-up, signing in, and the end.

use super::support::{PASSWORD, Server, databases};

#[test]
fn the_first_administrator_comes_by_a_link_that_is_good_once() {
    for (database, folder) in databases() {
        let mut server = Server::start(&database, folder.path());
        let link = server.set_up.clone().expect("a link");
        let path = link.strip_prefix(&server.url).expect("a link of this server").to_owned();
        let token = path.split_once("token=").expect("a token").1.to_owned();
        assert_eq!(server.get(&path).status, 200);
        assert_eq!(server.get("/set-up?token=guessed").status, 410);
        assert_eq!(server.get("/").status, 303);
        let attempt = |password: &str, again: &str| {
            let fields = [
                ("token", token.as_str()),
                ("name", "root"),
                ("password", password),
                ("again", again),
            ];
            server.form("/set-up", "", &fields)
        };
        for (password, again, told) in [
            ("short", "short", "fewer than 12"),
            ("password12345", "password12345", "tried first"),
            (PASSWORD, "another one", "differ"),
        ] {
            let said = attempt(password, again);
            assert_eq!(said.status, 422, "{}", said.body);
            assert!(said.body.contains(told), "{told}: {}", said.body);
        }
        let cookie = server.set_up();
        assert_eq!(attempt(PASSWORD, PASSWORD).status, 410);
        assert_eq!(server.get(&path).status, 410);
        let home = server.as_session(&cookie).get("/");
        assert_eq!(home.status, 200, "{}", home.body);
        assert!(home.body.contains("Ada"));
        assert_eq!(server.stop(), Some(0));
        // The session outlives the process, and there is no second link.
        let server = Server::start(&database, folder.path());
        assert_eq!(server.set_up, None);
        assert_eq!(server.as_session(&cookie).get("/api/v1/me").status, 200);
    }
}

#[test]
fn a_cookie_is_hardened_and_ends_with_the_session() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        server.set_up();
        let fields = [("name", "root"), ("password", PASSWORD), ("next", "//evil.example/")];
        let said = server.form("/sign-in", "", &fields);
        assert_eq!(said.header("location"), Some("/"));
        let cookie = said.header("set-cookie").expect("a cookie").to_owned();
        for part in ["__Host-auscult=", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
            assert!(cookie.contains(part), "{part}: {cookie}");
        }
        let cookie = said.cookie().expect("a cookie");
        // A session that was there before the sign-in is not taken over.
        let again = server.form("/sign-in", &cookie, &fields).cookie().expect("a cookie");
        assert_ne!(again, cookie);
        let token = server.form_token(&again);
        for wrong in ["", "0", &token.replace(['a', 'b'], "c")] {
            let said = server.form("/sign-out", &again, &[("csrf", wrong)]);
            assert_eq!(said.status, 403, "{wrong}");
        }
        assert_eq!(server.form("/sign-out", &again, &[("csrf", &token)]).status, 303);
        assert_eq!(server.as_session(&again).get("/api/v1/me").status, 401);
        assert_eq!(server.as_session(&cookie).get("/api/v1/me").status, 200);
    }
}

#[test]
fn failed_attempts_lock_and_a_restart_does_not_forget_them() {
    for (database, folder) in databases() {
        let mut server = Server::start(&database, folder.path());
        server.set_up();
        let attempt = |server: &Server, name: &str, password: &str| {
            server.form("/sign-in", "", &[("name", name), ("password", password)]).status
        };
        for _ in 0..6 {
            assert_eq!(attempt(&server, "root", "wrong password"), 422);
        }
        assert_eq!(attempt(&server, "root", PASSWORD), 429);
        server.kill();
        let server = Server::start(&database, folder.path());
        let said = server.form("/sign-in", "", &[("name", "ROOT"), ("password", PASSWORD)]);
        assert_eq!(said.status, 429);
        assert!(said.body.contains("Try again in"), "{}", said.body);
        // Nobody is told which names there are: a stranger's attempts look the same.
        for _ in 0..6 {
            assert_eq!(attempt(&server, "nobody", PASSWORD), 422);
        }
        assert_eq!(attempt(&server, "nobody", PASSWORD), 429);
    }
}

#[test]
fn pages_carry_a_policy_without_scripts_and_forms_of_strangers_are_refused() {
    let (database, folder) = databases().remove(0);
    let server = Server::start(&database, folder.path());
    let cookie = server.set_up();
    for path in ["/sign-in", "/", "/nothing", "/api/v1/me", "/api/v1/nothing", "/health/live"] {
        let said = server.as_session(&cookie).get(path);
        let policy = said.header("content-security-policy").expect(path);
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(said.header("x-content-type-options"), Some("nosniff"), "{path}");
        let is_page = said.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
        assert!(!is_page || !said.body.contains("<script") && !said.body.contains(" style="));
    }
    let body = b"name=root&password=vier+Wagen+im+Nebel";
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let own = format!("https://{}", server.url.trim_start_matches("https://"));
    for (headers, expect) in [
        (vec![kind], 403),
        (vec![kind, ("sec-fetch-site", "cross-site")], 403),
        (vec![kind, ("origin", "https://evil.example")], 403),
        (vec![kind, ("origin", own.as_str())], 303),
    ] {
        assert_eq!(server.send("POST", "/sign-in", &headers, body).status, expect, "{headers:?}");
    }
    let foreign = [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site")];
    let said = server.send("POST", "/api/v1/products", &foreign, b"{\"name\":\"x\"}");
    assert_eq!(said.status, 403, "{}", said.body);
}

#[test]
fn health_and_metrics_answer_and_bad_settings_are_told() {
    let (database, folder) = databases().remove(0);
    let mut server = Server::start(&database, folder.path());
    assert_eq!(server.get("/health/live").body, "live\n");
    assert_eq!(server.get("/health/ready").body, "ready\n");
    assert_eq!(server.get("/metrics").status, 303);
    let cookie = server.set_up();
    let metrics = server.as_session(&cookie).get("/metrics");
    assert!(metrics.body.contains("auscult_snapshot_age_days "), "{}", metrics.body);
    let certificate = std::fs::read(folder.path().join("certificate.pem")).expect("it is kept");
    assert_eq!(server.stop(), Some(0));
    let server = Server::start(&database, folder.path());
    assert_eq!(std::fs::read(folder.path().join("certificate.pem")).expect("kept"), certificate);
    let text = |path: &std::path::Path| path.display().to_string();
    let data = text(folder.path());
    let used = server.url.trim_start_matches("https://").to_owned();
    for (arguments, expect, told) in [
        (vec!["--listen", used.as_str()], 1, "listen on"),
        (vec!["--listen", "nowhere"], 2, "invalid"),
        (vec!["--fail-on", "nothing"], 2, "--fail-on"),
        (vec!["--certificate", "/nowhere", "--key", "/nowhere"], 1, "read the certificate"),
        (vec!["--certificate", "/nowhere"], 2, "--key"),
        (vec!["--database", "mysql:x"], 1, "sqlite:PATH or postgres://"),
        (vec!["--advisories", "/nowhere"], 1, "open the snapshot"),
    ] {
        let mut all = vec!["serve", "--data", data.as_str()];
        all.extend(&arguments);
        let output = crate::support::auscult(&all);
        let stderr = crate::support::stderr(&output);
        assert_eq!(crate::support::code(&output), expect, "{arguments:?}: {stderr}");
        assert!(stderr.contains(told), "{arguments:?}: {stderr}");
    }
}
