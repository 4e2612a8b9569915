//! From request headers to a session, or to the key that must be loaded.

use bytes::Bytes;

use crate::codec::{Held, StoredCodec};
use crate::cookie::{self, Found};
use crate::engine::{Engine, SessionCodec};
use crate::error::{OpenError, PayloadError};
use crate::event::{Event, EventKind};
use crate::id::Subject;
use crate::profile::Profile;
use crate::session::{Credential, Data, Lookup, Session, Source};
use crate::store::Entry;
use sessile_formats::Timestamp;
use sessile_formats::django;
use sessile_formats::{Map, Value};

/// What [`Engine::begin`] makes of a credential.
#[derive(Debug)]
pub enum Begun {
    /// The session is at hand.
    Ready(Opened),
    /// The store must be asked; [`Engine::loaded`] takes the answer.
    Load(Lookup),
}

/// A session, and what is to be reported of how it was found.
#[derive(Debug)]
pub struct Opened {
    /// The session for the handler.
    pub session: Session,
    /// Set when a credential led nowhere.
    pub event: Option<Event>,
}

/// What [`Engine::loaded`] makes of the store's answer.
#[derive(Debug)]
pub enum Loaded {
    /// The session is at hand.
    Ready(Opened),
    /// The session has moved; ask for this one instead.
    Follow(Lookup),
}

/// What the store said for a key, read by our clock.
// One lives briefly on the stack per load; a box would cost more than it saves.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Reading {
    Live { origin: Source, data: Data },
    Follow(Lookup),
    Nothing(EventKind),
}

