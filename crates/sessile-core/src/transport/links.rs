//! The id that a page may name before its session is saved.

use crate::engine::{Engine, SessionCodec};
use crate::error::CommitError;
use crate::id::SessionId;
use crate::policy::{DataAction, FoundIn};
use crate::random::Random;
use crate::session::{Lookup, Session, Source};
use sessile_formats::Timestamp;

/// What links and forms of a response carry.
#[derive(Debug)]
pub enum Link {
    /// Nothing: there is no session.
    Nothing,
    /// The id that came with the request, which may be anything.
    Sent,
    /// This one, which leads to the session.
    Id(SessionId),
}

impl Engine {
    /// What a page that is made now has to name for the next request to reach `session`. Where
    /// the session will get an id when it is saved, that id is drawn now.
    ///
    /// It speaks of the session as it is at this call: what logs in, begins or ends the session
    /// must come before.
    ///
    /// # Errors
    ///
    /// [`CommitError::Random`].
    pub fn link(
        &self,
        session: &Session,
        now: Timestamp,
        random: &mut Random<'_>,
    ) -> Result<Link, CommitError> {
        let SessionCodec::Id { ids, .. } = &self.codec else { return Ok(Link::Nothing) };
        let mut state = session.lock();
        state.accessed = true;
        let (facts, verdict) = self.verdict(&state, false, now);
        let new = facts.ended || facts.found_in == FoundIn::Nowhere || facts.rotation.is_some();
        if verdict.data == DataAction::Write && new {
            let id = match &state.reserved {
                Some(id) => (**id).clone(),
                None => ids.issue(random)?,
            };
            let spelled = ids.encode(&id);
            state.reserved = Some(Box::new(id));
            return Ok(Link::Id(SessionId::foreign(spelled)));
        }
        Ok(match &state.origin {
            _ if facts.ended || verdict.data == DataAction::Delete => Link::Nothing,
            Source::Stored { at: Lookup { id: Some(id), .. }, .. } => {
                Link::Id(SessionId::foreign(ids.encode(id)))
            }
            // By an old id in its grace period: the new one is not known here.
            Source::Stored { .. } => Link::Sent,
            Source::Fresh { .. } | Source::Held { .. } => Link::Nothing,
        })
    }
}

impl Session {
    /// Whether the credential of the request led to this session.
    pub fn was_found(&self) -> bool {
        !matches!(self.lock().origin, Source::Fresh { .. })
    }
}
