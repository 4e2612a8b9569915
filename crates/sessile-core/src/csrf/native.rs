//! Our own rules: where a request comes from, and a token bound to the session.
//!
//! A request that may change things needs both proofs:
//!
//! 1. **Its origin.** `Sec-Fetch-Site`, `Origin` and, without an `Origin`,
//!    `Referer` are all looked at, and none of them may contradict. One must speak for it.
//! 2. **A token** made for this visitor's session, in a header or a form field.
//!
//! Either can be waived in words ([`Rules::accept_without_origin`],
//! [`Rules::accept_without_token`]); what is sent must be right all the same,
//! and with both waived one of them must still be there.

mod origin;
mod token;

use std::fmt;

pub use origin::{BadOrigin, Origin};
pub use token::{SECRET_CHARS, Secret, TOKEN_CHARS};

/// Under which key the session holds its secret.
pub const SESSION_KEY: &str = "_csrf";

/// The form field that carries the token.
pub const FIELD: &str = "csrf_token";

/// The headers that carry the token, in the order they are looked at.
pub const HEADERS: [&str; 2] = ["x-csrftoken", "x-csrf-token"];

/// What is asked of a request. [`Default`] asks for both proofs and trusts nobody else.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    trusted: Vec<Origin>,
    without_origin: bool,
    without_token: bool,
}

impl Rules {
    /// Trusts forms and scripts of another origin as if they were this site's:
    /// scheme, host and port must all agree.
    ///
    /// # Errors
    /// [`BadOrigin`] for anything but `scheme://host[:port]`. Besides `https` and `http` a scheme of
    /// an application's own will do: `capacitor://localhost`.
    pub fn trust(mut self, origin: &str) -> Result<Self, BadOrigin> {
        self.trusted.push(Origin::parse(origin).ok_or_else(|| BadOrigin(origin.to_owned()))?);
        Ok(self)
    }

    /// Lets requests in that say nothing of where they come from, as long as
    /// they have a right token: programs that are no browsers, and browsers
    /// behind a proxy that removes `Origin` and `Referer`.
    #[must_use]
    pub fn accept_without_origin(mut self) -> Self {
        self.without_origin = true;
        self
    }

    /// Lets requests in that have no token, as long as `Sec-Fetch-Site`,
    /// `Origin` or `Referer` says that this site sent them.
    #[must_use]
    pub fn accept_without_token(mut self) -> Self {
        self.without_token = true;
        self
    }
}

/// What a request's headers show of where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// In capitals.
    pub method: &'a str,
    /// Whether the visitor's side of the connection is TLS.
    pub secure: bool,
    /// The `Host` field or the authority: what the visitor's browser was asked for.
    pub host: &'a str,
    /// The `Sec-Fetch-Site` field.
    pub fetch_site: Option<&'a str>,
    /// The `Origin` field.
    pub origin: Option<&'a str>,
    /// The `Referer` field.
    pub referer: Option<&'a str>,
}

/// Whether anything spoke for the request's origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginProof {
    /// The method only looks: nothing is to be proved.
    NotNeeded,
    /// This site or a trusted one sent it.
    Ours,
    /// Nothing was said.
    Silent,
}

/// Why a request is refused. `Display` is for operators.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// `Sec-Fetch-Site` says another site sent it, and that site is not trusted.
    FetchSite,
    /// `Origin` is neither ours nor trusted, or `null`.
    Origin,
    /// `Referer` is neither ours nor trusted, or in the clear where we are not.
    Referer,
    /// Neither `Sec-Fetch-Site` nor `Origin` nor `Referer` speaks for it.
    NoOrigin,
    /// There is no token.
    NoToken,
    /// The token was not made for this session.
    Token,
    /// What the session or the cookie holds to check tokens with is damaged.
    Secret,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FetchSite => "Sec-Fetch-Site says that another site sent the request",
            Self::Origin => "the Origin is neither this site's nor a trusted one",
            Self::Referer => "the Referer is neither this site's nor a trusted one's",
            Self::NoOrigin => "neither Sec-Fetch-Site nor Origin nor Referer was sent",
            Self::NoToken => "there is no CSRF token in the header or the form",
            Self::Token => "the CSRF token was not made for this session",
            Self::Secret => "the visitor has no usable CSRF secret in session or cookie",
        })
    }
}

sessile_formats::debug_reads_like_display!(Refusal);

impl std::error::Error for Refusal {}

/// The first proof, from the headers alone.
///
/// # Errors
/// [`Refusal`], to be answered 403.
pub fn origin(rules: &Rules, request: &Request<'_>) -> Result<OriginProof, Refusal> {
    if super::is_safe(request.method) {
        return Ok(OriginProof::NotNeeded);
    }
    let ours =
        |origin: &Origin| origin.is(request.secure, request.host) || rules.trusted.contains(origin);
    let named = request.origin.map(|text| Origin::parse(text).filter(ours));
    // What the standard does not know says nothing: a newer browser's word.
    let mut spoken = match request.fetch_site {
        Some("same-origin" | "none") => true,
        Some("same-site" | "cross-site") => {
            // Only a trusted origin may come from there.
            let trusted = named.as_ref().and_then(Option::as_ref);
            if !trusted.is_some_and(|origin| rules.trusted.contains(origin)) {
                return Err(Refusal::FetchSite);
            }
            true
        }
        _ => false,
    };
    match (&named, request.referer) {
        (Some(None), _) => return Err(Refusal::Origin),
        (Some(Some(_)), _) => spoken = true,
        (None, Some(referer)) => {
            if !Origin::of_address(referer).is_some_and(|origin| ours(&origin)) {
                return Err(Refusal::Referer);
            }
            spoken = true;
        }
        (None, None) => {}
    }
    match spoken {
        true => Ok(OriginProof::Ours),
        false if rules.without_origin => Ok(OriginProof::Silent),
        false => Err(Refusal::NoOrigin),
    }
}

/// The second proof. `secret` is what the session holds, else the visitor's
/// cookie; `None` if there is neither or it is damaged.
///
/// # Errors
/// [`Refusal`], to be answered 403.
pub fn token(
    rules: &Rules,
    proof: OriginProof,
    secret: Option<&Secret>,
    token: Option<&str>,
) -> Result<(), Refusal> {
    if proof == OriginProof::NotNeeded {
        return Ok(());
    }
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        let waived = rules.without_token && proof == OriginProof::Ours;
        return if waived { Ok(()) } else { Err(Refusal::NoToken) };
    };
    let secret = secret.ok_or(Refusal::Secret)?;
    if secret.made(token) { Ok(()) } else { Err(Refusal::Token) }
}

impl Rules {
    /// Whether a request with this proof must show a token.
    pub fn needs_token(&self, proof: OriginProof) -> bool {
        match proof {
            OriginProof::NotNeeded => false,
            OriginProof::Ours => !self.without_token,
            OriginProof::Silent => true,
        }
    }
}
