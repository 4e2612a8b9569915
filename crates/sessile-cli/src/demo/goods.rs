//! What the shop sells, and the cart.

use std::collections::BTreeMap;

use sessile::{Session, Value};

/// A thing for sale.
#[derive(Debug)]
pub(crate) struct Good {
    /// Its name in the cart.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    pub(crate) cents: u32,
}

/// Animals that stay where they are.
pub(crate) const GOODS: [Good; 6] = [
    Good {
        name: "barnacle",
        title: "Barnacle",
        about: "Chooses once, holds for life.",
        cents: 350,
    },
    Good { name: "mussel", title: "Mussel", about: "Strong threads, calm manner.", cents: 290 },
    Good { name: "oyster", title: "Oyster", about: "Keeps what it is given.", cents: 480 },
    Good {
        name: "anemone",
        title: "Sea anemone",
        about: "Waves, but does not leave.",
        cents: 1250,
    },
    Good { name: "coral", title: "Coral", about: "Many sessions, one reef.", cents: 1990 },
    Good { name: "sponge", title: "Sponge", about: "Soaks up every request.", cents: 720 },
];

/// The most of one thing in a cart.
pub(crate) const MOST: u32 = 99;

pub(crate) fn find(name: &str) -> Option<&'static Good> {
    GOODS.iter().find(|good| good.name == name)
}

/// 1250 cents as "€12.50".
pub(crate) fn price(cents: u64) -> String {
    format!("€{}.{:02}", cents / 100, cents % 100)
}

/// Names and how many of each; the session's key `cart`.
pub(crate) type Cart = BTreeMap<String, u32>;

/// The cart as the session holds it. Other applications share the session, so
/// anything may be there: a list of names counts, the rest is ignored.
pub(crate) fn cart(session: &Session) -> Cart {
    let mut cart = Cart::new();
    match session.get_value("cart") {
        Some(Value::Map(map)) => {
            for (name, count) in map.iter() {
                if let (Some(name), Value::Int(count)) = (name.as_str(), count)
                    && let Ok(count @ 1..) = u32::try_from(*count)
                {
                    cart.insert(name.to_owned(), count.min(MOST));
                }
            }
        }
        Some(Value::List(names)) => {
            for name in names.iter().filter_map(Value::as_str) {
                let count = cart.entry(name.to_owned()).or_default();
                *count = (*count + 1).min(MOST);
            }
        }
        _ => {}
    }
    cart
}

/// Puts the cart into the session; an empty one is no key at all.
pub(crate) fn keep(session: &Session, cart: &Cart) {
    if cart.is_empty() {
        session.remove("cart");
    } else {
        session.insert("cart", cart);
    }
}

/// How many things are in it.
pub(crate) fn count(cart: &Cart) -> u32 {
    cart.values().fold(0, |sum, count| sum.saturating_add(*count))
}
