//! A program that keeps ids as it is told them, and what else the tests share.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use sessile::{AnyStore, Config, MemoryStore, Transport};
use sessile_conformance::http::app::InMemory;
use sessile_conformance::http::{Clock, Reply, Site as _, Stage};

/// An application over a memory store of its own, whose ids travel so.
pub(crate) fn stage(transport: Transport) -> Stage {
    let mut config = Config::native();
    config.transport = transport;
    configured(config)
}

pub(crate) fn configured(config: Config) -> Stage {
    Stage::over(AnyStore::new(MemoryStore::new()), config, Clock::default()).unwrap()
}

/// One request with these fields, answered.
pub(crate) async fn ask(
    app: axum::Router,
    method: Method,
    target: &str,
    fields: &[(HeaderName, HeaderValue)],
    body: &str,
) -> Reply {
    let mut request = Request::new(body.to_owned());
    *request.method_mut() = method;
    *request.uri_mut() = target.parse().unwrap();
    request.headers_mut().insert(header::HOST, HeaderValue::from_static("shop.example"));
    for (name, value) in fields {
        request.headers_mut().append(name, value.clone());
    }
    InMemory(app).answer(request).await.unwrap()
}

/// Which header fields a program uses.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Header,
    Bearer,
}

pub(crate) const KINDS: [Kind; 2] = [Kind::Header, Kind::Bearer];

impl Kind {
    pub(crate) fn transport(self) -> Transport {
        match self {
            Self::Header => Transport::header("X-Session-Id"),
            Self::Bearer => Transport::bearer(),
        }
    }

    /// The field of a request with this id.
    pub(crate) fn field(self, id: &str) -> (HeaderName, HeaderValue) {
        let (name, text) = match self {
            Self::Header => (HeaderName::from_static("x-session-id"), id.to_owned()),
            Self::Bearer => (header::AUTHORIZATION, format!("Bearer {id}")),
        };
        (name, HeaderValue::from_str(&text).unwrap())
    }

    /// The name of the request's field.
    pub(crate) fn sent_in(self) -> &'static str {
        match self {
            Self::Header => "x-session-id",
            Self::Bearer => "authorization",
        }
    }

    /// The name of the response's field.
    pub(crate) fn told_in(self) -> &'static str {
        match self {
            Self::Header => "x-session-id",
            Self::Bearer => "x-session-token",
        }
    }

    /// What a response says of the id: `None` is nothing, an empty text its end.
    pub(crate) fn told(self, headers: &HeaderMap) -> Option<String> {
        let mut all = headers.get_all(self.told_in()).iter();
        let told = all.next().map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(all.next(), None, "told twice");
        told
    }
}

/// A program that keeps its id.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) app: axum::Router,
    pub(crate) kind: Kind,
    pub(crate) id: Option<String>,
}

impl Program {
    pub(crate) fn new(stage: &Stage, kind: Kind) -> Self {
        Self { app: stage.app(), kind, id: None }
    }

    pub(crate) fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    pub(crate) async fn send(&mut self, method: Method, target: &str) -> Reply {
        let fields: Vec<_> = self.id.iter().map(|id| self.kind.field(id)).collect();
        let reply = ask(self.app.clone(), method, target, &fields, "").await;
        assert!(reply.set_cookies().is_empty(), "a cookie from {target}");
        match self.kind.told(&reply.headers) {
            Some(id) if id.is_empty() => self.id = None,
            Some(id) => self.id = Some(id),
            None => {}
        }
        reply
    }

    pub(crate) async fn get(&mut self, target: &str) -> Reply {
        self.send(Method::GET, target).await
    }

    pub(crate) async fn post(&mut self, target: &str) -> Reply {
        self.send(Method::POST, target).await
    }

    /// The body of a GET.
    pub(crate) async fn see(&mut self, target: &str) -> String {
        self.get(target).await.expect(200).unwrap().body
    }
}
