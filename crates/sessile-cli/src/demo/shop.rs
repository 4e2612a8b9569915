//! The shop and the cart.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::{Value, context};
use serde::Deserialize;
use sessile::Session;

use super::goods::{self, GOODS, MOST};
use super::site::{Notice, Site};

pub(crate) async fn shop(
    State(site): State<Arc<Site>>,
    session: Session,
    Query(notice): Query<Notice>,
) -> Response {
    let cart = goods::cart(&session);
    let goods: Vec<Value> = GOODS
        .iter()
        .map(|good| {
            context! {
                name => good.name,
                title => good.title,
                about => good.about,
                price => goods::price(good.cents.into()),
                count => cart.get(good.name).copied().unwrap_or(0),
            }
        })
        .collect();
    site.page(&session, "shop.html", &notice, context! { goods => goods })
}

pub(crate) async fn cart(
    State(site): State<Arc<Site>>,
    session: Session,
    Query(notice): Query<Notice>,
) -> Response {
    let mut total = 0;
    let mut rows = Vec::new();
    for (name, &count) in &goods::cart(&session) {
        // Another application may have put things there that we do not sell.
        let good = goods::find(name);
        let sum = good.map(|good| u64::from(good.cents) * u64::from(count));
        total += sum.unwrap_or(0);
        rows.push(context! {
            name => name,
            title => good.map_or(name.as_str(), |good| good.title),
            price => good.map(|good| goods::price(good.cents.into())),
            count => count,
            sum => sum.map(goods::price),
        });
    }
    let more = context! { rows => rows, total => goods::price(total), most => MOST };
    site.page(&session, "cart.html", &notice, more)
}

#[derive(Deserialize)]
pub(crate) struct Add {
    name: String,
}

pub(crate) async fn add(session: Session, Form(form): Form<Add>) -> Response {
    let Some(good) = goods::find(&form.name) else { return not_sold() };
    let mut cart = goods::cart(&session);
    let count = cart.entry(good.name.to_owned()).or_default();
    *count = (*count + 1).min(MOST);
    goods::keep(&session, &cart);
    Redirect::to(&format!("/shop#{}", good.name)).into_response()
}

#[derive(Deserialize)]
pub(crate) struct Change {
    name: String,
    /// What the field says, perhaps nothing: people empty it and press Enter.
    count: String,
}

pub(crate) async fn change(session: Session, Form(form): Form<Change>) -> Response {
    let mut cart = goods::cart(&session);
    let Ok(count) = form.count.trim().parse::<u32>() else {
        return Redirect::to("/cart").into_response();
    };
    if count == 0 {
        cart.remove(&form.name);
    } else if let Some(old) = cart.get_mut(&form.name) {
        *old = count.min(MOST);
    } else {
        return not_sold();
    }
    goods::keep(&session, &cart);
    Redirect::to("/cart").into_response()
}

fn not_sold() -> Response {
    (StatusCode::NOT_FOUND, "There is no such thing in this shop.\n").into_response()
}
