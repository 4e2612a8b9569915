//! Whether a request that may change something was meant by its visitor.

use std::borrow::Cow;
use std::sync::Arc;

use super::form::{Form, FormFields};
use super::guard::{CsrfGuard, Rules};
use super::refusal::Refusal;
use super::state::CsrfState;
use crate::csrf::django::DjangoCookie;
use crate::csrf::{django, flask_wtf, is_safe, native};
use crate::exchange::app::App;
use crate::exchange::failure::Failure;
use crate::exchange::head::{Headers, RequestView};
use crate::exchange::request::Exchange;

/// What the head of a request comes to.
#[derive(Debug)]
pub enum CsrfCheck {
    /// The request may go on.
    Passed,
    /// The head does not settle it: read the form for these fields, then call
    /// [`Exchange::check_csrf_form`].
    Form(FormFields),
}

/// Why the handler is not reached.
#[derive(Debug)]
pub enum CsrfStop {
    /// Another site may have sent the request.
    Refused(Refusal),
    /// The session could not be opened.
    Failed(Failure),
}

impl From<Failure> for CsrfStop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Refusal> for CsrfStop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Exchange {
    /// Puts the request under the protection of `guard`, so that pages can make tokens and saved
    /// sessions get their secret. Whether it must be [checked](Self::check_csrf), too.
    fn protect<H: Headers>(&self, guard: &Arc<CsrfGuard>, request: &RequestView<'_, H>) -> bool {
        let state = self.csrf_state().get_or_init(|| CsrfState::new(guard.clone()));
        // A layer around this one asked for the session before it was protected.
        if self.opened().is_some() {
            state.keep_cookies(request.headers);
        }
        // Of several layers each checks by its own rules; tokens are made by the outermost one's.
        let upgrades = guard.opens_a_socket(request);
        let free = !upgrades && is_safe(request.method)
            || guard.is_exempt(request.route)
            || self.app().header().is_some_and(|header| header.is_present(request));
        !free
    }

    /// Checks the head of a request under protection by the rules of `guard`. Reads the session
    /// where a token came.
    ///
    /// # Errors
    ///
    /// [`CsrfStop`]: the handler must not be reached. A refusal is logged and reported.
    pub async fn check_csrf<H: Headers>(
        &self,
        guard: &CsrfGuard,
        request: &RequestView<'_, H>,
    ) -> Result<CsrfCheck, CsrfStop> {
        let checked = match &guard.rules {
            _ if guard.opens_a_socket(request) => guard.check_socket(self.app(), request),
            Rules::Native(rules) => self.check_native(rules, request).await,
            Rules::FlaskWtf(rules, _) if !rules.checks(request.method) => Ok(CsrfCheck::Passed),
            Rules::FlaskWtf(rules, _) => {
                Ok(CsrfCheck::Form(FormFields::EndingIn(rules.field_name.clone())))
            }
            Rules::Django(..) if request.method == "POST" => {
                Ok(CsrfCheck::Form(FormFields::Last(guard.field_name().to_owned())))
            }
            Rules::Django(..) => self
                .decide(guard, request, Form::Fields(Vec::new()))
                .await
                .map(|()| CsrfCheck::Passed),
        };
        checked.inspect_err(|stop| self.report_stop(stop, request))
    }

    /// Checks the request with what its form says.
    ///
    /// In Flask-WTF's and Django's rules the form comes before the header. A form that is too
    /// long to be searched, such as an upload, is decided by its header alone.
    ///
    /// # Errors
    ///
    /// As for [`check_csrf`](Self::check_csrf).
    pub async fn check_csrf_form<H: Headers>(
        &self,
        guard: &CsrfGuard,
        request: &RequestView<'_, H>,
        form: Form,
    ) -> Result<(), CsrfStop> {
        let decided = self.decide(guard, request, form).await;
        decided.inspect_err(|stop| self.report_stop(stop, request))
    }

    fn report_stop<H: Headers>(&self, stop: &CsrfStop, request: &RequestView<'_, H>) {
        if let CsrfStop::Refused(refusal) = stop {
            refusal.report(self, request);
        }
    }

