//! Signing in by a provider (OpenID Connect Core 1.0): the authorization code flow with PKCE.

use axum::http::StatusCode;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use openidconnect::{
    AuthType, AuthenticationFlow, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError,
    Scope, TokenResponse as _,
    core::{CoreClient, CoreClientAuthMethod, CoreProviderMetadata, CoreResponseType},
};
use serde_json::Value;
use ureq::Agent;

use super::setting::{Meant, Oidc, check_roles, meant};
use crate::{
    outbound,
    problem::{Answer, Problem},
};

/// Bytes of an answer of a provider.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// The client of the library, for a provider whose addresses are known.
type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A sign-in that goes to the provider.
pub(crate) struct Begun {
    /// Where the browser is sent.
    pub(crate) url: String,
    pub(crate) nonce: String,
    pub(crate) verifier: String,
}

/// Somebody whom the provider knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    /// The issuer and what it calls the person, which is never another's.
    pub(crate) subject: String,
    pub(crate) name: String,
    pub(crate) display_name: String,
    pub(crate) is: Meant,
}

/// Refuses what cannot work.
pub(super) fn check(oidc: &Oidc) -> Answer<()> {
    outbound::check(&oidc.issuer, oidc.ca.as_deref())?;
    if oidc.client_id.trim().is_empty() || oidc.label.trim().is_empty() {
        return Err(Problem::invalid("a provider has a label and an id for this server"));
    }
    check_roles(&oidc.roles)
}

fn away(doing: &str, error: &dyn std::error::Error) -> Problem {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    tracing::warn!(doing, error = %format!("{error}{cause}"), "the provider failed");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("{doing}: {error}{cause}"))
        .hint("accounts of this server still get in")
}

/// Sends a request for the library. The addresses are the provider's own say, and the secret of this server
/// is sent to one of them.
fn call(agent: &Agent, request: HttpRequest) -> Result<HttpResponse, ureq::Error> {
    let url = request.uri().to_string();
    outbound::check(&url, None).map_err(|problem| ureq::Error::BadUri(problem.detail))?;
    let answer = agent.run(request)?;
    let (parts, mut body) = answer.into_parts();
    let bytes = body.with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
    Ok(HttpResponse::from_parts(parts, bytes))
}

impl Oidc {
    fn metadata(&self, agent: &Agent) -> Answer<CoreProviderMetadata> {
        let issuer = IssuerUrl::new(self.issuer.clone())
            .map_err(|_| Problem::invalid("the issuer is no URL"))?;
        let call = |request| call(agent, request);
        CoreProviderMetadata::discover(&issuer, &call)
            .map_err(|error| away("ask the provider", &error))
    }

    fn client(&self, metadata: CoreProviderMetadata, redirect: &str) -> Answer<Client> {
        let redirect = RedirectUrl::new(redirect.to_owned())
            .map_err(|_| Problem::invalid("the public address is no URL"))?;
        // Where a provider does not say, the header is what it takes (Discovery section 3).
        let takes = metadata.token_endpoint_auth_methods_supported();
        let takes_header =
            takes.is_none_or(|all| all.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let kind = if takes_header { AuthType::BasicAuth } else { AuthType::RequestBody };
        let id = ClientId::new(self.client_id.clone());
        let secret = self.client_secret.clone().map(ClientSecret::new);
        let client = CoreClient::from_provider_metadata(metadata, id, secret);
        Ok(client.set_redirect_uri(redirect).set_auth_type(kind))
    }

    /// Prepares a sign-in; `state` comes back with it. Waits for the provider.
    pub(super) fn begin(&self, redirect: &str, state: &str) -> Answer<Begun> {
        let agent = outbound::agent(self.ca.as_deref())?;
        let client = self.client(self.metadata(&agent)?, redirect)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let state = state.to_owned();
        let mut request =
            client.authorize_url(flow, move || CsrfToken::new(state), Nonce::new_random);
        for scope in &self.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, _, nonce) = request.set_pkce_challenge(challenge).url();
        Ok(Begun {
            url: url.to_string(),
            nonce: nonce.secret().clone(),
            verifier: verifier.secret().clone(),
        })
    }

