//! Every form in which the files may write a key, a number, a text, a list or a mapping, in every
//! place of every operation: the answer is the same. The cases of `forms.json` are originals'.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use serde_json::{Map, Value as Json, json};
use sessile_interop::case::{Case, load};
use sessile_interop::run::check;

fn cases() -> Vec<Case> {
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/forms.json")).unwrap()
}

/// Members whose value is whatever a session may hold: another form is another value.
fn is_any_value(case: &Case, member: &str) -> bool {
    let is_typed = case.input[member].get("$t").is_some();
    is_typed
        || match member {
            "value" => matches!(
                &*case.op,
                "django_dumps"
                    | "urlsafe_dumps"
                    | "django_set_expiry"
                    | "tagged_dumps"
                    | "fs_encode"
            ),
            "session_value" | "script" => true,
            _ => false,
        }
}

/// Members in which bytes stand in hex.
fn is_hex(case: &Case, path: &[&str]) -> bool {
    match path {
        ["data"] => case.op != "django_session_decode",
        path => matches!(path, ["random_hex"] | ["stored", _]),
    }
}

/// Places where a fraction, or a span of time, is not what the original takes.
fn takes_only_integers(case: &Case, member: &str) -> bool {
    matches!((&*case.op, member), ("int_to_bytes" | "b62_encode", "n"))
}

fn is_a_span(case: &Case, member: &str) -> bool {
    match member {
        "max_age" => matches!(&*case.op, "django_loads" | "dump_cookie"),
        "PERMANENT_SESSION_LIFETIME" | "session_cookie_age" => true,
        _ => false,
    }
}

/// The other forms of what stands at a path.
fn forms(case: &Case, path: &[&str], plain: &Json) -> Vec<Json> {
    let member = *path.last().unwrap();
    match plain {
        Json::String(digits) if is_hex(case, path) => vec![json!({"$t": "bytes", "hex": digits})],
        Json::String(text) => {
            let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            vec![json!({"$t": "bytes", "hex": hex}), json!({"$t": "markup", "v": text})]
        }
        Json::Number(number) => {
            let mut forms = vec![json!({"$t": "int", "v": number.to_string()})];
            if !takes_only_integers(case, member) {
                forms.push(json!({"$t": "float", "v": format!("{number}.0")}));
            }
            if is_a_span(case, member) {
                forms.push(json!({"$t": "timedelta", "v": number.as_f64()}));
            }
            forms
        }
        Json::Array(items) => vec![
            json!({"$t": "tuple", "v": items}),
            items
                .iter()
                .map(|item| forms(case, path, item).into_iter().next().unwrap_or(item.clone()))
                .collect(),
        ],
        Json::Object(members) => {
            let pairs: Vec<_> = members.iter().map(|(key, value)| json!([key, value])).collect();
            vec![json!({"$t": "dict", "v": pairs})]
        }
        Json::Null | Json::Bool(_) => Vec::new(),
    }
}

/// The input with each of its places written in each other form, one at a time.
fn variants(case: &Case) -> Vec<(String, Json)> {
    let members = case.input.as_object().unwrap();
    let with = |path: &str, members: Map<String, Json>, member: &str, form: Json| {
        let mut members = members;
        members.insert(member.to_owned(), form.clone());
        (format!("{path}{member} = {form}"), Json::Object(members))
    };
    let mut variants = Vec::new();
    for (member, plain) in members.iter().filter(|(member, _)| !is_any_value(case, member)) {
        for form in forms(case, &[member], plain) {
            variants.push(with("", members.clone(), member, form));
        }
        for (inner, plain) in plain.as_object().into_iter().flatten() {
            for form in forms(case, &[member, inner], plain) {
                let nested = members[member].as_object().unwrap().clone();
                let (what, nested) = with(&format!("{member}."), nested, inner, form);
                let mut members = members.clone();
                members.insert(member.clone(), nested);
                variants.push((what, Json::Object(members)));
            }
        }
    }
    variants
}

