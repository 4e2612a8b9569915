//! Every setting of CSRF protection: Flask-WTF's, Django's, and ours beside them.

use super::error::SettingsError;
use super::read::*;
use super::setting::{Setting, settings};
use super::value::SettingValue;
use super::words::*;
use sessile_core::cookie::SameSite;
use sessile_core::csrf::django;

const NEEDED: &str = "needed";

settings! {
    /// What was given of the settings of CSRF protection.
    CsrfTable, csrf: true;
    "CSRF protection" {
        /// Whose rules to follow. Not set: flask_wtf with flask and flask_session, django with
        /// django, else native.
        "CSRF_PROFILE" profile: CsrfProfile = |it| word(it, CSRF_PROFILES),
            "native, flask_wtf or django",
            [N | W | D => NOT_SET], "sessile";
        /// How much of a form is read in search of its token.
        "CSRF_FORM_LIMIT" form_limit: usize = some_count,
            "1 or more bytes", [N | W | D => "1048576"], "sessile";
        /// **Weakening.** Routes that are not checked, as the router has them: `/hooks/{id}`. For
        /// programs that prove themselves otherwise; in place of `csrf.exempt` and `@csrf_exempt`.
        "CSRF_EXEMPT_ROUTES" exempt_routes: Vec<String> =
            |it| list_of(it, |route| route.starts_with('/')),
            "a list of routes that begin with /", [N | W | D => NOT_SET], "sessile";
        /// Whose forms and scripts are trusted as this site's own.
        "CSRF_TRUSTED_ORIGINS" trusted_origins: SettingValue = as_given,
            "a list of origins such as https://shop.example, with Django's rules also \
             https://*.shop.example",
            [N | D => NOT_SET], "Django";
        /// **Weakening.** Lets requests in that say nothing of where they come from, as long as
        /// their token is right.
        "CSRF_ACCEPT_WITHOUT_ORIGIN" without_origin: bool = flag,
            BOOL, [N => "false"], "sessile";
        /// **Weakening.** Lets requests in without a token, as long as this site sent them.
        "CSRF_ACCEPT_WITHOUT_TOKEN" without_token: bool = flag,
            BOOL, [N => "false"], "sessile";
    }
    "CSRF protection by Flask-WTF's rules" {
        /// **Weakening** when false: nothing is checked.
        "WTF_CSRF_ENABLED" enabled: bool = flag,
            BOOL, [W => "true"], "Flask-WTF";
        /// **Weakening** when false: nothing is checked, since no view here calls
        /// `csrf.protect()`.
        "WTF_CSRF_CHECK_DEFAULT" check_default: bool = flag,
            BOOL, [W => "true"], "Flask-WTF";
        /// Which methods are checked. None: `WTF_CSRF_ENABLED=false`.
        "WTF_CSRF_METHODS" methods: Vec<String> = methods,
            "one or more methods in capitals: POST, PUT, PATCH, DELETE",
            [W => "POST,PUT,PATCH,DELETE"], "Flask-WTF";
        /// The form's field, and the key in the session.
        "WTF_CSRF_FIELD_NAME" field_name: String = some_string,
            TEXT, [W => "csrf_token"], "Flask-WTF";
        /// The headers that may carry the token, in this order.
        "WTF_CSRF_HEADERS" headers: Vec<String> = |it| list_of(it, is_header),
            "a list of header names", [W => "X-CSRFToken,X-CSRF-Token"], "Flask-WTF";
        /// The name in `csrf_meta_tag()`.
        "WTF_CSRF_META_NAME" meta_name: String = some_string,
            TEXT, [W => "csrf-token"], "Flask-WTF 1.3";
        /// How long a token is good.
        "WTF_CSRF_TIME_LIMIT" time_limit: Option<i64> = |it| or_none(it, whole_seconds),
            "seconds, a time such as \"1 hour\" or \"PT1H\", or \"none\"",
            [W => "3600"], "Flask-WTF";
        /// Over HTTPS, lets only requests in whose `Referer` is this site's.
        "WTF_CSRF_SSL_STRICT" ssl_strict: bool = flag,
            BOOL, [W => "true"], "Flask-WTF";
        /// What signs the tokens. Not set: `SECRET_KEY`. Older keys are not tried.
        "WTF_CSRF_SECRET_KEY" key: String = string,
            TEXT, [W => NOT_SET], "Flask-WTF", secret, may_be_empty;
    }
    "CSRF protection by Django's rules" {
        /// The site's hosts: only with one of them can an `Origin` or `Referer` be the site's own.
        /// Nothing else is done with it here.
        "ALLOWED_HOSTS" allowed_hosts: Vec<String> = |it| list_of(it, django::is_host_pattern),
            "a list of host names without port; .shop.example for subdomains too, * for all",
            [D => NEEDED], "Django";
        /// The cookie's name.
        "CSRF_COOKIE_NAME" cookie_name: String = string,
            TEXT, [D => "csrftoken"], "Django";
        /// How long browsers keep the cookie; none: until they are closed.
        "CSRF_COOKIE_AGE" cookie_age: Option<i64> =
            |it| or_none(it, |it| whole_seconds(it).filter(|it| *it > 0)),
            "seconds or a time such as \"365 days\", above zero, or \"none\"",
            [D => "31449600"], "Django";
        /// The cookie's domain; a `Referer` of this host passes.
        "CSRF_COOKIE_DOMAIN" cookie_domain: Option<String> = domain,
            DOMAIN, [D => "false"], "Django";
        /// The path below which browsers send the cookie.
        "CSRF_COOKIE_PATH" cookie_path: String = string,
            PATH, [D => "/"], "Django";
        /// Sends the cookie over HTTPS only.
        "CSRF_COOKIE_SECURE" cookie_secure: bool = flag,
            BOOL, [D => "false"], "Django";
        /// Keeps the cookie out of reach of scripts.
        "CSRF_COOKIE_HTTPONLY" cookie_httponly: bool = flag,
            BOOL, [D => "false"], "Django";
        /// The cookie's `SameSite`. `None` needs `CSRF_COOKIE_SECURE`.
        "CSRF_COOKIE_SAMESITE" cookie_samesite: Option<SameSite> = same_site,
            SAME_SITE, [D => "Lax"], "Django";
        /// The header that may carry the token.
        "CSRF_HEADER_NAME" header_name: String = django_header,
            "a header as Django has it: HTTP_X_CSRFTOKEN for X-CSRFToken",
            [D => "HTTP_X_CSRFTOKEN"], "Django";
        /// Keeps the secret in the session, not in a cookie of its own.
        "CSRF_USE_SESSIONS" use_sessions: bool = flag,
            BOOL, [D => "false"], "Django";
    }
}
