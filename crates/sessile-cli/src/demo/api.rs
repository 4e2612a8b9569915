//! The session as JSON, for tests that run beside other applications. Values
//! are in Flask's tagged JSON, so that types other than JSON's arrive, too.

use axum::Json;
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sessile::{Csrf, Map, Session, Value};
use sessile_formats::flask::TaggedJson;
use sessile_formats::itsdangerous::Codec as _;

/// `GET /api/session` → `{"data": {…}}`.
pub(crate) async fn show(session: Session) -> Response {
    answer(&session)
}

/// `POST /api/session` with `{"set": {…}, "remove": […], "end": true}`, all optional;
/// answers like `GET`.
pub(crate) async fn change(session: Session, body: Bytes) -> Response {
    let Some(Changes { set, remove, end }) = TaggedJson::IN_APP.loads(&body).ok().and_then(changes)
    else {
        let text = "send {\"set\": {…}, \"remove\": [\"key\", …], \"end\": true}, all optional\n";
        return (StatusCode::BAD_REQUEST, text).into_response();
    };
    if end {
        session.flush();
    }
    for key in remove {
        session.remove(&key);
    }
    for (key, value) in set {
        session.insert_value(key, value);
    }
    answer(&session)
}

/// `GET /api/csrf` → `{"field": …, "token": …}`: the form field that changes are to be
/// sent with, for programs that read no pages.
pub(crate) async fn csrf(csrf: Csrf) -> Response {
    let token = serde_json::json!({ "field": csrf.field_name(), "token": csrf.token() });
    ([(header::CACHE_CONTROL, "no-store")], Json(token)).into_response()
}

fn answer(session: &Session) -> Response {
    let data = Value::Map(session.to_map());
    match TaggedJson::IN_APP.dumps(&Map::from_iter([("data", data)]).into()) {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => {
            let text = format!("the session has no form in JSON: {error}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

/// What is to be done to the session.
struct Changes {
    set: Vec<(String, Value)>,
    remove: Vec<String>,
    /// Before the others: what is set then begins a new one.
    end: bool,
}

/// `None` when the request is not of the form.
fn changes(request: Value) -> Option<Changes> {
    let Value::Map(mut request) = request else { return None };
    let set = match request.remove("set") {
        None => Vec::new(),
        Some(Value::Map(set)) => set
            .into_iter()
            .map(|(key, value)| Some((key.as_str()?.to_owned(), value)))
            .collect::<Option<_>>()?,
        Some(_) => return None,
    };
    let remove = match request.remove("remove") {
        None => Vec::new(),
        Some(Value::List(keys)) => {
            keys.iter().map(|key| key.as_str().map(str::to_owned)).collect::<Option<_>>()?
        }
        Some(_) => return None,
    };
    let end = match request.remove("end") {
        None => false,
        Some(Value::Bool(end)) => end,
        Some(_) => return None,
    };
    Some(Changes { set, remove, end })
}
