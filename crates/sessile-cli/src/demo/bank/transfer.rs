//! What the two transfer addresses do. Both do the same; what differs is around them.

use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::ledger::{Branch, NotSent};
use super::{ask_to_log_in, euros, sender};
use crate::demo::view::View;
use crate::human;

/// The most that is sent at once, in euros.
const MOST: u64 = 1000;

/// A name is no longer than this many characters.
const NAME_MAX: usize = 40;

#[derive(Deserialize)]
struct Transfer {
    to: String,
    amount: Amount,
}

/// A number, as text in forms.
#[derive(Deserialize)]
#[serde(untagged)]
enum Amount {
    Number(u64),
    Text(String),
}

impl Transfer {
    /// From wherever it comes: a form, JSON by whatever name, the address. Careless,
    /// and common: frameworks that do so are what the `text/plain` trick is for.
    fn read(query: Option<&str>, body: &[u8]) -> Option<Self> {
        if body.trim_ascii_start().starts_with(b"{") {
            return serde_json::from_slice(body).ok();
        }
        let form = if body.is_empty() { query?.as_bytes() } else { body };
        let uri = format!("/?{}", std::str::from_utf8(form).ok()?).parse().ok()?;
        axum::extract::Query::try_from_uri(&uri).ok().map(|it| it.0)
    }

    fn amount(&self) -> Option<u64> {
        let amount = match &self.amount {
            Amount::Number(amount) => *amount,
            Amount::Text(text) => text.trim().parse().ok()?,
        };
        (1..=MOST).contains(&amount).then_some(amount)
    }
}

/// `POST` only, behind the CSRF layer.
pub(crate) async fn transfer_guarded(
    view: View,
    method: Method,
    headers: HeaderMap,
    query: RawQuery,
    body: Bytes,
) -> Response {
    transfer(&view, Branch::Guarded, &sender(&method, &headers), query, &body)
}

/// `GET` or `POST`, from anybody.
pub(crate) async fn transfer_open(
    view: View,
    method: Method,
    headers: HeaderMap,
    query: RawQuery,
    body: Bytes,
) -> Response {
    transfer(&view, Branch::Open, &sender(&method, &headers), query, &body)
}

fn transfer(
    view: &View,
    branch: Branch,
    by: &str,
    RawQuery(query): RawQuery,
    body: &[u8],
) -> Response {
    let Some(user) = view.user() else { return ask_to_log_in(view) };
    let (category, text) = match Transfer::read(query.as_deref(), body) {
        None => ("error", "Nothing was sent: to whom, and how much?".to_owned()),
        Some(transfer) => carry_out(view, branch, &user, by, &transfer),
    };
    view.say(category, text);
    Redirect::to(branch.page()).into_response()
}

fn carry_out(
    view: &View,
    branch: Branch,
    user: &str,
    by: &str,
    transfer: &Transfer,
) -> (&'static str, String) {
    let to = transfer.to.trim();
    let too_long = to.chars().count() > NAME_MAX || to.chars().any(char::is_control);
    if to.is_empty() || too_long {
        return ("error", "Nothing was sent: a name has one to forty characters.".to_owned());
    }
    let Some(amount) = transfer.amount() else {
        return ("error", format!("Nothing was sent: from €1 to {} at once.", euros(MOST)));
    };
    match view.site.bank.send(branch, (user, to), amount, by, human::now()) {
        Ok(()) => ("success", format!("{} were sent to {to}.", euros(amount))),
        Err(NotSent::TooMuch) => ("error", "Nothing was sent: you have not that much.".to_owned()),
        Err(NotSent::ToOneself) => ("error", "Nothing was sent: that is you.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_is_read_from_anywhere() {
        for (query, body) in [
            (None, "to=mallory&amount=100&csrf_token=x"),
            (None, "{\"to\": \"mallory\", \"amount\": 100}"),
            (None, " {\"to\": \"mallory\", \"amount\": \"100\"}"),
            (Some("to=mallory&amount=+100+"), ""),
        ] {
            let transfer = Transfer::read(query, body.as_bytes()).unwrap();
            assert_eq!((transfer.to.as_str(), transfer.amount()), ("mallory", Some(100)), "{body}");
        }
    }

    #[test]
    fn what_is_none_is_none() {
        for body in ["", "{", "{}", "to=mallory", "amount=5", "\u{ff}", "{\"to\":1,\"amount\":1}"] {
            assert!(Transfer::read(None, body.as_bytes()).is_none(), "{body}");
        }
        for amount in ["0", "-1", "1001", "x", "", "18446744073709551616"] {
            let body = format!("to=a&amount={amount}");
            assert_eq!(Transfer::read(None, body.as_bytes()).unwrap().amount(), None, "{amount}");
        }
    }
}
