//! Every endpoint, and what it takes to call it. A route that is not listed here answers nobody.

use super::Permission;

/// What it takes to call an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing: health, sign-in, and what a browser needs for them.
    Public,
    /// An account.
    SignedIn,
    /// An account, or a key, that has this permission.
    Needs(Permission),
}

/// A method at a path.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// `GET`, `POST`, `PUT` or `DELETE`; `HEAD` is as `GET`.
    pub method: &'static str,
    /// The path as the router has it.
    pub path: &'static str,
    /// What it takes.
    pub access: Access,
    /// Whether its body is an upload, which is read as it comes; every other is small.
    pub is_upload: bool,
}

const fn public(method: &'static str, path: &'static str) -> Endpoint {
    Endpoint { method, path, access: Access::Public, is_upload: false }
}

const fn signed_in(method: &'static str, path: &'static str) -> Endpoint {
    Endpoint { method, path, access: Access::SignedIn, is_upload: false }
}

const fn needs(permission: Permission, method: &'static str, path: &'static str) -> Endpoint {
    Endpoint { method, path, access: Access::Needs(permission), is_upload: false }
}

const fn takes_upload(permission: Permission, path: &'static str) -> Endpoint {
    let access = Access::Needs(permission);
    Endpoint { method: "POST", path, access, is_upload: true }
}

use Permission::{Administer, Advisories, Audit, Decide, Devices, Keys, Products, Read, Upload};

