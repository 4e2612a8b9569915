//! Which secret a request's tokens are checked with, and which one its visitor gets.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::guard::{CsrfGuard, Rules, as_text};
use crate::Value;
use crate::cookie::{self, Cookie, CookieError, Pick};
use crate::csrf::django::DjangoCookie;
use crate::csrf::{django, flask_wtf, native};
use crate::exchange::head::Headers;
use crate::exchange::request::Exchange;
use crate::random::RandomError;
use crate::session::Session;
use sessile_formats::django::csrf as masked;

/// The native cookie of a visitor without a session; without the prefix where
/// the session's cookie is not `Secure` either.
const VISITOR_COOKIE: &str = "__Host-csrf";

/// What is kept for the length of a request.
pub(in crate::exchange) struct CsrfState {
    guard: Arc<CsrfGuard>,
    /// The `Cookie` fields, once the session or a token was asked for.
    cookies: OnceLock<Vec<Vec<u8>>>,
    made: OnceLock<Mutex<Made>>,
}

/// What this request made.
#[derive(Default)]
struct Made {
    /// The secret of a visitor without a session, ours or Django's.
    visitor: Option<String>,
    /// The session was given the secret it has from now on.
    renewed: bool,
    /// Flask-WTF's `g.csrf_token`.
    token: Option<String>,
}

/// The system gave no random bytes, or the cookie's settings are refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoToken;

impl From<RandomError> for NoToken {
    fn from(error: RandomError) -> Self {
        tracing::error!(target: "sessile", %error, "no CSRF token");
        Self
    }
}

impl From<CookieError> for NoToken {
    fn from(error: CookieError) -> Self {
        tracing::error!(target: "sessile", %error, "the CSRF cookie's settings are refused");
        Self
    }
}

impl CsrfState {
    pub(super) fn new(guard: Arc<CsrfGuard>) -> Self {
        Self { guard, cookies: OnceLock::new(), made: OnceLock::new() }
    }

    /// Keeps what the visitor sent: a session that is saved, after the request is
    /// gone, may take over a secret from there. Who asks for no session pays nothing.
    pub(in crate::exchange) fn keep_cookies(&self, headers: &impl Headers) {
        self.cookies.get_or_init(|| headers.values("cookie").map(<[u8]>::to_vec).collect());
    }

    pub(super) fn guard(&self) -> &CsrfGuard {
        &self.guard
    }

    /// A panic while it was held left it whole.
    fn made(&self) -> MutexGuard<'_, Made> {
        let made = self.made.get_or_init(Mutex::default);
        made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cookie(&self, name: &str, pick: Pick) -> Option<String> {
        let fields = self.cookies.get()?.iter().map(Vec::as_slice);
        cookie::find(fields, name, pick).text().map(str::to_owned)
    }

    /// The native secret to check a token with. What the session holds counts,
    /// be it damaged; the cookie is for visitors whose session holds none.
    pub(super) fn native_secret(
        &self,
        exchange: &Exchange,
        session: &Session,
    ) -> Option<native::Secret> {
        if let Some(kept) = session.get_value(native::SESSION_KEY) {
            return as_text(Some(&kept)).and_then(native::Secret::read);
        }
        self.cookie(visitor_cookie(exchange), Pick::First).as_deref().and_then(native::Secret::read)
    }

    /// Django's secret, as the request shows it.
    pub(super) fn django_secret(
        &self,
        rules: &django::Rules,
        cookie: &DjangoCookie,
        session: Option<&Session>,
    ) -> Option<String> {
        match session.filter(|_| rules.use_sessions) {
            Some(session) => {
                as_text(session.get_value(masked::SESSION_KEY).as_ref()).map(str::to_owned)
            }
            None => self.cookie(&cookie.name, Pick::Last),
        }
    }

