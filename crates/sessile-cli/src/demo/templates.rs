//! The pages' templates. Whatever a template is called, what goes into it is escaped.

use sessile::templates::{TemplateError, Templates};

const TEMPLATES: [(&str, &str); 9] = [
    ("base.html", include_str!("templates/base.html")),
    ("home.html", include_str!("templates/home.html")),
    ("log_in.html", include_str!("templates/log_in.html")),
    ("shop.html", include_str!("templates/shop.html")),
    ("cart.html", include_str!("templates/cart.html")),
    ("devices.html", include_str!("templates/devices.html")),
    ("inside.html", include_str!("templates/inside.html")),
    ("macros.html", include_str!("templates/macros.html")),
    ("error.html", include_str!("templates/error.html")),
];

/// The style sheet of all pages.
pub(crate) const STYLE: &str = include_str!("templates/style.css");

/// The templates, compiled.
pub(crate) fn load() -> Result<Templates, TemplateError> {
    Templates::from_sources(TEMPLATES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r52_no_template_turns_escaping_off_or_runs_script() {
        for (name, source) in TEMPLATES {
            for forbidden in ["|safe", "| safe", "autoescape", "<script", "javascript:"] {
                assert!(!source.contains(forbidden), "{name}: {forbidden}");
            }
            // Escaping guards quoted attributes only, and no addresses.
            assert_eq!(sessile::templates::lint(source), [], "{name}");
        }
    }
}
