//! The pages' templates. Whatever a template is called, what goes into it is escaped.

use sessile::templates::{TemplateError, Templates};

use axum::http::header;
use axum::response::IntoResponse;

const TEMPLATES: [(&str, &str); 13] = [
    ("base.html", include_str!("templates/base.html")),
    ("home.html", include_str!("templates/home.html")),
    ("log_in.html", include_str!("templates/log_in.html")),
    ("shop.html", include_str!("templates/shop.html")),
    ("cart.html", include_str!("templates/cart.html")),
    ("devices.html", include_str!("templates/devices.html")),
    ("inside.html", include_str!("templates/inside.html")),
    ("macros.html", include_str!("templates/macros.html")),
    ("error.html", include_str!("templates/error.html")),
    ("bank.html", include_str!("templates/bank.html")),
    ("comments.html", include_str!("templates/comments.html")),
    ("inspector.html", include_str!("templates/inspector.html")),
    COMMENTS,
];

/// The comments in a frame, with and without escaping.
pub(crate) const COMMENTS: (&str, &str) =
    ("comments_frame.html", include_str!("templates/comments_frame.html"));

/// The pages of the hostile site.
pub(crate) const HOSTILE: [(&str, &str); 3] = [
    ("hostile_base.html", include_str!("templates/hostile_base.html")),
    ("hostile.html", include_str!("templates/hostile.html")),
    ("attack.html", include_str!("templates/attack.html")),
];

/// The style sheet of all pages. Touches no session, so it costs none.
pub(crate) async fn style() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, include_str!("templates/style.css"))
}

/// The templates, compiled.
pub(crate) fn load() -> Result<Templates, TemplateError> {
    Templates::from_sources(TEMPLATES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r52_no_template_turns_escaping_off_or_runs_script() {
        for (name, source) in HOSTILE {
            assert_eq!(sessile::templates::lint(source), [], "{name}");
        }
        for (name, source) in TEMPLATES {
            for forbidden in ["|safe", "| safe", "autoescape", "<script", "javascript:"] {
                let source = source.replace("|safe_url", "");
                assert!(!source.contains(forbidden), "{name}: {forbidden}");
            }
            // Escaping guards quoted attributes only, and no addresses.
            assert_eq!(sessile::templates::lint(source), [], "{name}");
        }
    }
}