    /// A token for a page, another at each call where the rules mask it.
    pub(super) fn token(&self, exchange: &Exchange, session: &Session) -> Result<String, NoToken> {
        match &self.guard.rules {
            Rules::Native(_) => self.native_token(exchange, session),
            Rules::FlaskWtf(rules, tokens) => self.wtf_token(exchange, session, rules, tokens),
            Rules::Django(rules, cookie) => {
                let secret = self.django_token_secret(exchange, session, rules, cookie)?;
                let mask = random_text(exchange)?;
                masked::mask(&secret, &mask).ok_or(NoToken)
            }
        }
    }

    fn native_token(&self, exchange: &Exchange, session: &Session) -> Result<String, NoToken> {
        // A session that is saved anyway gets its secret now, so that the token is made of it.
        self.settle_native(exchange, session)?;
        let kept = session.get_value(native::SESSION_KEY);
        let secret = match as_text(kept.as_ref()).and_then(native::Secret::read) {
            Some(secret) => secret,
            None if kept.is_some() => {
                // Damaged: the session gets a new one.
                let secret = native::Secret::new(random(exchange)?);
                session.insert(native::SESSION_KEY, secret.to_text());
                secret
            }
            None => self.visitor_secret(exchange)?,
        };
        Ok(secret.token(random(exchange)?))
    }

    /// The secret of a visitor without a session, in a cookie: rendering a form
    /// makes no record.
    fn visitor_secret(&self, exchange: &Exchange) -> Result<native::Secret, NoToken> {
        exchange.note_read();
        let name = visitor_cookie(exchange);
        let sent = self.cookie(name, Pick::First);
        let mut made = self.made();
        let known = made.visitor.as_deref().or(sent.as_deref());
        if let Some(secret) = known.and_then(native::Secret::read) {
            return Ok(secret);
        }
        let secret = native::Secret::new(random(exchange)?);
        let secure = name == VISITOR_COOKIE;
        let cookie = Cookie::new(name, secret.to_text()).secure(secure);
        exchange.queue_cookie(cookie.set(exchange.app().now())?);
        made.visitor = Some(secret.to_text());
        Ok(secret)
    }

    /// Gives a session that will be saved its secret. One that begins with the
    /// visitor takes over that of the visitor's cookie, so that forms open in
    /// other tabs stay good; a login gets a new one, so that they do not.
    fn settle_native(&self, exchange: &Exchange, session: &Session) -> Result<(), NoToken> {
        if !session.is_modified() {
            return Ok(());
        }
        let anew = session.privilege_changed();
        if session.is_empty() && session.subject().is_none() {
            return Ok(());
        }
        let has = session.contains_key(native::SESSION_KEY);
        // Where nobody needs a token, sessions are left as they are.
        let unasked = matches!(&self.guard.rules, Rules::Native(rules)
            if !rules.needs_token(native::OriginProof::Ours));
        if unasked && !has {
            return Ok(());
        }
        let mut made = self.made();
        if has && (!anew || made.renewed) {
            return Ok(());
        }
        let sent = || self.cookie(visitor_cookie(exchange), Pick::First);
        let visitors = if anew { None } else { made.visitor.clone().or_else(sent) };
        let secret = match visitors.as_deref().and_then(native::Secret::read) {
            Some(secret) => secret,
            None => native::Secret::new(random(exchange)?),
        };
        made.renewed = anew;
        session.insert(native::SESSION_KEY, secret.to_text());
        Ok(())
    }

    fn wtf_token(
        &self,
        exchange: &Exchange,
        session: &Session,
        rules: &flask_wtf::Rules,
        tokens: &flask_wtf::Tokens,
    ) -> Result<String, NoToken> {
        self.settle_wtf(session, rules);
        if let Some(token) = &self.made().token {
            return Ok(token.clone());
        }
        let now = exchange.app().now();
        let kept = session.get_value(&rules.field_name);
        let token = match kept.and_then(|kept| tokens.generate(&kept, now)) {
            Some(token) => token,
            None => {
                let secret = flask_wtf::new_secret(&random(exchange)?);
                session.insert(rules.field_name.as_str(), secret.as_str());
                tokens.generate(&Value::from(secret), now).ok_or(NoToken)?
            }
        };
        self.made().token = Some(token.clone());
        Ok(token)
    }

