//! Who may do what: accounts, roles, sessions, keys, and the gate that every request passes.

mod directory;
mod guard;
mod identity;
mod origin;
pub(crate) mod password;
mod provider;
pub(crate) mod reach;
mod role;
pub(crate) mod second_factor;
mod secret;
mod setting;
mod sign_in;
pub(crate) mod step;
mod table;

pub(crate) use guard::{Caller, drain, finish, guard};
pub(crate) use identity::{By, Identity, permissions};
pub(crate) use reach::Reach;
pub use role::{Permission, Role};
pub(crate) use secret::{Secret, csrf_token, random, same};
pub(crate) use setting::{GroupRole, Ldap, Meant, Oidc, SignInSettings};
pub(crate) use sign_in::{
    Came, SignIn, SignedIn, begin, begin_at_provider, came_from_provider, cookie_of, end_cookie,
    finish_with_code, known_to_directory, show_again, sign_in,
};
pub use table::{Access, ENDPOINTS, Endpoint};
