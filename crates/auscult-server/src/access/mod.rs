//! Who may do what: accounts, roles, sessions, keys, and the gate that every request passes.

mod guard;
mod identity;
mod origin;
pub(crate) mod password;
mod role;
mod secret;
mod sign_in;
mod table;

pub(crate) use guard::{Caller, drain, finish, guard};
pub(crate) use identity::{By, Identity, permissions};
pub use role::{Permission, Role};
pub(crate) use secret::{Secret, csrf_token, same};
pub(crate) use sign_in::{SignIn, SignedIn, begin, cookie_of, end_cookie, sign_in};
pub use table::{Access, ENDPOINTS, Endpoint};
