//! The pages' templates. Whatever a template is called, what goes into it is escaped.

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior};

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
pub(crate) fn environment() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    // By default minijinja escapes by file extension: `.txt`, `.svg` and names
    // without one would not be.
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    // A misspelt variable is a mistake, not nothing.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // Lines that hold tags only leave nothing behind.
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r51_every_template_name_escapes() {
        let mut environment = environment().unwrap();
        let names = ["x.html", "x.txt", "x", "x.HTML", "x.svg", "x.xhtml", "x.html.tpl", "x.md"];
        for name in names {
            environment.add_template(name, "<p title=\"{{ v }}\">{{ v }}</p>").unwrap();
        }
        let context = minijinja::context! { v => "\"><script>" };
        let wanted = "<p title=\"&quot;&gt;&lt;script&gt;\">&quot;&gt;&lt;script&gt;</p>";
        for name in names {
            let page = environment.get_template(name).unwrap().render(context.clone()).unwrap();
            assert_eq!(page, wanted, "{name}");
        }
        let page = environment.render_str("{{ v }}", context).unwrap();
        assert_eq!(page, "&quot;&gt;&lt;script&gt;");
    }

    #[test]
    fn r52_no_template_turns_escaping_off_or_runs_script() {
        for (name, source) in TEMPLATES {
            for forbidden in ["|safe", "| safe", "autoescape", "<script", "javascript:"] {
                assert!(!source.contains(forbidden), "{name}: {forbidden}");
            }
            // Escaping guards quoted attributes only.
            for (at, _) in source.match_indices("={{") {
                let tag = source[..at].rsplit('<').next().unwrap();
                assert!(tag.matches('"').count() % 2 == 1, "{name}: unquoted, {tag}");
            }
        }
    }
}
