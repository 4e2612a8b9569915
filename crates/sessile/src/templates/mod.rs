//! Pages from templates that know the session, whatever they are called escaped.
//!
//! The names are those a Flask user knows: `session`, `request`, `g`,
//! `current_user`, `get_flashed_messages()`, `url_for()`, `csrf_token()`. A template
//! that asks for none of them costs no store trip; one that asks for the session
//! has it loaded as a handler would.
//!
//! Within a `CsrfLayer`, whichever its rules are, a form needs one line more:
//! `{{ csrf_field() }}`, the hidden field, or Django's `{{ csrf_input }}`, which is
//! the same. `{{ csrf_token() }}` is its value alone, and `{{ csrf_meta_tag() }}`
//! Flask-WTF's element for scripts.

#[cfg(feature = "csrf")]
mod csrf;
mod error_pages;
mod lint;
mod page;
mod safe_url;
mod urls;
mod views;

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};

use http::Request;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use tower_layer::Layer;
use tower_service::Service;

pub use error_pages::{ErrorPages, ErrorPagesService};
pub use lint::{Finding, lint};
pub use page::{Page, RenderError};
pub use safe_url::safe_url;

use self::urls::Urls;

/// The templates of a site, and what they share.
///
/// ```
/// use axum::{Router, response::Response, routing::get};
/// use sessile::{Config, MemoryStore, SessionLayer};
/// use sessile::templates::{Page, Templates, context};
///
/// async fn cart(page: Page) -> Response {
///     page.render("cart.html", context! { goods => ["apples", "pears"] }).await
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let templates = Templates::from_sources([(
///     "cart.html",
///     r#"{% for message in get_flashed_messages() %}<p>{{ message }}</p>{% endfor %}
///     <a href="{{ url_for('cart') }}">{{ session.username }}'s cart</a>
///     {% for good in goods %}<li>{{ good }}</li>{% endfor %}"#,
/// )])?
/// .route("cart", "/cart");
/// let app: Router = Router::new()
///     .route("/cart", get(cart))
///     .layer(templates.layer())
///     .layer(SessionLayer::new(Config::native(), MemoryStore::new())?);
/// # Ok(())
/// # }
/// ```
pub struct Templates {
    environment: Environment<'static>,
    urls: Urls,
    processors: Vec<Processor>,
    show_errors: bool,
}

pub use minijinja::{self, context};

/// A function whose result every page of a site has.
type Processor = Box<dyn Fn(&Page) -> Value + Send + Sync>;

/// What all requests share.
pub(crate) struct Shared {
    environment: Environment<'static>,
    processors: Vec<Processor>,
    show_errors: bool,
    /// The templates that were seen to ask for the session.
    ask_for_session: RwLock<HashSet<String>>,
}

impl Shared {
    fn asks_for_session(&self, template: &str) -> bool {
        let known = self.ask_for_session.read().unwrap_or_else(PoisonError::into_inner);
        known.contains(template)
    }

    fn note_asks_for_session(&self, template: &str) {
        let mut known = self.ask_for_session.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(template.to_owned());
    }
}

impl Templates {
    /// The templates of a directory, by their paths below it. All are read and
    /// compiled now, so that a broken one is found at the start, and checked by
    /// [`lint`]; what it finds is traced as warnings.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] for a directory that cannot be read and for a template that is none.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self, TemplateError> {
        let dir = dir.as_ref();
        let mut templates = Self::empty();
        templates.environment.set_loader(minijinja::path_loader(dir));
        templates.environment.set_auto_reload(false);
        let mut names = Vec::new();
        walk(dir, String::new(), &mut names).map_err(|error| {
            let because = minijinja::Error::new(
                minijinja::ErrorKind::TemplateNotFound,
                format!("{}: {error}", dir.display()),
            );
            TemplateError { template: String::new(), because }
        })?;
        for name in names {
            let template = templates.environment.get_template(&name).map_err(named(&name))?;
            warn(&name, template.source());
        }
        Ok(templates)
    }

    /// Templates by name and source, such as `include_str!` gives.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] for one that is none.
    pub fn from_sources<N: Into<String>, S: Into<String>>(
        sources: impl IntoIterator<Item = (N, S)>,
    ) -> Result<Self, TemplateError> {
        let mut templates = Self::empty();
        for (name, source) in sources {
            let (name, source) = (name.into(), source.into());
            warn(&name, &source);
            let added = templates.environment.add_template_owned(name.clone(), source);
            added.map_err(named(&name))?;
        }
        Ok(templates)
    }

    fn empty() -> Self {
        let mut environment = Environment::new();
        // minijinja goes by the name's ending and leaves `.txt`, `.svg`, `.HTML`
        // and names without one unescaped.
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        // Printing what is not there is a mistake; asking whether it is there is not.
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.add_filter("safe_url", |url: &str| safe_url(url).to_owned());
        #[cfg(feature = "csrf")]
        environment.set_formatter(csrf::formatter);
        let (urls, processors) = Default::default();
        Self { environment, urls, processors, show_errors: false }
    }

    /// For development: templates are read again when their files change, and a
    /// broken page shows why. Never in production.
    #[must_use]
    pub fn for_development(mut self) -> Self {
        self.environment.set_auto_reload(true);
        self.environment.set_debug(true);
        self.show_errors = true;
        self
    }

    /// Names a route, for `url_for(name, …)`. `path` is written as axum writes
    /// it: `/users/{id}`, `/files/{*rest}`. Arguments that are not in it become
    /// the query; `_anchor` the fragment.
    #[must_use]
    pub fn route(mut self, name: impl Into<String>, path: impl Into<String>) -> Self {
        self.urls.add(name.into(), path.into());
        self
    }

    /// Where static files are served: `url_for('static', filename='style.css')`.
    #[must_use]
    pub fn static_files(self, path: impl Into<String>) -> Self {
        let path = path.into();
        self.route("static", format!("{}/{{*filename}}", path.trim_end_matches('/')))
    }

    /// Adds what every page has (Flask's `context_processor`): a map. What the
    /// handler gives wins over it.
    #[must_use]
    pub fn context(mut self, processor: impl Fn(&Page) -> Value + Send + Sync + 'static) -> Self {
        self.processors.push(Box::new(processor));
        self
    }

    /// Changes minijinja's environment: filters, tests, globals, syntax.
    /// Escaping is forced again afterwards.
    #[must_use]
    pub fn configure(mut self, change: impl FnOnce(&mut Environment<'static>)) -> Self {
        change(&mut self.environment);
        self.environment.set_auto_escape_callback(|_| AutoEscape::Html);
        self
    }

    /// The layer that gives every handler its [`Page`]. Inside the
    /// [`SessionLayer`](crate::SessionLayer), or pages know no session.
    pub fn layer(self) -> TemplatesLayer {
        let Self { mut environment, urls, processors, show_errors } = self;
        urls.into_function(&mut environment);
        let ask_for_session = RwLock::default();
        let shared = Shared { environment, processors, show_errors, ask_for_session };
        TemplatesLayer { shared: Arc::new(shared) }
    }
}

/// Names of all files below `dir`, but hidden ones.
fn walk(dir: &Path, prefix: String, names: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), format!("{prefix}{name}/"), names)?;
        } else {
            names.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

fn warn(name: &str, source: &str) {
    for finding in lint(source) {
        tracing::warn!(target: "sessile", template = name, "{finding}");
    }
}

fn named(template: &str) -> impl FnOnce(minijinja::Error) -> TemplateError {
    let template = template.to_owned();
    |because| TemplateError { template, because }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Templates")
    }
}

/// Gives every request behind it its [`Page`]. Cheap to clone.
#[derive(Clone)]
pub struct TemplatesLayer {
    pub(crate) shared: Arc<Shared>,
}

impl TemplatesLayer {
    /// A layer that shows errors as pages: see [`ErrorPages`].
    pub fn error_pages(&self, template: impl Into<Arc<str>>) -> ErrorPages {
        ErrorPages::new(self.shared.clone(), template.into())
    }
}

impl<S> Layer<S> for TemplatesLayer {
    type Service = TemplatesService<S>;

    fn layer(&self, inner: S) -> TemplatesService<S> {
        TemplatesService { inner, shared: self.shared.clone() }
    }
}

/// A service behind [`TemplatesLayer`].
#[derive(Clone)]
pub struct TemplatesService<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for TemplatesService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(self.shared.clone());
        self.inner.call(request)
    }
}

/// Why a template makes no page.
pub struct TemplateError {
    template: String,
    because: minijinja::Error,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.template {
            "" => f.write_str("the templates cannot be read"),
            name => write!(f, "template {name:?} makes no page"),
        }?;
        write!(f, ": {}", self.because)
    }
}

sessile_core::debug_reads_like_display!(TemplateError);

impl std::error::Error for TemplateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // Its words are among ours: what lies below them is not told yet.
        std::error::Error::source(&self.because)
    }
}