    /// Finishes a sign-in by the code that came back. Waits for the provider.
    pub(super) fn finish(
        &self,
        redirect: &str,
        code: String,
        (nonce, verifier): (String, String),
    ) -> Answer<Person> {
        let agent = outbound::agent(self.ca.as_deref())?;
        let metadata = self.metadata(&agent)?;
        let more = metadata.userinfo_endpoint().map(|url| url.url().to_string());
        let client = self.client(metadata, redirect)?;
        let refused = |why: &dyn std::fmt::Display| {
            tracing::warn!(why = %why, "what the provider sent was refused");
            Problem::new(StatusCode::FORBIDDEN, "what the provider sent cannot be trusted")
                .hint("begin the sign-in again")
        };
        let call = |request| call(&agent, request);
        let token = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| refused(&error))?
            .set_pkce_verifier(PkceCodeVerifier::new(verifier))
            .request(&call)
            .map_err(|error| match error {
                RequestTokenError::Request(_) => away("ask the provider", &error),
                error => refused(&error),
            })?;
        let id = token.id_token().ok_or_else(|| refused(&"there is no ID token"))?;
        let claims = id.claims(&client.id_token_verifier(), &Nonce::new(nonce));
        let claims = claims.map_err(|error| refused(&error))?;
        let subject = claims.subject().as_str().to_owned();
        // The signature over these very bytes was just verified.
        let mut said = payload(&id.to_string()).ok_or_else(|| refused(&"it has no payload"))?;
        if self.lacks_something(&said)
            && let Some(url) = more
        {
            let told = self.ask(&agent, &url, token.access_token().secret())?;
            // An answer about somebody else is worth nothing (section 5.3.2).
            if told.get("sub").and_then(Value::as_str) == Some(&subject) {
                merge(&mut said, told);
            }
        }
        Ok(self.person(&subject, &said))
    }

    /// Whether a token leaves out who it is: by default it tells no more than the subject (Core section 5.4).
    fn lacks_something(&self, said: &Value) -> bool {
        let has = |claim: &str| said.get(claim).is_some();
        !has(&self.groups_claim) || !(has("preferred_username") || has("email"))
    }

    /// Asks what else is known of a person.
    fn ask(&self, agent: &Agent, url: &str, token: &str) -> Answer<Value> {
        outbound::check(url, self.ca.as_deref())?;
        let answer = agent.get(url).header("authorization", format!("Bearer {token}")).call();
        let mut answer = answer.map_err(|error| away("ask who it is", &error))?;
        let text = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let text = text.map_err(|error| away("ask who it is", &error))?;
        serde_json::from_slice(&text).map_err(|error| away("ask who it is", &error))
    }

    fn person(&self, subject: &str, said: &Value) -> Person {
        let text = |name: &str| {
            let text = said.get(name).and_then(Value::as_str).map(str::trim);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let name = text("preferred_username").or_else(|| text("email"));
        let name = name.unwrap_or_else(|| subject.to_owned());
        let groups: Vec<&str> = match said.get(&self.groups_claim) {
            Some(Value::Array(groups)) => groups.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(group)) => vec![group.as_str()],
            _ => Vec::new(),
        };
        Person {
            subject: format!("{} {subject}", self.issuer),
            display_name: text("name").unwrap_or_else(|| name.clone()),
            name,
            is: meant(&self.roles, |group| groups.contains(&group)),
        }
    }
}

/// What a signed token says (RFC 7519 section 7.2).
fn payload(token: &str) -> Option<Value> {
    let part = token.split('.').nth(1)?;
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Adds what was not said yet.
fn merge(said: &mut Value, told: Value) {
    if let (Value::Object(said), Value::Object(told)) = (said, told) {
        for (name, value) in told {
            said.entry(name).or_insert(value);
        }
    }
}
