//! The bank: balance, statement and transfers, once protected and once not.

mod ledger;
mod transfer;

use std::sync::Arc;

use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::{Value, context};
use sessile::Session;
use sessile::csrf::Refusal;

pub(crate) use self::ledger::{Bank, Branch};
use self::ledger::{Entry, What};
pub(crate) use self::transfer::{transfer_guarded, transfer_open};
use super::devices::moment;
use super::playground;
use super::site::Site;
use super::view::View;
use crate::human;

/// Where the transfer form of the protected branch is sent.
pub(crate) const GUARDED: &str = "/bank/transfer";

/// Where that of the other is.
pub(crate) const OPEN: &str = "/unprotected/bank/transfer";

impl Branch {
    fn page(self) -> &'static str {
        match self {
            Self::Guarded => "/bank",
            Self::Open => "/unprotected/bank",
        }
    }
}

pub(crate) async fn guarded(view: View, headers: HeaderMap) -> Response {
    page(view, &headers, Branch::Guarded).await
}

pub(crate) async fn open(view: View, headers: HeaderMap) -> Response {
    page(view, &headers, Branch::Open).await
}

async fn page(view: View, headers: &HeaderMap, branch: Branch) -> Response {
    let statement = view.user().map(|user| view.site.bank.statement(branch, &user));
    let now = human::now();
    let entries = statement.as_ref().map(|(_, entries)| entries.iter());
    let rows: Vec<Value> = entries.into_iter().flatten().map(|it| row(it, now)).collect();
    let hostile = view.site.playground.map(|port| playground::beside(headers, port));
    let more = context! {
        open => branch == Branch::Open,
        balance => statement.map(|(balance, _)| euros(balance)),
        rows => rows,
        hostile => hostile,
        proof => view.site.proof,
        beginning => euros(ledger::BEGINNING),
    };
    view.page("bank.html", more).await
}

fn row(entry: &Entry, now: sessile::Timestamp) -> Value {
    let (kind, text) = match &entry.what {
        What::Sent { to, amount } if entry.by != OWN_FORM => {
            ("taken", format!("{} to {to}", euros(*amount)))
        }
        What::Sent { to, amount } => ("sent", format!("{} to {to}", euros(*amount))),
        What::Received { from, amount } => ("received", format!("{} from {from}", euros(*amount))),
        What::Refused { why } => ("refused", why.clone()),
    };
    context! { kind => kind, text => text, by => &*entry.by, at => moment(Some(entry.at), now) }
}

/// 1000 as "€1,000".
pub(crate) fn euros(amount: u64) -> String {
    let digits = amount.to_string();
    let mut text = String::from("€");
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

pub(crate) async fn begin_again_guarded(view: View) -> Redirect {
    begin_again(&view, Branch::Guarded)
}

pub(crate) async fn begin_again_open(view: View) -> Redirect {
    begin_again(&view, Branch::Open)
}

fn begin_again(view: &View, branch: Branch) -> Redirect {
    if let Some(user) = view.user() {
        view.site.bank.begin_again(branch, &user);
        view.say("info", "Your account is as it was in the beginning.");
    }
    Redirect::to(branch.page())
}

/// Writes on the account what the protected branch refused before any handler saw it.
/// Between the session layer and the CSRF layer.
pub(crate) async fn note_refusals(
    State(site): State<Arc<Site>>,
    request: Request,
    next: Next,
) -> Response {
    if request.uri().path() != GUARDED {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let mut kept = parts.clone();
    let response = next.run(Request::from_parts(parts, body)).await;
    let why = match response.extensions().get::<Refusal>() {
        Some(refusal) => refusal.to_string(),
        None if response.status() == StatusCode::METHOD_NOT_ALLOWED => {
            format!("a {} only looks: it moves no money", kept.method)
        }
        None => return response,
    };
    // Only the account's owner sees it. Whoever has no session has no account.
    if let Ok(session) = <Session>::from_request_parts(&mut kept, &()).await
        && let Some(user) = session.get::<String>("username")
    {
        let by = sender(&kept.method, &kept.headers);
        site.bank.refuse(Branch::Guarded, &user, &why, &by, human::now());
    }
    response
}

/// What the browser says of the bank's own pages.
const OWN_FORM: &str = "your own form";

/// Who sent a request, as far as the browser says.
fn sender(method: &Method, headers: &HeaderMap) -> String {
    let field = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if field("sec-fetch-site") == Some("same-origin") {
        return OWN_FORM.to_owned();
    }
    let referer = field(header::REFERER.as_str()).and_then(|it| {
        let host = it.find("://").map(|at| at + 3)?;
        let end = it.get(host..)?.find('/').map_or(it.len(), |at| host + at);
        it.get(..end)
    });
    let site: String = field(header::ORIGIN.as_str()).or(referer).unwrap_or("somebody").into();
    // A `Referer` may be of any length.
    let site: String = site.chars().take(80).collect();
    format!("{site}, with {method}")
}

/// Who is not logged in has no account.
fn ask_to_log_in(view: &View) -> Response {
    view.say("warning", "Please log in first: an account belongs to somebody.");
    Redirect::to("/login").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn euros_are_grouped() {
        for (amount, text) in [(0, "€0"), (999, "€999"), (1000, "€1,000"), (1234567, "€1,234,567")]
        {
            assert_eq!(euros(amount), text);
        }
    }

    #[test]
    fn the_sender_is_what_the_browser_says() {
        for (fields, says) in [
            (&[("sec-fetch-site", "same-origin")][..], "your own form"),
            (&[("origin", "http://x:1"), ("referer", "http://y/")], "http://x:1, with POST"),
            (&[("referer", "http://y:2/secret?a=b")], "http://y:2, with POST"),
            (&[("referer", "http://y")], "http://y, with POST"),
            (&[("referer", "nonsense")], "somebody, with POST"),
            (&[], "somebody, with POST"),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.insert(*name, value.parse().unwrap());
            }
            assert_eq!(sender(&Method::POST, &headers), says);
        }
    }
}
