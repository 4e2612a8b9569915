//! What the originals did, done with sessile. One module for each group of families.

mod cookies;
mod csrf;
mod csrf_cookie;
mod django;
mod expiry;
mod flask;
mod flask_session;
mod input;
mod itsdangerous;
mod pickle;
mod response;

use serde_json::Value as Json;

use crate::case::Case;
use input::Input;

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raised {
    /// Where the original raises an exception.
    Exception {
        /// Its class.
        class: String,
        /// Its text.
        message: String,
    },
    /// What is missing here: the case fails.
    Unsupported(String),
}

impl Raised {
    fn exception(class: &str, message: impl ToString) -> Self {
        Self::Exception { class: class.into(), message: message.to_string() }
    }

    /// Says in which member of the input a form stands that is not known.
    fn of(self, member: &str) -> Self {
        match self {
            Self::Unsupported(what) => Self::Unsupported(format!("`{member}` in {what}")),
            raised @ Self::Exception { .. } => raised,
        }
    }
}

/// What an operation answers: a result in typed form.
pub type Answer = Result<Json, Raised>;

/// Does with the case's input what its operation names. Also names the members of the input
/// that the operation did not look at.
///
/// An operation that nobody knows is [`Raised::Unsupported`].
pub fn perform(case: &Case) -> (Answer, Vec<String>) {
    let input = Input::new(&case.input);
    let answer = answer(case, &input);
    (answer, input.unread())
}

fn answer(case: &Case, input: &Input<'_>) -> Answer {
    match case.op.as_str() {
        "fs_file" => return flask_session::file(case, input),
        "csrf_cookie" => return csrf_cookie::answer(case, input),
        _ => {}
    }
    let groups = [
        itsdangerous::perform,
        flask::perform,
        flask_session::perform,
        django::perform,
        cookies::perform,
        csrf::perform,
        expiry::perform,
        pickle::perform,
        response::perform,
    ];
    groups
        .iter()
        .find_map(|group| group(&case.op, input))
        .unwrap_or_else(|| Err(Raised::Unsupported(format!("operation {}", case.op))))
}

/// The value inside a compressed output, to compare outputs of different zlib builds.
/// `None` if the operation's outputs cannot be read back.
pub fn reread(case: &Case, output: &Json) -> Option<Json> {
    let input = Input::new(&case.input);
    let text = output.as_str()?;
    itsdangerous::reread(&case.op, &input, text)
        .or_else(|| flask::reread(&case.op, &input, text))
        .or_else(|| django::reread(&case.op, &input, text))
}
