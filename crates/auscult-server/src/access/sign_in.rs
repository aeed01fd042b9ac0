//! Signing in: with a password that is kept here or in a directory, with a code after it, or by a
//! provider; and the cookie that follows.

use std::net::IpAddr;

use auscult_store::{Account, AccountSource, AttemptLimit, AuditEvent, NewAccount};
use axum::http::{HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};

use super::{
    Meant, Secret, SignInSettings, csrf_token, password, same, second_factor,
    step::{self, Step},
};
use crate::{
    evaluate::blocking,
    problem::{Answer, Problem},
    state::App,
};

/// The name of the cookie; browsers take one of this prefix only with `Secure` and for this host.
pub(super) const COOKIE: &str = "__Host-auscult";

/// A session ends after this, whatever happens.
const SESSION_MAX: SignedDuration = SignedDuration::from_hours(12);

/// Failures of one account.
const OF_ACCOUNT: AttemptLimit = AttemptLimit {
    failures_max: 5,
    block: SignedDuration::from_secs(30),
    block_max: SignedDuration::from_mins(15),
    forget_after: SignedDuration::from_hours(24),
};

/// Failures from one address, behind which many people may sit.
const OF_ADDRESS: AttemptLimit = AttemptLimit { failures_max: 30, ..OF_ACCOUNT };

/// Where a provider sends people back to.
const CALLBACK: &str = "/sign-in/provider/callback";

/// What is sent to sign in.
pub(crate) struct SignIn<'a> {
    pub(crate) name: &'a str,
    pub(crate) password: String,
    pub(crate) address: IpAddr,
    /// Where to go then.
    pub(crate) next: &'a str,
}

/// What came of it.
pub(crate) enum SignedIn {
    /// A new session.
    Session(Secret),
    /// A code is asked for; the cookie tells who it is.
    Code(HeaderValue),
    /// Name, password or code is wrong; which, nobody is told.
    Refused,
    /// Too many failures; until then nothing is looked at.
    Blocked {
        /// Seconds until the next attempt.
        seconds: u64,
    },
}

/// Who counts failures of what.
struct Counted(Vec<(String, AttemptLimit)>);

impl Counted {
    fn of(subject: String, address: IpAddr) -> Self {
        Self(vec![(subject, OF_ACCOUNT), (format!("address {address}"), OF_ADDRESS)])
    }

    /// Counts an attempt as failed before it is looked at, so that many at once have no more tries than
    /// one after the other. Tells how long nothing is looked at, where there were too many.
    async fn attempt(&self, app: &App, now: Timestamp) -> Answer<Option<u64>> {
        for (subject, _) in &self.0 {
            let until = app.store.attempts(app.organisation, subject).await?.blocked_until;
            if let Some(until) = until.filter(|until| *until > now) {
                return Ok(Some(
                    u64::try_from(until.duration_since(now).as_secs()).unwrap_or(0) + 1,
                ));
            }
        }
        for (subject, limit) in &self.0 {
            app.store.count_failure(app.organisation, subject, limit, now).await?;
        }
        Ok(None)
    }

    /// It was no failure.
    async fn clear(&self, app: &App) -> Answer<()> {
        for (subject, _) in &self.0 {
            app.store.clear_failures(app.organisation, subject).await?;
        }
        Ok(())
    }
}

/// Compares a password and begins a session, or asks for a code.
pub(crate) async fn sign_in(app: &App, given: SignIn<'_>) -> Answer<SignedIn> {
    let now = Timestamp::now();
    let counted = Counted::of(format!("account {}", given.name.to_lowercase()), given.address);
    if let Some(seconds) = counted.attempt(app, now).await? {
        return Ok(SignedIn::Blocked { seconds });
    }
    let settings = SignInSettings::of(app, app.organisation).await?;
    let account = match identified(app, &settings, &given).await {
        Ok(account) => account,
        Err(problem) => {
            // Nobody guessed anything: the directory was away.
            counted.clear(app).await?;
            return Err(problem);
        }
    };
    let Some(account) = account.filter(|account| !account.is.disabled) else {
        app.metrics.sign_in(false);
        tracing::warn!(address = %given.address, "a sign-in failed");
        return Ok(SignedIn::Refused);
    };
    counted.clear(app).await?;
    let is_local = account.source.word == "local";
    let has_factor = second_factor::is_on(app, app.organisation, account.id).await?;
    if has_factor || (is_local && settings.needs_second_factor) {
        let step = Step::Code { account: account.id, next: given.next.to_owned() };
        let cookie = ask_for_code(app, &step).await?;
        return Ok(SignedIn::Code(cookie));
    }
    signed_in(app, &account, given.address, false).await.map(SignedIn::Session)
}

async fn ask_for_code(app: &App, step: &Step) -> Answer<HeaderValue> {
    let token = Secret::new("")?;
    step::remember(app, &token, step).await
}