/// All of them.
pub const ENDPOINTS: &[Endpoint] = &[
    public("GET", "/health/live"),
    public("GET", "/health/ready"),
    public("GET", "/style.css"),
    public("GET", "/icon.svg"),
    public("GET", "/sign-in"),
    public("POST", "/sign-in"),
    public("GET", "/sign-in/code"),
    public("POST", "/sign-in/code"),
    public("GET", "/sign-in/provider"),
    public("GET", "/sign-in/provider/callback"),
    public("GET", "/set-up"),
    public("POST", "/set-up"),
    public("GET", "/api/v1/openapi.json"),
    signed_in("POST", "/sign-out"),
    signed_in("GET", "/account"),
    signed_in("POST", "/account"),
    signed_in("POST", "/account/end-sessions"),
    needs(Read, "GET", "/"),
    needs(Read, "GET", "/products"),
    needs(Products, "POST", "/products"),
    needs(Read, "GET", "/products/{product}"),
    takes_upload(Upload, "/products/{product}/upload"),
    needs(Read, "GET", "/builds"),
    needs(Read, "GET", "/builds.csv"),
    needs(Read, "GET", "/builds/{build}"),
    needs(Upload, "POST", "/builds/{build}/retry"),
    needs(Read, "GET", "/builds/{build}/components"),
    needs(Read, "GET", "/builds/{build}/references"),
    takes_upload(Upload, "/builds/{build}/references"),
    needs(Read, "GET", "/builds/{build}/components.csv"),
    needs(Read, "GET", "/builds/{build}/findings.csv"),
    needs(Read, "GET", "/builds/{build}/findings/{finding}"),
    needs(Decide, "POST", "/builds/{build}/findings/{finding}"),
    needs(Read, "GET", "/worklist"),
    needs(Read, "GET", "/worklist.csv"),
    needs(Read, "GET", "/where-used"),
    needs(Read, "GET", "/where-used.csv"),
    needs(Read, "GET", "/devices"),
    needs(Read, "GET", "/devices.csv"),
    needs(Devices, "GET", "/devices/import"),
    takes_upload(Devices, "/devices/import"),
    needs(Devices, "POST", "/devices/mappings"),
    needs(Read, "GET", "/devices/{device}"),
    needs(Devices, "POST", "/devices/{device}/custody"),
    needs(Devices, "POST", "/devices/{device}/build"),
    needs(Read, "GET", "/systems"),
    needs(Read, "GET", "/systems.csv"),
    needs(Read, "GET", "/check-in"),
    needs(Read, "GET", "/devices/{device}/check-in"),
    needs(Devices, "POST", "/devices/{device}/challenge"),
    needs(Devices, "GET", "/devices/{device}/challenge.json"),
    takes_upload(Devices, "/devices/{device}/evidence"),
    needs(Read, "GET", "/events"),
    needs(Read, "GET", "/events.csv"),
    needs(Read, "GET", "/feeds"),
    takes_upload(Advisories, "/feeds"),
    needs(Audit, "GET", "/audit"),
    needs(Audit, "GET", "/audit.csv"),
    needs(Keys, "GET", "/administration"),
    needs(Keys, "POST", "/administration/keys"),
    needs(Keys, "POST", "/administration/keys/{key}/revoke"),
    needs(Administer, "GET", "/administration/notifications"),
    needs(Administer, "POST", "/administration/notifications"),
    needs(Administer, "POST", "/administration/notifications/{rule}"),
    needs(Administer, "POST", "/administration/mail-server"),
    needs(Administer, "GET", "/administration/trust"),
    needs(Administer, "POST", "/administration/trust"),
    needs(Administer, "POST", "/administration/trust/{key}/revoke"),
    needs(Administer, "GET", "/administration/sign-in"),
    needs(Administer, "POST", "/administration/sign-in"),
    needs(Administer, "POST", "/administration/accounts"),
    needs(Administer, "POST", "/administration/accounts/{account}"),
    needs(Administer, "GET", "/administration/accounts/{account}/reach"),
    needs(Administer, "POST", "/administration/accounts/{account}/reach"),
    needs(Administer, "POST", "/administration/accounts/{account}/second-factor"),
    needs(Read, "GET", "/metrics"),
    signed_in("GET", "/api/v1/me"),
    needs(Read, "GET", "/api/v1/products"),
    needs(Products, "POST", "/api/v1/products"),
    needs(Read, "GET", "/api/v1/products/{product}"),
    needs(Products, "PUT", "/api/v1/products/{product}"),
    needs(Read, "GET", "/api/v1/products/{product}/builds"),
    takes_upload(Upload, "/api/v1/products/{product}/builds"),
    needs(Read, "GET", "/api/v1/builds"),
    needs(Read, "GET", "/api/v1/builds/{build}"),
    needs(Upload, "POST", "/api/v1/builds/{build}/retry"),
    needs(Read, "GET", "/api/v1/builds/{build}/facts"),
    needs(Read, "GET", "/api/v1/builds/{build}/result"),
    needs(Read, "GET", "/api/v1/builds/{build}/components"),
    needs(Read, "GET", "/api/v1/builds/{build}/findings"),
    needs(Read, "GET", "/api/v1/products/{product}/decisions"),
    needs(Decide, "POST", "/api/v1/products/{product}/decisions"),
    needs(Read, "GET", "/api/v1/worklist"),
    needs(Read, "GET", "/api/v1/where-used"),
    needs(Read, "GET", "/api/v1/devices"),
    needs(Devices, "POST", "/api/v1/devices"),
    takes_upload(Devices, "/api/v1/devices/import"),
    takes_upload(Devices, "/api/v1/devices/import/columns"),
    needs(Read, "GET", "/api/v1/devices/mappings"),
    needs(Devices, "PUT", "/api/v1/devices/mappings/{mapping}"),
    needs(Read, "GET", "/api/v1/devices/{device}"),
    needs(Devices, "PUT", "/api/v1/devices/{device}"),
    needs(Devices, "PUT", "/api/v1/devices/{device}/build"),
    needs(Read, "GET", "/api/v1/devices/{device}/history"),
    needs(Devices, "POST", "/api/v1/devices/{device}/custody"),
    needs(Devices, "POST", "/api/v1/devices/{device}/challenge"),
    needs(Read, "GET", "/api/v1/devices/{device}/verifications"),
    takes_upload(Devices, "/api/v1/devices/{device}/verifications"),
    needs(Read, "GET", "/api/v1/devices/{device}/verifications/{revision}"),
    needs(Read, "GET", "/api/v1/devices/{device}/release-record"),
    needs(Read, "GET", "/api/v1/systems"),
    needs(Read, "GET", "/api/v1/record-key"),
    needs(Read, "GET", "/api/v1/waivers"),
    needs(Read, "GET", "/api/v1/builds/{build}/references"),
    takes_upload(Upload, "/api/v1/builds/{build}/references"),
    needs(Read, "GET", "/api/v1/trust"),
    needs(Administer, "POST", "/api/v1/trust"),
    needs(Administer, "DELETE", "/api/v1/trust/{key}"),
    needs(Read, "GET", "/api/v1/snapshots"),
    takes_upload(Advisories, "/api/v1/snapshots"),
    needs(Read, "GET", "/api/v1/events"),
    needs(Administer, "GET", "/api/v1/notification-rules"),
    needs(Administer, "POST", "/api/v1/notification-rules"),
    needs(Administer, "PUT", "/api/v1/notification-rules/{rule}"),
    needs(Administer, "DELETE", "/api/v1/notification-rules/{rule}"),
    needs(Administer, "POST", "/api/v1/notification-rules/{rule}/test"),
    needs(Administer, "GET", "/api/v1/mail-server"),
    needs(Administer, "PUT", "/api/v1/mail-server"),
    needs(Keys, "GET", "/api/v1/keys"),
    needs(Keys, "POST", "/api/v1/keys"),
    needs(Keys, "DELETE", "/api/v1/keys/{key}"),
    needs(Administer, "GET", "/api/v1/accounts"),
    needs(Administer, "POST", "/api/v1/accounts"),
    needs(Administer, "PUT", "/api/v1/accounts/{account}"),
    needs(Administer, "DELETE", "/api/v1/accounts/{account}/second-factor"),
    needs(Administer, "GET", "/api/v1/sign-in"),
    needs(Administer, "PUT", "/api/v1/sign-in"),
    needs(Administer, "GET", "/api/v1/sign-in/directory"),
    needs(Audit, "GET", "/api/v1/audit"),
    needs(Audit, "GET", "/api/v1/audit/verify"),
];

/// The endpoint of a request, by the method and the path that the router matched.
pub(crate) fn find(method: &str, path: &str) -> Option<&'static Endpoint> {
    let method = if method == "HEAD" { "GET" } else { method };
    ENDPOINTS.iter().find(|one| one.method == method && one.path == path)
}
