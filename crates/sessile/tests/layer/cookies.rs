//! What is sent to the browser, and how often.

use axum::Router;
use axum::routing::post;
use sessile::{Config, Cookie, CookieError, Cookies, Session};

use crate::support::{browser, stage};

/// Never two with one name, never folded into one field.
#[tokio::test]
async fn r32_one_set_cookie_whatever_one_request_does() {
    async fn everything(session: Session, cookies: Cookies) {
        session.insert("a", 1);
        session.log_in("alice");
        session.cycle_id();
        session.flush();
        session.log_in("bob");
        session.set_permanent(true);
        for value in ["dark", "light"] {
            cookies.set(Cookie::new("theme", value)).unwrap();
        }
    }
    async fn ends_logged_out(session: Session) {
        session.log_in("alice");
        session.cycle_id();
        session.flush();
    }
    let stage = stage(Config::native());
    let app = || {
        Router::new()
            .route("/everything", post(everything))
            .route("/ends-logged-out", post(ends_logged_out))
    };
    let mut visitor = browser(app(), stage.layer());
    for round in 0..3 {
        let reply = visitor.post("/everything").await.unwrap().expect(200).unwrap();
        let cookies = reply.set_cookies();
        assert_eq!(cookies.len(), 2, "round {round}");
        assert_eq!(visitor.jar()["theme"], "light");
        for cookie in cookies {
            assert!(!cookie.contains(','), "folded");
            let mut names: Vec<_> = cookie
                .split(';')
                .skip(1)
                .map(|part| part.split('=').next().unwrap().trim().to_ascii_lowercase())
                .collect();
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count, "an attribute twice");
        }
    }
    let reply = visitor.post("/ends-logged-out").await.unwrap().expect(200).unwrap();
    assert_eq!(reply.set_cookies().len(), 1);
    assert_eq!(visitor.jar().len(), 1, "the theme stays, the session goes");
    // A visitor without a session who logs in and out again needs no cookie at all.
    let mut stranger = browser(app(), stage.layer());
    let reply = stranger.post("/ends-logged-out").await.unwrap().expect(200).unwrap();
    assert!(reply.set_cookies().is_empty());
    assert!(stage.store.calls().iter().all(|(_, count)| *count < 20));
}

/// Two cookies of one name would be sent, and the browser would keep either.
#[tokio::test]
async fn r32_the_application_cannot_set_a_cookie_of_the_sessions_name() {
    async fn overwrite(session: Session, cookies: Cookies) {
        session.insert("a", 1);
        for result in [
            cookies.set(Cookie::new("__Host-id", "mine").secure(true)),
            cookies.remove(Cookie::new("__Host-id", "").secure(true)),
        ] {
            assert!(matches!(result, Err(CookieError::Reserved { .. })), "{result:?}");
        }
    }
    let stage = stage(Config::native());
    let mut visitor = browser(Router::new().route("/", post(overwrite)), stage.layer());
    let reply = visitor.post("/").await.unwrap().expect(200).unwrap();
    assert_eq!(reply.set_cookies().len(), 1);
}

#[tokio::test]
async fn r25_the_default_cookie_is_exactly_this() {
    let stage = stage(Config::native());
    let mut visitor = stage.browser();
    let reply = visitor.post("/set?k=a&v=1").await.unwrap().expect(200).unwrap();
    let (_, id) = visitor.only_cookie().unwrap();
    let wanted = format!("__Host-id={id}; Path=/; Secure; HttpOnly; SameSite=Lax");
    assert_eq!(reply.set_cookies(), [wanted]);
}

#[tokio::test]
async fn r43_clear_site_data_goes_with_every_end_when_asked_for() {
    for (asked, wanted) in [(true, "\"cookies\", \"storage\""), (false, "")] {
        let mut config = Config::native();
        config.clear_site_data = asked;
        let stage = stage(config);
        let mut visitor = stage.browser();
        let reply = visitor.post("/login?user=alice").await.unwrap().expect(200).unwrap();
        assert_eq!(reply.field("clear-site-data"), "");
        let reply = visitor.post("/logout").await.unwrap().expect(200).unwrap();
        assert_eq!(reply.field("clear-site-data"), wanted);
    }
}

/// Around a nested router and around all of it: a middleware between the two
/// and a handler that logs in must not take each other's session away.
#[tokio::test]
async fn one_layer_twice_is_one_session() {
    use axum::extract::Request;
    use axum::middleware::{Next, from_fn};

    let stage = stage(Config::native());
    let count = async |session: Session, request: Request, next: Next| {
        session.insert("seen", session.get::<u32>("seen").unwrap_or(0) + 1);
        next.run(request).await
    };
    let inner = Router::new()
        .route("/login", post(async |session: Session| session.log_in("alice")))
        .route(
            "/seen",
            post(async |session: Session| session.get_value("seen").is_some().to_string()),
        )
        .layer(stage.layer());
    let mut visitor =
        browser(Router::new().nest("/in", inner).layer(from_fn(count)), stage.layer());
    visitor.post("/in/seen").await.unwrap().expect_body("true").unwrap();
    for _ in 0..2 {
        let reply = visitor.post("/in/login").await.unwrap().expect(200).unwrap();
        assert_eq!(reply.set_cookies().len(), 1);
    }
    visitor.post("/in/seen").await.unwrap().expect_body("true").unwrap();
}

/// Two layers with cookies of their own: the inner one's session is the handler's.
#[tokio::test]
async fn two_layers_keep_to_their_own_cookies() {
    let named = |name: &str| {
        let mut config = Config::native().for_development();
        config.cookie.name = name.to_owned();
        config
    };
    let (outer, inner) = (stage(named("outer")), stage(named("inner")));
    let app = Router::new()
        .route("/inner/set", post(async |session: Session| session.insert("a", 1)))
        .layer(inner.layer())
        .route("/outer/set", post(async |session: Session| session.insert("a", 1)));
    let mut visitor = browser(app, outer.layer());
    visitor.post("/inner/set").await.unwrap().expect(200).unwrap();
    assert_eq!(visitor.jar().keys().collect::<Vec<_>>(), ["inner"]);
    visitor.post("/outer/set").await.unwrap().expect(200).unwrap();
    assert_eq!(visitor.jar().len(), 2);
}