    /// Flask-WTF keeps one secret for as long as the session lives; ours lets nobody in with what
    /// was rendered before they logged in (R45).
    fn settle_wtf(&self, session: &Session, rules: &flask_wtf::Rules) {
        if !session.privilege_changed() {
            return;
        }
        let mut made = self.made();
        if !made.renewed {
            made.renewed = true;
            made.token = None;
            session.remove(&rules.field_name);
        }
    }

    /// `get_token`: the secret that is in use, or a new one; either way the cookie is sent.
    fn django_token_secret(
        &self,
        exchange: &Exchange,
        session: &Session,
        rules: &django::Rules,
        cookie: &DjangoCookie,
    ) -> Result<String, NoToken> {
        exchange.note_read();
        self.settle_django(exchange, session, rules, cookie)?;
        if let Some(secret) = &self.made().visitor {
            return Ok(secret.clone());
        }
        let sent = self.django_secret(rules, cookie, Some(session));
        let secret = match sent.as_deref() {
            Some(text) if rules.use_sessions => {
                django::usable_secret(django::Secret::Session(text))
            }
            Some(text) => django::usable_secret(django::Secret::Cookie(text)),
            None => None,
        };
        let secret = match secret {
            Some(secret) => secret,
            None => random_text(exchange)?,
        };
        self.keep_django(exchange, session, rules, cookie, secret)
    }

    /// `rotate_token`, as Django's `login` does it.
    fn settle_django(
        &self,
        exchange: &Exchange,
        session: &Session,
        rules: &django::Rules,
        cookie: &DjangoCookie,
    ) -> Result<(), NoToken> {
        if !session.privilege_changed() || self.made().renewed || session.subject().is_none() {
            return Ok(());
        }
        self.made().renewed = true;
        let secret = random_text(exchange)?;
        self.keep_django(exchange, session, rules, cookie, secret).map(drop)
    }

    fn keep_django(
        &self,
        exchange: &Exchange,
        session: &Session,
        rules: &django::Rules,
        cookie: &DjangoCookie,
        secret: String,
    ) -> Result<String, NoToken> {
        if rules.use_sessions {
            let kept = session.get_value(masked::SESSION_KEY);
            if as_text(kept.as_ref()) != Some(secret.as_str()) {
                session.insert(masked::SESSION_KEY, secret.as_str());
            }
        } else {
            exchange.queue_cookie(cookie.set(&secret, exchange.app().now())?);
        }
        self.made().visitor = Some(secret.clone());
        Ok(secret)
    }

    /// Called when the session is about to be saved, with all changes made.
    pub(in crate::exchange) fn before_saving(&self, exchange: &Exchange, session: &Session) {
        let settled = match &self.guard.rules {
            Rules::Native(_) => self.settle_native(exchange, session),
            Rules::Django(rules, cookie) => self.settle_django(exchange, session, rules, cookie),
            Rules::FlaskWtf(rules, _) => {
                self.settle_wtf(session, rules);
                Ok(())
            }
        };
        if settled.is_err() {
            // Said already. Without a new secret what was rendered must die all the same.
            session.remove(native::SESSION_KEY);
        }
    }
}

fn visitor_cookie(exchange: &Exchange) -> &'static str {
    if exchange.app().engine().is_secure() { VISITOR_COOKIE } else { "csrf" }
}

fn random<const N: usize>(exchange: &Exchange) -> Result<[u8; N], NoToken> {
    let mut bytes = [0; N];
    exchange.app().runtime().random(&mut bytes)?;
    Ok(bytes)
}

/// Letters and digits, as Django draws them.
fn random_text(exchange: &Exchange) -> Result<String, NoToken> {
    loop {
        if let Some(text) = masked::random_secret(&random::<48>(exchange)?) {
            return Ok(text);
        }
    }
}
