//! The shop and the cart.

use axum::Form;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use minijinja::{Value, context};
use serde::Deserialize;

use super::goods::{self, GOODS, MOST};
use super::view::View;

pub(crate) async fn shop(view: View) -> Response {
    let cart = goods::cart(&view.session);
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
    view.page("shop.html", context! { goods => goods }).await
}

pub(crate) async fn cart(view: View) -> Response {
    let mut total = 0;
    let mut rows = Vec::new();
    for (name, &count) in &goods::cart(&view.session) {
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
    view.page("cart.html", more).await
}

#[derive(Deserialize)]
pub(crate) struct Add {
    name: String,
}

pub(crate) async fn add(view: View, Form(form): Form<Add>) -> Response {
    let Some(good) = goods::find(&form.name) else { return not_sold() };
    let mut cart = goods::cart(&view.session);
    let count = cart.entry(good.name.to_owned()).or_default();
    *count = (*count + 1).min(MOST);
    goods::keep(&view.session, &cart);
    view.say("success", format!("{} is in your cart.", good.title));
    Redirect::to(&format!("/shop#{}", good.name)).into_response()
}

#[derive(Deserialize)]
pub(crate) struct Change {
    name: String,
    /// What the field says, perhaps nothing: people empty it and press Enter.
    count: String,
}

pub(crate) async fn change(view: View, Form(form): Form<Change>) -> Response {
    let mut cart = goods::cart(&view.session);
    let Ok(count) = form.count.trim().parse::<u32>() else {
        return Redirect::to("/cart").into_response();
    };
    // Another application may have put things there that we do not sell.
    let title = goods::find(&form.name).map_or(form.name.as_str(), |good| good.title);
    let said = if count == 0 {
        cart.remove(&form.name).map(|_| format!("{title} is out of your cart."))
    } else if let Some(old) = cart.get_mut(&form.name) {
        *old = count.min(MOST);
        Some(format!("{title} in your cart: {old}."))
    } else {
        return not_sold();
    };
    let Some(said) = said else { return Redirect::to("/cart").into_response() };
    goods::keep(&view.session, &cart);
    view.say("success", said);
    Redirect::to("/cart").into_response()
}

fn not_sold() -> Response {
    (StatusCode::NOT_FOUND, "There is no such thing in this shop.\n").into_response()
}