/// Finds whose name and password these are.
async fn identified(
    app: &App,
    settings: &SignInSettings,
    given: &SignIn<'_>,
) -> Answer<Option<Account>> {
    let known = app.store.account_by_name(app.organisation, given.name).await?;
    let local = known.as_ref().is_some_and(|known| known.source.word == "local");
    let Some(directory) = settings.ldap.as_ref().filter(|_| !local) else {
        let hash = known.as_ref().and_then(|known| known.is.password_hash.clone());
        let is_right = password::is_right(given.password.clone(), hash).await?;
        return Ok(known.filter(|_| is_right));
    };
    let name = given.name.trim().to_lowercase();
    let Some(person) = directory.sign_in(&name, &given.password).await? else { return Ok(None) };
    let source = AccountSource { word: "ldap".to_owned(), subject: Some(person.dn.to_lowercase()) };
    external(app, &source, name, person.display_name, person.is).await
}

/// The account of somebody whom another system knows; none where no group of the person means a role,
/// or where the name is that of another account.
async fn external(
    app: &App,
    source: &AccountSource,
    name: String,
    display_name: String,
    Meant { roles, reach }: Meant,
) -> Answer<Option<Account>> {
    let now = Timestamp::now();
    if roles.is_empty() {
        tracing::warn!(name, source = source.word, "no group of this person means a role");
        // Nor may sessions and keys of earlier days do any more what the groups of then allowed.
        app.store.take_roles_away(app.organisation, source, now).await?;
        return Ok(None);
    }
    let (password_hash, disabled) = (None, false);
    let is = NewAccount { name, display_name, password_hash, roles, disabled, reach };
    match app.store.external_account(app.organisation, source, &is, now).await {
        Ok(account) => Ok(Some(account)),
        Err(auscult_store::Error::Exists { .. }) => {
            tracing::warn!(
                name = is.name,
                source = source.word,
                "the name is that of another account"
            );
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Begins the session of somebody who is who he says.
async fn signed_in(
    app: &App,
    account: &Account,
    address: IpAddr,
    second_factor: bool,
) -> Answer<Secret> {
    app.metrics.sign_in(true);
    let token = begin(app, account).await?;
    let event = AuditEvent {
        actor: account.is.name.clone(),
        action: "sign-in".to_owned(),
        object: account.id.to_string(),
        detail: serde_json::json!({ "address": address.to_string(),
            "source": account.source.word, "second_factor": second_factor }),
    };
    app.store.append_audit(app.organisation, &event, Timestamp::now()).await?;
    Ok(token)
}

/// Lets somebody who is signed in show once more who he is, by a password or a code: as often as at the
/// sign-in, so that who finds a session open cannot guess what it does not know.
pub(crate) async fn show_again(
    app: &App,
    account: &Account,
    is_right: impl Future<Output = Answer<bool>>,
) -> Answer<bool> {
    let counted = Counted(vec![(format!("session of {}", account.id), OF_ACCOUNT)]);
    if let Some(seconds) = counted.attempt(app, Timestamp::now()).await? {
        let detail = "too many attempts failed";
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).after(seconds));
    }
    let is_right = is_right.await?;
    if is_right {
        counted.clear(app).await?;
    }
    Ok(is_right)
}

/// What came of a code, and where to go then.
pub(crate) struct Coded {
    pub(crate) came: SignedIn,
    pub(crate) next: String,
    /// Codes on paper of a second factor that was just set up.
    pub(crate) codes: Vec<String>,
}

/// Takes the code that follows a password: it begins the session. A second factor that the code shows to
/// work is asked for from then on.
pub(crate) async fn finish_with_code(
    app: &App,
    token: &Secret,
    code: &str,
    address: IpAddr,
) -> Answer<Option<Coded>> {
    let taken = step::take(app, token).await?;
    let Some(Step::Code { account: id, next }) = taken else { return Ok(None) };
    let account = app.store.account(app.organisation, id).await?;
    let Some(account) = account.filter(|account| !account.is.disabled) else { return Ok(None) };
    let counted = Counted::of(format!("code {id}"), address);
    if let Some(seconds) = counted.attempt(app, Timestamp::now()).await? {
        return Ok(Some(Coded { came: SignedIn::Blocked { seconds }, next, codes: Vec::new() }));
    }
    let of = app.organisation;
    let (is_right, codes) = if second_factor::is_on(app, of, id).await? {
        (second_factor::take(app, of, id, code).await?, Vec::new())
    } else {
        match second_factor::confirm(app, of, id, code).await {
            Ok(codes) => (true, codes),
            Err(problem) if problem.status.is_client_error() => (false, Vec::new()),
            Err(problem) => return Err(problem),
        }
    };
    if !is_right {
        app.metrics.sign_in(false);
        tracing::warn!(%address, "a code was wrong");
        // Another try needs no other password.
        let cookie = ask_for_code(app, &Step::Code { account: id, next: next.clone() }).await?;
        return Ok(Some(Coded { came: SignedIn::Code(cookie), next, codes }));
    }
    counted.clear(app).await?;
    let session = signed_in(app, &account, address, true).await?;
    Ok(Some(Coded { came: SignedIn::Session(session), next, codes }))
}

/// What a provider is told to send people back to, and what it is.
async fn provider(app: &App) -> Answer<(super::Oidc, String)> {
    let settings = SignInSettings::of(app, app.organisation).await?;
    let callback = format!("{}{CALLBACK}", settings.origin(app));
    let oidc = settings.oidc.ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "nobody else signs people in for this server")
    })?;
    Ok((oidc, callback))
}