    async fn check_native<H: Headers>(
        &self,
        rules: &native::Rules,
        request: &RequestView<'_, H>,
    ) -> Result<CsrfCheck, CsrfStop> {
        let proof = native_origin(rules, self.app(), request, request.method)?;
        let mut sent = native::HEADERS.into_iter().filter_map(|name| request.field(name));
        match sent.find(|token| !token.is_empty()) {
            None if rules.needs_token(proof) => {
                Ok(CsrfCheck::Form(FormFields::First(native::FIELD.to_owned())))
            }
            token => {
                self.decide_native(rules, proof, request, token.as_deref()).await?;
                Ok(CsrfCheck::Passed)
            }
        }
    }

    async fn decide<H: Headers>(
        &self,
        guard: &CsrfGuard,
        request: &RequestView<'_, H>,
        form: Form,
    ) -> Result<(), CsrfStop> {
        let fields = match form {
            Form::Fields(fields) => fields,
            Form::TooLarge if guard.token_in_header(request).is_some() => Vec::new(),
            Form::TooLarge => {
                return Err(Refusal::FormTooLarge { limit: guard.form_limit }.into());
            }
            Form::Broken => return Err(Refusal::FormBroken.into()),
        };
        match &guard.rules {
            Rules::Native(rules) => {
                let proof = native_origin(rules, self.app(), request, request.method)?;
                let token = fields.first().map(|(_, token)| token.as_str());
                self.decide_native(rules, proof, request, token).await
            }
            Rules::FlaskWtf(rules, tokens) => {
                self.decide_flask_wtf(rules, tokens, request, &fields).await
            }
            Rules::Django(rules, cookie) => {
                self.decide_django(rules, cookie, request, &fields).await
            }
        }
    }

    async fn decide_native<H: Headers>(
        &self,
        rules: &native::Rules,
        proof: native::OriginProof,
        request: &RequestView<'_, H>,
        token: Option<&str>,
    ) -> Result<(), CsrfStop> {
        let secret = match token {
            // No trip to the store for what is refused in any case.
            None => None,
            Some(_) => {
                let session = self.session(request).await?;
                self.csrf_state().get().and_then(|state| state.native_secret(self, &session))
            }
        };
        native::token(rules, proof, secret.as_ref(), token).map_err(Refusal::Native)?;
        Ok(())
    }

    async fn decide_flask_wtf<H: Headers>(
        &self,
        rules: &flask_wtf::Rules,
        tokens: &flask_wtf::Tokens,
        request: &RequestView<'_, H>,
        fields: &[(String, String)],
    ) -> Result<(), CsrfStop> {
        let token = match rules.token_in_form(fields) {
            Some(token) => Some(Cow::Borrowed(token)),
            None => token_in(request, rules.headers.iter().map(String::as_str)),
        };
        let session = self.session(request).await?;
        let in_session = session.get_value(&rules.field_name);
        let referer = request.field("referer");
        let asked = flask_wtf::Request {
            method: request.method,
            host: request.host().unwrap_or_default(),
            secure: self.app().is_over_tls(request),
            referer: referer.as_deref(),
            token: token.as_deref(),
            in_session: in_session.as_ref(),
        };
        let now = self.app().now();
        flask_wtf::decide(rules, tokens, &asked, now).map_err(Refusal::FlaskWtf)?;
        Ok(())
    }

    async fn decide_django<H: Headers>(
        &self,
        rules: &django::Rules,
        cookie: &DjangoCookie,
        request: &RequestView<'_, H>,
        fields: &[(String, String)],
    ) -> Result<(), CsrfStop> {
        let session = match rules.use_sessions {
            true => Some(self.session(request).await?),
            false => None,
        };
        let state = self.csrf_state().get().inspect(|it| it.keep_cookies(request.headers));
        let kept = state.and_then(|state| state.django_secret(rules, cookie, session.as_ref()));
        let secret = match kept.as_deref() {
            None => django::Secret::Missing,
            Some(text) if rules.use_sessions => django::Secret::Session(text),
            Some(text) => django::Secret::Cookie(text),
        };
        let [origin, referer] = ["origin", "referer"].map(|name| request.field(name));
        let header_name = rules.header().map(str::to_ascii_lowercase);
        let header_token = header_name.as_deref().and_then(|name| request.field(name));
        let (host, secure) = (request.host().unwrap_or_default(), self.app().is_over_tls(request));
        let port = host.rsplit_once(':').map(|(_, port)| port);
        let named = port.filter(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()));
        let asked = django::Request {
            method: request.method,
            host,
            port: named.unwrap_or(if secure { "443" } else { "80" }),
            secure,
            origin: origin.as_deref(),
            referer: referer.as_deref(),
            secret,
            form_token: fields.last().map(|(_, token)| token.as_str()),
            header_token: header_token.as_deref(),
        };
        django::decide(rules, &asked).map_err(Refusal::Django)?;
        Ok(())
    }
}

