//! Asking before something is done that cannot be undone.

use std::io::{self, IsTerminal as _, Write as _};

use crate::outcome::Failure;

/// Refuses where nobody can be asked and nobody has said yes, before anything is looked at.
pub(crate) fn can_be_asked(yes: bool, what: &str) -> Result<(), Failure> {
    if yes || io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{what} asks first, and nobody can answer here: give --yes, or look with --dry-run"
    )))
}

/// Asks, and waits for the answer. Only "y" and "yes" are one.
pub(crate) async fn confirmed(question: String) -> Result<bool, Failure> {
    let asked = tokio::task::spawn_blocking(move || {
        let mut err = io::stderr().lock();
        write!(err, "{question} [y/N] ")?;
        err.flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok::<_, io::Error>(answer)
    });
    let answer = asked.await.map_err(Failure::usage)?;
    let answer = answer.map_err(|error| Failure::usage(format!("no answer: {error}")))?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