/// Sends the browser to the provider: the address, and the cookie by which it is known again.
pub(crate) async fn begin_at_provider(app: &App, next: &str) -> Answer<(String, HeaderValue)> {
    let (oidc, callback) = provider(app).await?;
    let token = Secret::new("")?;
    let state = csrf_token(&token);
    let begun = blocking("begin a sign-in", move || oidc.begin(&callback, &state)).await??;
    let (nonce, verifier) = (begun.nonce, begun.verifier);
    let step = Step::Provider { nonce, verifier, next: next.to_owned() };
    Ok((begun.url, step::remember(app, &token, &step).await?))
}

/// What a browser brings along from a provider.
pub(crate) struct Came {
    pub(crate) state: String,
    /// The code, or why there is none.
    pub(crate) code: Result<String, String>,
}

/// Takes the code with which a provider sent a browser back, and begins the session or asks for a code of
/// the second factor; tells where to go then, too.
pub(crate) async fn came_from_provider(
    app: &App,
    token: Option<Secret>,
    came: Came,
    address: IpAddr,
) -> Answer<(SignedIn, String)> {
    let stranger = || {
        let detail = "this sign-in did not begin in this browser, or is over";
        Problem::new(StatusCode::FORBIDDEN, detail).hint("begin the sign-in again")
    };
    let token = token.ok_or_else(stranger)?;
    // Before anything else: whatever is told here is told by a link that anybody can make.
    if !same(&came.state, &csrf_token(&token)) {
        return Err(stranger());
    }
    let Some(Step::Provider { nonce, verifier, next }) = step::take(app, &token).await? else {
        return Err(stranger());
    };
    let code = came.code.map_err(|why| {
        Problem::new(StatusCode::FORBIDDEN, format!("the provider refused: {why}"))
            .hint("begin the sign-in again")
    })?;
    let (oidc, callback) = provider(app).await?;
    let finish = move || oidc.finish(&callback, code, (nonce, verifier));
    let person = blocking("finish a sign-in", finish).await??;
    let source = AccountSource { word: "oidc".to_owned(), subject: Some(person.subject) };
    let (name, display_name) = (person.name, person.display_name);
    let account = external(app, &source, name, display_name, person.is).await?;
    let Some(account) = account.filter(|account| !account.is.disabled) else {
        app.metrics.sign_in(false);
        let detail = "the provider knows you, and you may not use this server";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail)
            .hint("ask an administrator which group means a role here"));
    };
    if second_factor::is_on(app, app.organisation, account.id).await? {
        let step = Step::Code { account: account.id, next: next.clone() };
        return Ok((SignedIn::Code(ask_for_code(app, &step).await?), next));
    }
    Ok((SignedIn::Session(signed_in(app, &account, address, false).await?), next))
}

/// What a directory says of a name, for whoever sets it up: distinguished name, roles and reach.
pub(crate) async fn known_to_directory(
    settings: &SignInSettings,
    name: &str,
) -> Answer<Option<(String, Meant)>> {
    let missing = || Problem::invalid("no directory is set up");
    let directory = settings.ldap.as_ref().ok_or_else(missing)?;
    let person = directory.find(&name.trim().to_lowercase()).await?;
    Ok(person.map(|person| (person.dn, person.is)))
}

/// Begins a session with a token of its own: one that was there before is never taken over.
pub(crate) async fn begin(app: &App, account: &Account) -> Answer<Secret> {
    let (token, now) = (Secret::new("")?, Timestamp::now());
    let expires_at = now
        .checked_add(SESSION_MAX)
        .map_err(|error| Problem::internal("begin a session", &error))?;
    app.store.create_session(app.organisation, account.id, token.bytes(), expires_at, now).await?;
    Ok(token)
}

/// The cookie of a session.
pub(crate) fn cookie_of(session: &Secret) -> Answer<HeaderValue> {
    let seconds = SESSION_MAX.as_secs();
    let text = format!(
        "{COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}",
        session.text()
    );
    HeaderValue::from_str(&text).map_err(|error| Problem::internal("write the cookie", &error))
}

/// The cookie that takes the session's away.
pub(crate) fn end_cookie() -> HeaderValue {
    HeaderValue::from_static("__Host-auscult=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}