#[test]
fn every_form_in_every_place_gives_the_same_answer() {
    let (mut tried, mut wrong) = (0, Vec::new());
    for case in cases() {
        check(&case).unwrap();
        for (what, input) in variants(&case) {
            tried += 1;
            if let Err(failure) = check(&Case { input, ..case.clone() }) {
                wrong.push(format!("{what}: {failure}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried > 500, "only {tried}");
}

#[test]
fn the_cases_cover_every_kind_of_key_and_number() {
    let cases = cases();
    let stands = |name: &str| {
        cases.iter().any(|case| {
            let members = case.input.as_object().unwrap();
            let inner = members.values().filter_map(Json::as_object);
            members.contains_key(name) || inner.into_iter().any(|it| it.contains_key(name))
        })
    };
    for name in [
        "key",
        "keys",
        "keys_oldest_first",
        "secret_key",
        "SECRET_KEY",
        "SECRET_KEY_FALLBACKS",
        "now",
        "max_age",
        "time_limit",
        "n",
        "length_bytes",
        "entries",
        "VERSION",
        "timeout",
        "view_status",
        "session_cookie_age",
        "SESSION_COOKIE_AGE",
        "PERMANENT_SESSION_LIFETIME",
        "SESSION_ID_LENGTH",
        "expires",
    ] {
        assert!(stands(name), "{name}");
    }
}

fn one(op: &str, input: Json, out: Json) -> Case {
    let case = json!({"id": "x", "family": "x", "op": op, "in": input, "out": out});
    serde_json::from_value(case).unwrap()
}

#[test]
fn integers_of_any_size_are_written_in_base_62() {
    // Django's own `b62_encode`.
    for (number, text) in [
        ("0", "0"),
        ("-62", "-10"),
        ("9007199254740993", "fFgnDxSe9"),
        ("9223372036854775807", "AzL8n0Y58m7"),
        ("-9223372036854775808", "-AzL8n0Y58m8"),
        ("9223372036854775808", "AzL8n0Y58m8"),
        ("18446744073709551616", "LygHa16AHYG"),
        ("-18446744073709551616", "-LygHa16AHYG"),
        ("1000000000000000000000000000000", "KyXecRaPqzvjQ8BcW"),
    ] {
        let input = json!({"n": {"$t": "int", "v": number}});
        check(&one("b62_encode", input, json!({"ok": text}))).unwrap();
    }
    let float = json!({"n": {"$t": "float", "v": "1.0"}});
    check(&one("b62_encode", float, json!({"error": "TypeError"}))).unwrap();
    for wrong in ["18446744073709551616", "-1"] {
        let input = json!({"n": {"$t": "int", "v": wrong}});
        check(&one("int_to_bytes", input, json!({"error": "error"}))).unwrap();
    }
}

#[test]
fn djangos_csrf_cookie_is_known_in_every_shape_of_its_answer() {
    let secret = "lcccccccX2kcccccccY2jcccccccssIC";
    let masked = "0123456789abcdefghijklmnopqrstuvb3456789V1kdefghij6btnopqrstKL2X";
    let header = format!(
        "csrftoken={secret}; expires=Fri, 01 Jan 2027 03:04:05 GMT; Max-Age=31449600; Path=/; \
         SameSite=Lax"
    );
    let inputs = [
        json!({"secret": secret, "now": 1_767_323_045}),
        json!({"cookie": secret, "now": 1_767_323_045}),
        json!({"cookie": masked, "secret": "x".repeat(32), "now": 1_767_323_045}),
        json!({"cookie": "abc", "secret": secret, "now": 1_767_323_045, "settings": {}}),
        json!({"cookie": "x".repeat(32), "rotate": true, "secret": secret, "now": 1_767_323_045}),
    ];
    for input in inputs {
        for out in [
            json!(header),
            json!([header]),
            json!({"set_cookie": [header], "vary": "Cookie", "status": 200}),
            json!({"cookie": header}),
        ] {
            check(&one("csrf_cookie", input.clone(), json!({"ok": out}))).unwrap();
        }
    }
    let settings = json!({
        "CSRF_COOKIE_NAME": "x", "CSRF_COOKIE_AGE": null, "CSRF_COOKIE_DOMAIN": ".a.org",
        "CSRF_COOKIE_PATH": "/p", "CSRF_COOKIE_SECURE": true, "CSRF_COOKIE_HTTPONLY": true,
        "CSRF_COOKIE_SAMESITE": "Strict",
    });
    let header = format!("x={secret}; Domain=.a.org; HttpOnly; Path=/p; SameSite=Strict; Secure");
    let mut input = json!({"secret": secret, "now": 1_767_323_045, "settings": settings});
    check(&one("csrf_cookie", input.clone(), json!({"ok": header}))).unwrap();
    input["settings"]["CSRF_COOKIE_SAMESITE"] = json!("x");
    check(&one("csrf_cookie", input, json!({"error": "ValueError"}))).unwrap();
    let in_session = json!({"secret": secret, "settings": {"CSRF_USE_SESSIONS": true}});
    let none = json!({"ok": {"set_cookie": [], "vary": null}});
    check(&one("csrf_cookie", in_session, none)).unwrap();
}

#[test]
fn forms_and_operations_that_are_not_known_are_named() {
    for (op, input, named) in [
        ("csrf_shake", json!({}), "csrf_shake"),
        ("b62_encode", json!({"n": "ten"}), "`n`"),
        ("salted_hmac", json!({"salt": "s", "value": "v", "key": 5}), "`key`"),
        ("salted_hmac", json!({"salt": "s", "value": "v", "key": {"$t": "ext", "v": 1}}), "`key`"),
        (
            "salted_hmac",
            json!({"salt": "s", "value": "v", "key": "k", "algorithm": "md5"}),
            "`algorithm`",
        ),
        ("csrf_decide", json!({"method": "GET", "secure": 1}), "`secure`"),
        ("fs_sid", json!({"random_hex": "00", "length_bytes": "1"}), "`length_bytes`"),
    ] {
        let failure = check(&one(op, input, json!({"ok": null}))).unwrap_err().to_string();
        assert!(failure.contains("not supported yet") && failure.contains(named), "{failure}");
    }
}