impl CsrfGuard {
    /// Whether a request need not be checked: it only looks, its route is exempt, or no other site
    /// can have sent it. Puts its exchange under protection. A request without one, for there is no
    /// session layer around, is let pass if it only looks.
    pub fn lets_pass<H: Headers>(
        self: &Arc<Self>,
        exchange: Option<&Exchange>,
        request: &RequestView<'_, H>,
    ) -> bool {
        match exchange {
            Some(exchange) => !exchange.protect(self, request),
            None => is_safe(request.method),
        }
    }

    /// Whether a WebSocket begins here, on which whatever is said may change anything: with a GET
    /// that upgrades (RFC 6455), or over HTTP/2 and 3 with CONNECT (RFC 8441), which browsers send
    /// for nothing else. The originals leave it to whoever accepts the socket.
    fn opens_a_socket<H: Headers>(&self, request: &RequestView<'_, H>) -> bool {
        if request.method == "CONNECT" {
            return true;
        }
        matches!(self.rules, Rules::Native(_))
            && is_safe(request.method)
            && request.headers.values("upgrade").next().is_some_and(|value| {
                let mut names = value.split(|byte| *byte == b',');
                names.any(|name| name.trim_ascii().eq_ignore_ascii_case(b"websocket"))
            })
    }

    /// Browsers say which page opens a WebSocket and can send no token with it. A client that
    /// says nothing is no browser, and has nobody's cookies.
    fn check_socket<H: Headers>(
        &self,
        app: &App,
        request: &RequestView<'_, H>,
    ) -> Result<CsrfCheck, CsrfStop> {
        let Rules::Native(rules) = &self.rules else { return Ok(CsrfCheck::Passed) };
        match native_origin(rules, app, request, "POST") {
            Ok(_) | Err(Refusal::Native(native::Refusal::NoOrigin)) => Ok(CsrfCheck::Passed),
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// The token in a header field of the rules, where forms may be too long to be searched.
    fn token_in_header<'h, H: Headers>(
        &'h self,
        request: &'h RequestView<'_, H>,
    ) -> Option<Cow<'h, str>> {
        match &self.rules {
            Rules::Native(_) => None,
            Rules::FlaskWtf(rules, _) => {
                token_in(request, rules.headers.iter().map(String::as_str))
            }
            Rules::Django(rules, _) => token_in(request, rules.header().into_iter()),
        }
    }
}

/// The first token that is not empty, in the header fields of these names.
fn token_in<'h, H: Headers>(
    request: &RequestView<'h, H>,
    mut names: impl Iterator<Item = &'h str>,
) -> Option<Cow<'h, str>> {
    names.find_map(|name| {
        let name = name.to_ascii_lowercase();
        let token = request.field(&name)?;
        (!token.is_empty()).then(|| Cow::Owned(token.into_owned()))
    })
}

fn native_origin<H: Headers>(
    rules: &native::Rules,
    app: &App,
    request: &RequestView<'_, H>,
    method: &str,
) -> Result<native::OriginProof, Refusal> {
    let [fetch_site, origin, referer] =
        ["sec-fetch-site", "origin", "referer"].map(|name| request.field(name));
    let asked = native::Request {
        method,
        secure: app.is_over_tls(request),
        host: request.host().unwrap_or_default(),
        fetch_site: fetch_site.as_deref(),
        origin: origin.as_deref(),
        referer: referer.as_deref(),
    };
    native::origin(rules, &asked).map_err(Refusal::Native)
}
