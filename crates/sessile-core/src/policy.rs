//! When a session is saved and when a cookie is sent: each profile's rules, as one table.
//!
//! The rules of Flask 3.1 (`SecureCookieSessionInterface.save_session`),
//! Flask-Session 0.8 (`ServerSideSessionInterface.save_session`), Django 5.2
//! (`SessionMiddleware.process_response`) and Starlette 1.10
//! (`SessionMiddleware`) are theirs to the letter; the native ones are ours.

use crate::profile::Profile;
use crate::session::{Credential, Rotation};

/// What a profile's rules may look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) found_in: FoundIn,
    /// What came with the request.
    pub(crate) credential: Credential,
    pub(crate) accessed: bool,
    /// The handler changed something.
    pub(crate) modified: bool,
    /// Nothing is in it that would be worth keeping.
    pub(crate) empty: bool,
    pub(crate) ended: bool,
    pub(crate) rotation: Option<Rotation>,
    /// How long it lives was chosen anew.
    pub(crate) lifetime_chosen: bool,
    pub(crate) permanent: bool,
    /// So much of the idle time has passed that it is worth writing down.
    pub(crate) renewal_due: bool,
    /// The response is a 5xx.
    pub(crate) server_error: bool,
}

/// Where the session's data came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FoundIn {
    Nowhere,
    Store,
    Cookie,
}

/// The settings the rules depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Switches {
    /// `SESSION_REFRESH_EACH_REQUEST` (Flask), `SESSION_SAVE_EVERY_REQUEST` (Django).
    pub(crate) refresh: bool,
    /// Changes are saved although the response is a 5xx.
    pub(crate) save_on_server_error: bool,
    /// The data live in a store, the cookie holds an id.
    pub(crate) stored: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) data: DataAction,
    pub(crate) cookie: CookieAction,
    /// The response depends on the session.
    pub(crate) vary: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataAction {
    Keep,
    Write,
    /// Move the idle deadline only.
    Renew,
    Delete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CookieAction {
    Keep,
    Send,
    Remove,
}

pub(crate) fn decide(profile: Profile, facts: Facts, switches: Switches) -> Verdict {
    // What another program wrote and we cannot read stays, with its cookie.
    let kept = facts.credential == Credential::Unreadable && !facts.ended;
    let (data, cookie) = match profile {
        _ if kept => (DataAction::Keep, CookieAction::Keep),
        Profile::Native => native(facts, switches),
        Profile::Flask => flask(facts, switches),
        Profile::FlaskSession => flask_session(facts, switches),
        Profile::Django => django(facts, switches),
        Profile::Starlette => starlette(facts),
    };
    Verdict { data, cookie, vary: facts.accessed || cookie != CookieAction::Keep }
}

/// Ours: writes what changed, renews with restraint, and never answers a dead
/// credential with a deletion, which could overtake a login's new cookie.
fn native(facts: Facts, switches: Switches) -> (DataAction, CookieAction) {
    let known = facts.found_in != FoundIn::Nowhere;
    // An end is carried out whatever the status: a logout that fails halfway must not stay open.
    if facts.ended && (facts.empty || facts.server_error) {
        let cookie = match facts.credential {
            Credential::Nothing => CookieAction::Keep,
            _ => CookieAction::Remove,
        };
        return (DataAction::Delete, cookie);
    }
    if facts.server_error && !switches.save_on_server_error {
        return (DataAction::Keep, CookieAction::Keep);
    }
    if !known && (facts.empty || !facts.modified) {
        return (DataAction::Keep, CookieAction::Keep);
    }
    if facts.empty && !switches.stored {
        let removed = facts.modified;
        return (DataAction::Keep, if removed { CookieAction::Remove } else { CookieAction::Keep });
    }
    // An emptied record stays: deleting it would end the session under a
    // concurrent request that is about to put something in.
    // The second: the id is due to change by its age.
    if facts.modified || facts.accessed && facts.rotation.is_some() {
        let new_id = !known || facts.ended || facts.rotation.is_some();
        let sent = new_id
            || !switches.stored
            || facts.lifetime_chosen
            || facts.permanent && facts.renewal_due;
        return (DataAction::Write, if sent { CookieAction::Send } else { CookieAction::Keep });
    }
    if facts.accessed && facts.renewal_due {
        let sent = facts.permanent || !switches.stored;
        return (DataAction::Renew, if sent { CookieAction::Send } else { CookieAction::Keep });
    }
    (DataAction::Keep, CookieAction::Keep)
}

fn flask(facts: Facts, switches: Switches) -> (DataAction, CookieAction) {
    if facts.empty {
        let removed = facts.modified;
        return (DataAction::Keep, if removed { CookieAction::Remove } else { CookieAction::Keep });
    }
    if facts.modified || facts.permanent && switches.refresh {
        (DataAction::Write, CookieAction::Send)
    } else {
        (DataAction::Keep, CookieAction::Keep)
    }
}

fn flask_session(facts: Facts, switches: Switches) -> (DataAction, CookieAction) {
    if facts.empty {
        return if facts.modified {
            (DataAction::Delete, CookieAction::Remove)
        } else {
            (DataAction::Keep, CookieAction::Keep)
        };
    }
    let data = match (facts.modified, switches.refresh) {
        (true, _) => DataAction::Write,
        // Flask-Session writes the whole session here, erasing what a concurrent
        // request stored. Moving the deadline is all it is for.
        (false, true) => DataAction::Renew,
        (false, false) => DataAction::Keep,
    };
    let sent = facts.modified || facts.permanent && switches.refresh;
    (data, if sent { CookieAction::Send } else { CookieAction::Keep })
}

/// Django speaks of a session's key. A cookie gives it one, and a key of its
/// shape is believed until something asks for the data. `signed_cookies`, whose
/// key is the data, never loses it: it starts anew under a changed key.
fn django(facts: Facts, switches: Switches) -> (DataAction, CookieAction) {
    let dead = facts.credential == Credential::Dead && !facts.ended;
    let loaded = facts.accessed || switches.refresh && !switches.stored;
    if dead && !loaded {
        return (DataAction::Keep, CookieAction::Keep);
    }
    let keeps_key = match facts.found_in {
        FoundIn::Nowhere => dead && !switches.stored,
        FoundIn::Store | FoundIn::Cookie => !facts.ended,
    };
    let no_session = facts.empty && !keeps_key && facts.rotation.is_none();
    if no_session {
        let data = if facts.ended || dead { DataAction::Delete } else { DataAction::Keep };
        let cookie = match facts.credential {
            Credential::Nothing => CookieAction::Keep,
            _ => CookieAction::Remove,
        };
        return (data, cookie);
    }
    let starts_anew = dead && keeps_key;
    let saved = facts.modified || switches.refresh || starts_anew;
    if saved && !facts.server_error {
        (DataAction::Write, CookieAction::Send)
    } else {
        (DataAction::Keep, CookieAction::Keep)
    }
}

fn starlette(facts: Facts) -> (DataAction, CookieAction) {
    match (facts.modified, facts.empty, facts.found_in) {
        (false, ..) | (true, true, FoundIn::Nowhere) => (DataAction::Keep, CookieAction::Keep),
        (true, true, _) => (DataAction::Delete, CookieAction::Remove),
        (true, false, _) => (DataAction::Write, CookieAction::Send),
    }
}