impl Engine {
    /// Step one: finds the session cookie among the request's `Cookie` headers.
    /// Allocates nothing and decodes nothing.
    pub fn read<'h>(&self, headers: impl IntoIterator<Item = &'h [u8]>) -> Found<'h> {
        cookie::find(headers, self.cookie_name(), self.pick)
    }

    /// Step two: what the cookie's value says, checked.
    ///
    /// # Errors
    ///
    /// [`OpenError::Payload`] in the foreign profiles whose originals answer a
    /// well-signed but undecodable cookie with a 500.
    pub fn begin(&self, cookie: Option<&[u8]>, now: Timestamp) -> Result<Begun, OpenError> {
        // An empty value is no credential: an empty id is never looked up.
        let Some(value) = cookie.filter(|value| !value.is_empty()) else {
            // Django removes a cookie without a value; the others do not see it.
            let credential = match (cookie, self.profile) {
                (Some(_), Profile::Django) => Credential::Malformed,
                _ => Credential::Nothing,
            };
            return Ok(Begun::Ready(self.fresh(credential, None, now)));
        };
        match &self.codec {
            SessionCodec::Id { ids, .. } => Ok(match ids.lookup(value) {
                Some(at) => Begun::Load(at),
                None => Begun::Ready(self.fresh(
                    credential_of_refused(value),
                    Some(EventKind::Rejected),
                    now,
                )),
            }),
            SessionCodec::Data(codec) => {
                Ok(Begun::Ready(match codec.open(value, self.signature_age(), now)? {
                    Held::Session { record, data } => {
                        let origin = Source::Held { record };
                        let session = Session::new(self.profile, self.terms(), now, origin, data);
                        Opened { session, event: None }
                    }
                    Held::Refused(kind) => {
                        self.fresh(credential_of_refused(value), Some(kind), now)
                    }
                }))
            }
        }
    }

    /// Step two, continued: what the store's answer says.
    ///
    /// An id that leads nowhere, or to what cannot be read, is not adopted: the
    /// session that comes of it, if any, gets an id of its own.
    pub fn loaded(&self, at: Lookup, entry: Option<Entry>, now: Timestamp) -> Loaded {
        match self.reading(at, entry, now) {
            Reading::Live { origin, data } => Loaded::Ready(Opened {
                session: Session::new(self.profile, self.terms(), now, origin, data),
                event: None,
            }),
            Reading::Follow(to) => Loaded::Follow(to),
            Reading::Nothing(kind) => {
                // Another program's visitor may be logged in there by what we cannot read.
                let credential = match kind {
                    EventKind::Unreadable if self.profile() != Profile::Native => {
                        Credential::Unreadable
                    }
                    _ => Credential::Dead,
                };
                Loaded::Ready(self.fresh(credential, Some(kind), now))
            }
        }
    }

    /// A session for a visitor who sent what cannot be a credential, such as two of them.
    pub fn refused(&self, now: Timestamp) -> Opened {
        self.fresh(Credential::Malformed, Some(EventKind::Rejected), now)
    }

    /// A session for a visitor whose store failed, in the mode that allows reading as anonymous.
    pub fn anonymous(&self, now: Timestamp) -> Session {
        self.fresh(Credential::Dead, None, now).session
    }

    pub(crate) fn reading(&self, at: Lookup, entry: Option<Entry>, now: Timestamp) -> Reading {
        let (record, version) = match entry {
            None => return Reading::Nothing(EventKind::Unknown),
            Some(Entry::Unreadable(_)) => return Reading::Nothing(EventKind::Unreadable),
            Some(Entry::Moved { to, until }) => {
                return match at.follow(to).filter(|_| self.leads(until, now)) {
                    Some(next) => Reading::Follow(next),
                    None => Reading::Nothing(EventKind::Unknown),
                };
            }
            Some(Entry::Live(record, version)) => (record, version),
        };
        if record.has_ended(now) {
            return Reading::Nothing(EventKind::Expired);
        }
        match self.data_in(&record.payload) {
            Some(data) => {
                let origin = Source::Stored { at, version, record };
                Reading::Live { origin, data }
            }
            None => {
                if let SessionCodec::Id { data, .. } = &self.codec {
                    let why = data.fault(&record.payload);
                    tracing::error!(
                        target: "sessile",
                        why,
                        "a stored session cannot be read and is left as it is"
                    );
                }
                Reading::Nothing(EventKind::Unreadable)
            }
        }
    }

    /// The data in a stored payload; `None` if they cannot be read. Native data stay undecoded.
    fn data_in(&self, payload: &Bytes) -> Option<Data> {
        match &self.codec {
            SessionCodec::Id { data: StoredCodec::Native, .. }
                if payload.len() <= self.config.max_bytes =>
            {
                Data::native(payload)
            }
            _ => self.decode(payload).map(Data::from),
        }
    }

    /// The data in a stored payload; `None` if they cannot be read.
    pub fn decode(&self, payload: &[u8]) -> Option<Map> {
        match &self.codec {
            SessionCodec::Id { data, .. } if payload.len() <= self.config.max_bytes => {
                data.decode(payload)
            }
            _ => None,
        }
    }

    /// As [`decode`](Self::decode), but `None` for damaged data of Django's, where Django itself
    /// goes on with an empty session.
    pub fn decode_strictly(&self, payload: &[u8]) -> Option<Map> {
        match &self.codec {
            SessionCodec::Id { data, .. } if payload.len() <= self.config.max_bytes => {
                data.decode_strictly(payload)
            }
            _ => None,
        }
    }

    /// The user that data name, where the profile keeps the user in the data
    /// (Flask-Login's `_user_id`, Django's `_auth_user_id`).
    pub fn subject_in(&self, data: &Map) -> Option<Subject> {
        match data.get(self.profile.subject_key()?)? {
            Value::Str(text) => Subject::new(text.as_str()),
            Value::Int(number) => Subject::new(number.to_string()),
            _ => None,
        }
    }

    /// The bytes a store is given for these data.
    ///
    /// # Errors
    ///
    /// The profile's format has no form for one of the values, or a cookie carries the session.
    pub fn encode(&self, data: &Map, now: Timestamp) -> Result<Vec<u8>, PayloadError> {
        match &self.codec {
            SessionCodec::Id { data: codec, .. } => codec.encode(data, now),
            SessionCodec::Data(_) => {
                Err(PayloadError::new("these sessions live in cookies, not in a store"))
            }
        }
    }

    fn fresh(&self, credential: Credential, kind: Option<EventKind>, now: Timestamp) -> Opened {
        let mut data = Map::new();
        if self.profile == Profile::FlaskSession && self.config.session_permanent {
            // Flask-Session 0.8, `ServerSideSession.__init__`.
            data.insert("_permanent", true);
        }
        let origin = Source::Fresh { credential };
        let session = Session::new(self.profile, self.terms(), now, origin, data.into());
        let event = kind.map(|kind| Event { kind, session: None, subject: None });
        Opened { session, event }
    }
}

/// What a refused value is to Django: of a key's shape, or not.
fn credential_of_refused(value: &[u8]) -> Credential {
    match django::is_session_key(&String::from_utf8_lossy(value)) {
        true => Credential::Dead,
        false => Credential::Malformed,
    }
}
