//! Webhooks: a request to a program, signed as Standard Webhooks has it
//! (<https://github.com/standard-webhooks/standard-webhooks>, symmetric): HMAC-SHA-256 over the id, the
//! time and the body.

use axum::http::StatusCode;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

use crate::{
    access::random,
    evaluate::blocking,
    outbound,
    problem::{Answer, Problem},
};

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Bytes of a secret.
const SECRET_BYTES: usize = 32;

/// A new secret.
pub(crate) fn new_secret() -> Answer<String> {
    let bytes: [u8; SECRET_BYTES] = random()?;
    Ok(format!("{PREFIX}{}", BASE64_STANDARD.encode(bytes)))
}

/// What the header `webhook-signature` says.
fn signature(secret: &str, id: &str, seconds: i64, body: &str) -> Answer<String> {
    let damaged = |error: &dyn std::fmt::Display| Problem::internal("read a secret", error);
    let encoded = secret.strip_prefix(PREFIX).unwrap_or(secret);
    let key = BASE64_STANDARD.decode(encoded).map_err(|error| damaged(&error))?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|error| damaged(&error))?;
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    Ok(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
}

/// Sends a body to a receiver. Only an answer of 2xx counts; it is not read, and leads nowhere else.
pub(crate) async fn send(
    url: &str,
    secret: &str,
    ca: Option<&str>,
    (id, body): (&str, String),
    now: Timestamp,
) -> Answer<()> {
    let seconds = now.as_second();
    let signature = signature(secret, id, seconds, &body)?;
    let request = outbound::agent(ca)?
        .post(url)
        .header("content-type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", seconds.to_string())
        .header("webhook-signature", signature);
    let failed = |why: String| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, format!("the receiver {url}: {why}"))
    };
    let answer = blocking("call a receiver", move || request.send(body)).await?;
    let status = answer.map_err(|error| failed(error.to_string()))?.status();
    if status.is_success() {
        return Ok(());
    }
    Err(failed(format!("it answers {status}")))
}

#[cfg(test)]
mod tests {
    use super::{new_secret, signature};

    /// The example of the specification's reference libraries.
    #[test]
    fn a_signature_is_that_of_standard_webhooks() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let body = "{\"test\": 2432232314}";
        let signed = signature(secret, id, 1_614_265_330, body).unwrap();
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn no_secret_comes_twice() {
        assert_ne!(new_secret().unwrap(), new_secret().unwrap());
    }
}
